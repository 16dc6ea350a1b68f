"""Results are written once the weights that they promise are on disk, and say how a run ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from intertrain_jax.base import StopReason
from intertrain_jax.data.batches import schedule_of
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine import recording
from intertrain_jax.engine.lane import LaneRun
from intertrain_jax.engine.recording import GridProgress, Recorder, result_of
from intertrain_jax.planning.plan import Plan, Run
from intertrain_jax.planning.queue import Effort, RunQueue
from intertrain_jax.train.arena import SplitView
from intertrain_jax.train.stopping import Progress
from tests.engine.tiny_grid import tiny_plan, tiny_task

ENDED = Progress(best=0.75, reason=StopReason.PATIENCE)


def ended_lane() -> LaneRun:
    """Returns a run that has had four steps."""
    run, zeros = tiny_plan(["a"]).runs[0], np.zeros(40, np.int32)
    train = SplitView(zeros, zeros + 5, zeros + 1, zeros.astype(np.float32))
    schedule = schedule_of(run.protocol, 40)
    history = [{"step": 4, "examples": 32, "train_loss": 0.5, "validation": 75.0}]
    shapes = (BlockShape(2, 16, 3),)
    return LaneRun(run, train, schedule, shapes, ENDED, history, 4, 32, 160, 2.0)


def test_a_result_says_what_was_reached_on_how_much() -> None:
    task = tiny_task("a")
    result = result_of(ended_lane(), task, ENDED, 0.5, 3, GridProgress(lanes=4, fuse=2))
    assert result is not None
    assert (result.metric, result.test, result.validation) == (task.metric, 50.0, 75.0)
    assert (result.n_train, result.n_validation, result.n_test) == (40, 15, 20)
    assert (result.steps, result.examples, result.tokens, result.unanswered) == (4, 32, 160, 3)
    assert result.stop_reason is StopReason.PATIENCE and len(result.history) == 1
    assert result.seconds >= 2.0 and (result.lanes, result.fuse) == (4, 2)


@pytest.mark.parametrize(
    ("best", "test"), [(None, 0.5), (float("-inf"), 0.5), (0.5, float("nan"))], ids=str
)
def test_an_undefined_score_is_no_result(best: float | None, test: float) -> None:
    assert (
        result_of(ended_lane(), tiny_task("a"), replace(ENDED, best=best), test, 0, GridProgress())
        is None
    )


def test_what_is_not_tested_has_no_test_score() -> None:
    result = result_of(ended_lane(), tiny_task("a"), ENDED, None, 0, GridProgress())
    assert result is not None and (result.test, result.validation) == (None, 75.0)


class Disk:
    """Checkpoints that write down what is asked of them, in the order of the records."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.writing: set[str] = set()

    def is_safe(self, run: str) -> bool:
        return run not in self.writing

    def flush(self) -> None:
        self.events.append("flush")
        self.writing.clear()

    def forget_lane(self, run: str) -> None:
        self.events.append(f"forget lane {run}")

    def forget_source(self, run: str) -> None:
        self.events.append(f"forget source {run}")


def opened(keep: bool) -> tuple[Plan, RunQueue, Disk, Recorder]:
    """Returns a recorder of a grid with one source and two targets, and what it writes to."""
    plan, disk = tiny_plan(["a", "b"], ["a"]), Disk()
    effort = Effort(BlockShape(2, 16, 3), 1)
    queue = RunQueue(plan.runs, set(), lambda run: True, lambda run: effort)

    def emit(run: Run, result: Any, reason: str | None) -> None:
        disk.events.append(f"record {run.name}")

    checkpoints: Any = disk
    return plan, queue, disk, Recorder(emit, checkpoints, queue, keep)


def take_all(plan: Plan, queue: RunQueue) -> list[Run]:
    """Does all runs; returns them in their order."""
    done = []
    while (run := queue.take_next(None)) is not None:
        queue.close(run, None)
        done.append(run)
    assert len(done) == len(plan.runs)
    return done


