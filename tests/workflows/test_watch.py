"""Progress in words, on a terminal and elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.planning.status import read_heartbeat
from intertrain_jax.workflows import watch as module
from intertrain_jax.workflows.watch import (
    Silent,
    Terminal,
    describe,
    duration,
    grid_display,
    seconds_left,
)
from tests.runs import make_plan

HALF = GridProgress(
    **{"done": 4, "failed": 1, "total": 10, "lanes": 4, "examples": 5000},
    **{"tokens": 8000, "tokens_left": 10000.0, "compile_seconds": 10.0, "seconds": 50.0},
    running=make_plan().runs[:3],
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_time_left_follows_from_the_tokens_that_are_left() -> None:
    assert seconds_left(HALF) == 50.0
    assert seconds_left(replace(HALF, compile_seconds=0.0)) == 62.5
    assert seconds_left(GridProgress(total=10, seconds=5.0)) is None
    assert seconds_left(GridProgress(tokens=9, seconds=5.0, compile_seconds=5.0)) is None
    assert seconds_left(replace(HALF, tokens=100)) is None, "too early to tell"


def test_description() -> None:
    assert describe(HALF) == "5/10, 1 failed, 3 in 4 lanes, 100 examples/s, 50 s left"
    assert describe(GridProgress(total=9)).endswith("0 examples/s, time left unknown")


def test_plain_lines_come_now_and_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 9.9, 10.1, 10.2])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with grid_display(Terminal(), tmp_path) as display:
        for done in range(5):
            display(replace(HALF, done=done))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["runs 1/10", "runs 4/10"]


def test_quiet_says_nothing_but_leaves_the_heartbeat(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with grid_display(Terminal(quiet=True), tmp_path) as display:
        display(HALF)
        heartbeat = read_heartbeat(tmp_path)
        assert heartbeat is not None
        assert (heartbeat.done, heartbeat.active, heartbeat.seconds_left) == (4, 3, 50.0)
        assert heartbeat.running == tuple(run.name for run in HALF.running)
    assert read_heartbeat(tmp_path) is None
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with grid_display(Terminal(), tmp_path) as display:
        display(HALF)
    assert "100 examples/s" in capsys.readouterr().err


def test_silence_warns_as_python_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Silent().say("reading")
    with grid_display(Silent(), tmp_path) as display:
        display(HALF)
    with pytest.warns(UserWarning, match="no record"):
        Silent().warn("x is no record")
    assert capsys.readouterr() == ("", "")
