"""Whatever happens to a grid, its results are those of one that was left alone."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jax
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.engine import loop, starts
from intertrain_jax.engine.lanes import LanePrograms
from intertrain_jax.engine.recording import GridProgress
from tests.engine.tiny_grid import (
    NETWORKS,
    TASKS,
    assert_alike,
    of,
    run_tiny,
    tasks_of,
    tiny_plan,
    tiny_protocol,
)


def test_lanes_that_did_not_fit_are_gone_before_fewer_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[int, int]] = []
    original = LanePrograms.empty_lanes

    def watched(self: LanePrograms) -> Any:
        opened.append((self.num_lanes, sum(x.nbytes for x in jax.live_arrays())))
        if self.num_lanes == 8:  # even the first lanes may be too many
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return original(self)

    def scarce(self: LanePrograms, lanes: Any, *rest: Any) -> Any:
        if self.num_lanes > 1:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return accumulate(self, lanes, *rest)

    accumulate = LanePrograms.accumulate
    monkeypatch.setattr(LanePrograms, "empty_lanes", watched)
    monkeypatch.setattr(LanePrograms, "accumulate", scarce)
    plan = tiny_plan(["short"], seeds=8)
    gc.collect()  # what other tests have left
    outcomes, progress = run_tiny(tmp_path, plan, TASKS, lanes=8, fuse=8)
    assert len(outcomes.results) == 8 and progress.lanes == 1
    assert [lanes for lanes, _ in opened] == [8, 4, 2, 1]
    # Whatever was tried before, no more is in use than before the first lane.
    first, *later = [size for _, size in opened]
    assert max(later) <= first


def test_no_memory_for_any_lane_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(self: LanePrograms) -> Any:
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    monkeypatch.setattr(LanePrograms, "empty_lanes", none_left)
    with pytest.raises(IntertrainError, match="a lane on each device must fit into memory"):
        run_tiny(tmp_path, tiny_plan(["short"]), TASKS)


def test_memory_too_small_for_one_lane_is_a_recorded_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(self: LanePrograms, *rest: Any) -> Any:
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    monkeypatch.setattr(LanePrograms, "accumulate", none_left)
    outcomes, progress = run_tiny(tmp_path, tiny_plan(["short"]), TASKS)
    assert "lower engine.block_rows" in outcomes.failures["PT:short:0"]
    assert progress.failed == 1


class KilledError(Exception):
    """Stands for a killed process."""


@pytest.mark.parametrize("family", NETWORKS)
def test_a_killed_run_goes_on_where_it_was_saved(family: str, tmp_path: Path) -> None:
    plan, tasks = (
        tiny_plan(["short", "long"], protocol=tiny_protocol(family, epochs=12)),
        of(tasks_of(family)),
    )
    whole, _ = run_tiny(tmp_path / "whole", plan, tasks, family=family)

    def kill(progress: GridProgress) -> None:
        if progress.examples > 500:
            raise KilledError

    out = tmp_path / "killed"
    with pytest.raises(KilledError):
        run_tiny(out, plan, tasks, family=family, checkpoint_minutes=1e-9, watch=kill)
    saved = list((out / "checkpoints" / "lanes").glob("*/*/host.json"))
    assert len(saved) == 2 and all(json.loads(f.read_text())["step"] > 5 for f in saved)
    first_steps: list[int] = []
    original = starts.LaneRun.__post_init__

    def watch_start(self: Any) -> None:
        first_steps.append(self.step)
        original(self)

    starts.LaneRun.__post_init__ = watch_start  # type: ignore[method-assign]
    try:
        resumed, _ = run_tiny(out, plan, tasks, family=family)
    finally:
        starts.LaneRun.__post_init__ = original  # type: ignore[method-assign]
    assert sorted(first_steps) == sorted(int(f.parent.name) for f in saved)
    assert_alike(resumed, whole, exactly=True)
    assert not (out / "checkpoints").exists()


def test_an_interrupted_run_is_saved_between_validations(tmp_path: Path) -> None:
    plan = tiny_plan(["short", "long"], protocol=tiny_protocol(epochs=12))
    whole, _ = run_tiny(tmp_path / "whole", plan, TASKS, block_rows=1)
    out, seen = tmp_path / "stopped", 0

    def stop(progress: GridProgress) -> None:
        nonlocal seen
        seen += 1
        if seen == 3:
            raise KeyboardInterrupt

    # Blocks are small, so that lanes stand in the middle of batches, and of their turns, when it comes.
    with patch.object(loop, "TICKS", 3), pytest.raises(KeyboardInterrupt):
        run_tiny(out, plan, TASKS, watch=stop, block_rows=1)
    saved = [json.loads(f.read_text()) for f in (out / "checkpoints").glob("lanes/*/*/host.json")]
    assert len(saved) == 2 and any(host["loss_steps"] for host in saved)
    resumed, progress = run_tiny(out, plan, TASKS, block_rows=1)
    assert_alike(resumed, whole, exactly=True)
    assert progress.examples < sum(result.examples for result in whole.results.values())
    assert not (out / "checkpoints").exists()


def test_what_was_saved_and_is_damaged_is_trained_again(tmp_path: Path) -> None:
    plan = tiny_plan(["short"], seeds=3, protocol=tiny_protocol(epochs=12))
    whole, _ = run_tiny(tmp_path / "whole", plan, TASKS, lanes=4, fuse=4)

    def stop(progress: GridProgress) -> None:
        if progress.examples > 600:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tiny(tmp_path, plan, TASKS, lanes=4, fuse=4, watch=stop)
    first, second, _ = sorted((tmp_path / "checkpoints" / "lanes").iterdir())
    largest = max(first.rglob("d/*"), key=lambda file: file.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-40])
    host = next(second.rglob("host.json"))
    host.write_text(json.dumps({**json.loads(host.read_text()), "step": 10**9}))
    again, progress = run_tiny(tmp_path, plan, TASKS, lanes=4, fuse=4)
    assert (again.failures, progress.done, progress.damaged) == ({}, 3, 2)
    assert_alike(again, whole, exactly=True)


@pytest.mark.parametrize("how", ["cut", "no state"])
def test_a_source_model_that_is_damaged_is_made_again(tmp_path: Path, how: str) -> None:
    before = tiny_plan(["short"], ["short"])
    run_tiny(tmp_path, before, TASKS, keep_checkpoints=True)
    grown = tiny_plan(["short", "long", "graded"], ["short"])
    whole, _ = run_tiny(tmp_path / "whole", grown, TASKS)
    source = next((tmp_path / "checkpoints" / "sources").iterdir())
    for file in [f for f in source.rglob("*") if f.is_file()]:
        file.unlink() if how == "no state" else file.write_bytes(file.read_bytes()[:-40])
    done = {run.id for run in before.runs}
    rest, progress = run_tiny(tmp_path, grown, TASKS, done=done)
    assert rest.failures == {} and progress.damaged >= 1
    expected = {name: r for name, r in whole.results.items() if name in rest.results}
    assert rest.results == expected and len(expected) == len(grown.runs) - len(before.runs)


def test_what_a_kill_left_behind_is_deleted(tmp_path: Path) -> None:
    plan = tiny_plan(["short", "long"])
    done = next(run for run in plan.runs if run.target == "short")
    folder = tmp_path / "checkpoints"
    for left in (
        f"lanes/{done.id}/4/state",
        "lanes/of-another-plan/4/state",
        "sources/that-nobody-needs/d",
        "sources/half.orbax-checkpoint-tmp-1/d",
        "lanes/x/4/state.orbax-checkpoint-tmp/d",
    ):
        (folder / left).mkdir(parents=True)
    outcomes, _ = run_tiny(tmp_path, plan, TASKS, done={done.id})
    assert outcomes.order == ["PT:long:0"] and not folder.exists()
