"""The command group: verbs, errors and exit codes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from intertrain_jax.base import InterruptedBySignal, IntertrainError
from intertrain_jax.cli import main, options

VERBS = "recommend grid rank predict analyze report doctor plan status tasks models".split()


def test_verbs() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for verb in VERBS:
        assert f"\n  {verb} " in result.output


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    result = CliRunner().invoke(main, [verb, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")


@pytest.mark.parametrize("arguments", [["gird"], ["grid", "--sed", "3"], ["grid", "--seeds", "x"]])
def test_usage_errors_exit_with_two(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_a_users_error_is_one_line_and_two(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise IntertrainError("the thing must be so, got this. Do that.")

    monkeypatch.setattr(options, "load_config", fail)
    result = CliRunner().invoke(main, ["plan"])
    assert result.exit_code == 2
    assert result.stderr == "error: the thing must be so, got this. Do that.\n"
    assert result.stdout == ""


@pytest.mark.parametrize("verb", ["analyze", "doctor", "report", "status", "models sources"])
def test_a_path_that_nothing_can_have_is_one_line(verb: str, tmp_path: Path) -> None:
    words = [*verb.split(), "[0, 0" * 900, *([str(tmp_path)] if "sources" in verb else [])]
    words = ["status", "--out", words[1]] if verb == "status" else words
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1


def test_what_happens_to_a_file_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device", "results/a.json")

    monkeypatch.setattr(options, "load_config", fill)
    result = CliRunner().invoke(main, ["plan"])
    assert result.exit_code == 2
    assert result.stderr == (
        "error: 'results/a.json' cannot be used (No space left on device). Correct the path, or"
        " see to it that it can be.\n"
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyboardInterrupt(), 130), (InterruptedBySignal(2), 130), (InterruptedBySignal(15), 143)],
    ids=["Ctrl-C", "SIGINT", "SIGTERM"],
)
def test_an_interruption_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(options, "load_config", interrupt)
    monkeypatch.setattr(sys, "argv", ["/bin/intertrain-jax", "grid", "--out", "my results"])
    # The command leaves an impatient user the way out that needs no program.
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        result = CliRunner().invoke(main, ["grid", "--out", "my results"])
        assert [signal.getsignal(number) for number in numbers] == [signal.SIG_DFL] * 2
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert result.exit_code == code
    assert "to go on: intertrain-jax grid --out 'my results'" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rank", "--models", "roberta-66"), "Finished models are kept; to go on: "),
        (("models", "train", "a", "b", "0"), "Finished runs are kept; to go on: "),
        (("models", "check", "a"), "interrupted. To do it again: "),
        (("analyze", "table.csv"), "interrupted. To do it again: "),
    ],
)
def test_only_what_goes_on_says_so(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise InterruptedBySignal(15)

    monkeypatch.setattr(click.Command, "invoke", interrupt)
    monkeypatch.setattr(sys, "argv", ["intertrain-jax", *words])
    monkeypatch.setattr(signal, "signal", lambda *given: None)
    result = CliRunner().invoke(main, [*words])
    assert result.exit_code == 143
    assert result.stderr.endswith(f"{said}intertrain-jax {' '.join(words)}\n")


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*args: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(options, "load_config", bug)
    with pytest.raises(ZeroDivisionError):
        CliRunner().invoke(main, ["plan"], catch_exceptions=False)


def test_the_package_runs_as_a_module(tmp_path: Path, repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "intertrain_jax", "grid", "--seeds", "0"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(repository)},
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: config key 'seeds' must be >= 1, got 0.")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
