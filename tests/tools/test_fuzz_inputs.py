"""A slice of the campaign of damaged inputs, and that it would find what it looks for."""

from __future__ import annotations

import importlib
import json
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def fuzz() -> Iterator[ModuleType]:
    """The script as a module; it and the processes that it starts find its neighbours by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).resolve().parents[2] / "tools")
        yield importlib.import_module("fuzz_inputs")


@pytest.fixture(scope="module")
def kinds(fuzz: ModuleType) -> ModuleType:
    """The module of the kinds of input."""
    return importlib.import_module("fuzz_kinds")


# Of each kind: those that compute little more than they read have the most.
CASES = {"training": 1, "resumed": 8, "ranking": 12}
MOST_CASES = 20


# Generous: an input that hangs is what it is there for.
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "kind",
    [
        *("configuration", "overrides", "data", "own", "model", "list", "table", "command"),
        *("records", "ranking", "resumed", "training"),
    ],
)
def test_damaged_inputs_end_as_promised(
    fuzz: ModuleType, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(fuzz.KINDS) >= {kind} and len(fuzz.KINDS) == 12
    for number in range(CASES.get(kind, MOST_CASES)):
        fuzz.attempt(kind, number, 7, tmp_path)
    assert not list(tmp_path.glob(f"{kind}-*"))


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (ZeroDivisionError("a bug"), "ZeroDivisionError: a bug"),
        ((3, ""), "exit code 3"),
        ((2, "error: one\nand another line\n"), "an error must be one line"),
        ((2, "Traceback\n"), "an error must be one line"),
        ("write", "files outside the output directory changed"),
    ],
    ids=["traceback", "exit code", "two lines", "no line", "foreign files"],
)
def test_broken_promises_are_found(
    fuzz: ModuleType,
    kinds: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Any,
    message: str,
) -> None:
    def case(rng: random.Random, folder: Path) -> Any:
        def run() -> tuple[int, str]:
            if isinstance(outcome, Exception):
                raise outcome
            if outcome == "write":
                (folder / "elsewhere.txt").write_text("x")
                return 0, ""
            return outcome  # type: ignore[no-any-return]

        return kinds.Case(run, folder / "out")

    monkeypatch.setitem(fuzz.KINDS, "made up", case)
    with pytest.raises(fuzz.FindingError, match=message):
        fuzz.attempt("made up", 0, 0, tmp_path)


def test_what_is_allowed_is_no_finding(
    fuzz: ModuleType, kinds: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def case(rng: random.Random, folder: Path) -> Any:
        def run() -> tuple[int, str]:
            (folder / "out").mkdir()
            (folder / "out" / "x").write_text("x")
            return 2, "warning: this\nUsage: that\nError: no such option\n"

        return kinds.Case(run, folder / "out")

    monkeypatch.setitem(fuzz.KINDS, "made up", case)
    fuzz.attempt("made up", 0, 0, tmp_path)


def test_a_case_is_the_same_whenever_it_is_repeated(kinds: ModuleType, tmp_path: Path) -> None:
    made = []
    for _ in range(2):
        # The same folder: numbers in its name may be what is damaged.
        folder = tmp_path / "case"
        folder.mkdir()
        kinds.of_configuration(random.Random("0:configuration:3"), folder)
        made.append((folder / "my.yaml").read_text("utf-8"))
        shutil.rmtree(folder)
    assert made[0] == made[1]
    rng = random.Random(1)
    values = [kinds.damaged_value(rng, {"a": [1, {"b": "c"}], "d": None}) for _ in range(200)]
    assert len({json.dumps(value, default=str) for value in values}) > 50


def hang(todo: list[tuple[str, int]], seed: int, say: Any) -> None:
    """Stands for a process whose second case never ends."""
    for kind, number in todo:
        say.send((kind, number, None))
        if number == 1:
            time.sleep(1000)
        say.send((kind, number, ""))


def test_a_case_that_hangs_is_ended_and_the_others_are_done(
    fuzz: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "_work", hang)
    found = list(fuzz.run([("list", k) for k in range(3)], 0, 1.0))
    assert [(number, bool(finding)) for _, number, finding in found] == [
        (0, False),
        (1, True),
        (2, False),
    ]
    assert "took more than 1 seconds" in found[1][2]