def test_weights_are_safe_before_a_record_speaks_of_them() -> None:
    plan, queue, disk, recorder = opened(keep=True)
    done = take_all(plan, queue)
    recorder.write((), wait=True)
    assert disk.events == []
    for run in done:
        recorder.add(run, None, "it failed")
    recorder.write((), wait=True)
    assert disk.events[0] == "flush"
    records = [event for event in disk.events if event.startswith("record")]
    assert records == [f"record {run.name}" for run in done]
    for run in done:
        assert disk.events.index(f"forget lane {run.id}") > disk.events.index(f"record {run.name}")
    assert not any(event.startswith("forget source") for event in disk.events)
    recorder.write((), wait=True)
    assert disk.events.count("flush") == 1


def test_a_source_model_goes_with_its_last_dependant() -> None:
    plan, queue, disk, recorder = opened(keep=False)
    done = take_all(plan, queue)
    source = next(run for run in done if plan.dependants(run.id))
    dependants = [run for run in done if run.depends_on == source.id]
    others = [run for run in done if run not in dependants]
    for run in others:
        recorder.add(run, None, None)
    recorder.write({source.id}, wait=True)
    assert f"forget source {source.id}" not in disk.events
    # One is recorded while another still trains from the model in its lane.
    recorder.add(dependants[0], None, None)
    recorder.write({source.id}, wait=True)
    assert f"forget source {source.id}" not in disk.events
    for run in dependants[1:]:
        recorder.add(run, None, None)
    recorder.write((), wait=True)
    if len(dependants) == 1:
        recorder.add(dependants[0], None, None)
        recorder.write((), wait=True)
    assert disk.events.count(f"forget source {source.id}") == 1


def test_no_record_waits_for_weights_unless_it_must() -> None:
    """Those that ended before are written, those that ended later are not: they come in order."""
    plan, queue, disk, recorder = opened(keep=True)
    first, second, *later = take_all(plan, queue)
    disk.writing = {second.id}
    for run in (first, second, *later):
        recorder.add(run, None, None)
    recorder.write((), wait=False)
    assert [e for e in disk.events if e.startswith("record")] == [f"record {first.name}"]
    assert "flush" not in disk.events
    recorder.write((), wait=False)
    assert sum(e.startswith("record") for e in disk.events) == 1
    disk.writing.clear()
    recorder.write((), wait=False)
    records = [e for e in disk.events if e.startswith("record")]
    assert records == [f"record {run.name}" for run in (first, second, *later)]


def test_a_source_model_stays_until_all_its_dependants_are_recorded() -> None:
    """One of them would be done again after a kill."""
    plan, queue, disk, recorder = opened(keep=False)
    done = take_all(plan, queue)
    source = next(run for run in done if plan.dependants(run.id))
    dependants = [run for run in done if run.depends_on == source.id]
    assert len(dependants) > 1
    disk.writing = {dependants[-1].id}
    for run in done:
        recorder.add(run, None, None)
    recorder.write((), wait=False)
    assert f"record {dependants[0].name}" in disk.events
    assert f"forget source {source.id}" not in disk.events
    recorder.write((), wait=True)
    assert disk.events.count(f"forget source {source.id}") == 1


def test_records_wait_for_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, _, _, recorder = opened(keep=False)
    now = 10.0
    monkeypatch.setattr(recording.time, "monotonic", lambda: now)
    assert not recorder.due
    recorder.add(plan.runs[0], None, "it failed")
    now = 10.5
    recorder.add(plan.runs[1], None, "it failed")
    assert not recorder.due
    now = 11.2
    assert recorder.due
    recorder.write((), wait=True)
    assert not recorder.due


def test_shares_are_of_what_was_sent_off() -> None:
    assert GridProgress().occupancy == 1.0 and GridProgress().padding_share == 0.0
    progress = GridProgress(lane_ticks=8, busy_ticks=6, slots=200, tokens=150)
    assert progress.occupancy == 0.75 and progress.padding_share == 0.25
