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


def test_verbs() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    for verb in ("grid", "analyze", "doctor", "plan", "status", "tasks", "models"):
        assert f"\n  {verb} " in result.output


@pytest.mark.parametrize("verb", ["grid", "analyze", "doctor", "plan", "status", "tasks", "models"])
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
