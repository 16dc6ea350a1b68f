"""`status`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from intertrain_jax.cli import main
from intertrain_jax.planning.status import (
    Heartbeat,
    WorkerState,
    this_process,
    write_heartbeat,
)
from intertrain_jax.workflows.grid import grid
from intertrain_jax.workflows.rank import rank
from tests.experiments import FakeEngine, write_experiment
from tests.rankings import fake, write_ranking


def status(out: Path) -> str:
    result = CliRunner().invoke(main, ["status", "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_status_of_a_grid(tmp_path: Path) -> None:
    config = write_experiment(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        grid(config, runner=FakeEngine(interrupt_after=5))
    out = config.out_dir
    assert "12 runs, 5 done, 0 failed, 0 running, 7 pending" in status(out)
    write_heartbeat(out, Heartbeat(this_process(), time.time(), 1, 0, 7, 3, 42.0, 90.0, seconds=60))
    text = status(out)
    assert "5 done, 0 failed, 3 running, 4 pending" in text
    assert "running now: 42 examples/s, 60 runs/h, time left 1 min 30 s" in text
    assert "node" not in text


def test_status_of_workers_is_told_by_node(tmp_path: Path) -> None:
    config = write_experiment(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        grid(config, runner=FakeEngine(interrupt_after=5))
    workers = (
        WorkerState("w3", "beta", 7, "cpu", 4, 1, 0),
        WorkerState("w1", "alpha", 5, "1 x H100", 2, 3, 1_000),
        WorkerState("w2", "alpha", 6, "1 x H100", 2, 2, 4),
        WorkerState("w4", "alpha", 8, "A100", 2, 0, 1),
    )
    beat = Heartbeat(
        this_process(), time.time(), 2, 1, 7, 3, 42.0, None, seconds=5_400.0, workers=workers
    )
    write_heartbeat(config.out_dir, beat)
    text = status(config.out_dir)
    assert "running now: 42 examples/s, 2 runs/h, time left unknown\n" in text
    lines = [line for line in text.splitlines() if line.startswith("node")]
    assert lines == [
        "node alpha: 3 workers on 1 x A100, 2 x H100, 5 runs for 6 lanes, 1,005 ended",
        "node beta: 1 worker on 1 x cpu, 1 run for 4 lanes, 0 ended",
    ]


def test_failures_and_foreign_files_are_listed(tmp_path: Path) -> None:
    config = write_experiment(tmp_path)
    grid(config, runner=FakeEngine(failures={"PT:beta:0": "diverged"}))
    (config.out_dir / "records" / "notes.json").write_text("{}", "utf-8")
    text = status(config.out_dir)
    assert "9 done, 3 failed" in text
    assert "failed: PT:beta:0 (" in text
    assert "): diverged" in text
    assert "notes.json: not a record" in text


def test_a_directory_without_an_experiment_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["status", "--out", str(tmp_path / "nothing")])
    assert result.exit_code == 2
    assert "nothing' must hold an experiment.yaml, but has none" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_of_a_study_the_parts_are_told(tmp_path: Path) -> None:
    for name in ("first", "second"):
        grid(
            write_experiment(tmp_path, name=name, out=str(tmp_path / "study" / name)),
            runner=FakeEngine(),
        )
    (tmp_path / "study" / "study.yaml").write_text("name: whole\n", "utf-8")
    lines = status(tmp_path / "study").splitlines()
    assert [line.split(" ")[0] for line in lines] == ["first", "second"]
    assert all("12 runs, 12 done, 0 failed" in line for line in lines)


def test_status_before_anything_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = CliRunner().invoke(main, ["status"], catch_exceptions=False).output
    assert text.startswith("quickstart in results/quickstart: ")
    assert " 0 done" in text
    assert list(tmp_path.iterdir()) == []


def test_status_of_a_ranking(tmp_path: Path) -> None:
    config = write_ranking(tmp_path)
    engine, _ = fake(config, failures={"org/b": "It is gated."}, interrupt_after=3)
    with pytest.raises(KeyboardInterrupt):
        rank(config, runner=engine)
    text = status(config.out_dir)
    assert "ranking on alpha in" in text and "4 models, 2 done, 1 failed, 1 pending" in text
    assert "failed: org/b: It is gated." in text and "runs" not in text
