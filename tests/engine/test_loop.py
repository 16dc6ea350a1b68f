"""The engine's rules, on tiny grids: lanes, refill, compilation, sources, divergence."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from intertrain_jax.base import StopReason
from intertrain_jax.engine import books, evaluation, loop
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.engine.lanes import LanePrograms
from intertrain_jax.engine.recording import GridProgress
from tests.compiled import compilations
from tests.engine.tiny_grid import (
    FAMILIES,
    NETWORKS,
    TASKS,
    TinyBases,
    assert_alike,
    of,
    run_tiny,
    tasks_of,
    tiny_checkpoint,
    tiny_plan,
    tiny_protocol,
    tiny_task,
)


@pytest.fixture(scope="module", params=FAMILIES)
def alone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Every run of a grid done by itself: one lane, one after another."""
    names = tasks_of(request.param)
    plan = tiny_plan(names, ["short"], 2, tiny_protocol(request.param))
    out = tmp_path_factory.mktemp(f"alone-{request.param}")
    outcomes, _ = run_tiny(out, plan, of(names), family=request.param, lanes=1, fuse=1)
    assert len(outcomes.results) == len(plan.runs)
    return request.param, plan, outcomes


@pytest.mark.parametrize(
    "layout",
    [
        {"lanes": 3, "fuse": 3},
        {"lanes": 8, "fuse": 8},
        {"lanes": 3, "fuse": 1},
        {"lanes": 4, "fuse": "auto", "devices": 4},
    ],
    ids=["3 fused", "8 fused", "3 in turn", "4 devices"],
)
def test_a_lane_is_a_run_alone(alone: Any, layout: dict[str, Any], tmp_path: Path) -> None:
    family, plan, expected = alone
    if (layout["lanes"] == 4 or layout["fuse"] == 1) and family not in NETWORKS:
        pytest.skip("turns and devices are tried with one of each kind of network")
    if layout["lanes"] == 8 and family != NETWORKS[0]:
        pytest.skip("more lanes are tried with one network: they are arrays of another size")
    tasks = of(tasks_of(family))
    outcomes, progress = run_tiny(tmp_path, plan, tasks, family=family, **layout)
    assert_alike(outcomes, expected)
    assert progress.lanes == layout["lanes"] and progress.done == len(plan.runs)


def test_memory_running_out_halves_the_lanes_and_loses_no_run(
    alone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family, plan, expected = alone
    if family != NETWORKS[0]:
        pytest.skip("memory is tried with one network: backing off does not know which it is")
    original, calls = LanePrograms.accumulate, []

    def scarce(self: LanePrograms, lanes: Any, *rest: Any) -> Any:
        calls.append(self.num_lanes)
        if self.num_lanes > 2 and len(calls) > 3:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return original(self, lanes, *rest)

    monkeypatch.setattr(LanePrograms, "accumulate", scarce)
    tasks = of(tasks_of(family))
    outcomes, progress = run_tiny(tmp_path, plan, tasks, family=family, lanes=4, fuse=4)
    assert progress.lanes == 2
    assert_alike(outcomes, expected)


def test_sources_change_what_their_dependants_start_from(alone: Any) -> None:
    _, _, outcomes = alone
    curve = [outcomes.results[name].history for name in ("PT:long:0", "short:long:0")]
    assert curve[0] != curve[1]


@pytest.mark.parametrize("family", NETWORKS)
def test_one_compilation_per_row_length(family: str, tmp_path: Path) -> None:
    tasks = {
        "a": tiny_task("a", 2, 3, 9),
        "b": tiny_task("b", 5, 10, 30, train=33),
        "c": tiny_task("c", 3, 40, 60),
    }
    plan = tiny_plan(["a", "b", "c"], ["a"], 2, tiny_protocol(family))
    with compilations() as found:
        _, progress = run_tiny(tmp_path, plan, tasks, family=family)
    # Rows of 32 serve "a" and "b", rows of 64 serve "c", however many runs there are.
    assert progress.compilations == 2
    assert progress.done == 12
    own = {"jit(_accumulate_blocks)", "jit(_evaluate_blocks)"}
    assert {name for name, early in found if early} == own
    assert not own & {name for name, early in found if not early}


def test_batch_sizes_share_a_program(tmp_path: Path) -> None:
    plan = tiny_plan(["short"], seeds=2)
    mixed = replace(
        plan,
        runs=tuple(
            replace(run, protocol=replace(run.protocol, batch_size=size))
            for run, size in zip(plan.runs, (4, 16), strict=True)
        ),
    )
    outcomes, progress = run_tiny(tmp_path, mixed, TASKS)
    assert progress.compilations == 1
    assert [outcomes.results[f"PT:short:{s}"].steps for s in (0, 1)] == [30, 9]


def test_lanes_are_refilled_and_kept_busy(tmp_path: Path) -> None:
    _, progress = run_tiny(tmp_path, tiny_plan(["short"], ["short"], 6), TASKS, lanes=3, fuse=3)
    assert progress.done == 12
    assert progress.occupancy > 0.9
    assert 0.0 < progress.padding_share < 0.5


def test_best_parameters_are_scored_and_passed_on(tmp_path: Path) -> None:
    """With a patience of two validations, the score is that of the best validation, not the last."""
    protocol = tiny_protocol(epochs=30, patience=80, learning_rate=0.02)
    outcomes, _ = run_tiny(tmp_path, tiny_plan(["long"], seeds=2, protocol=protocol), TASKS)
    for result in outcomes.results.values():
        assert result.stop_reason is StopReason.PATIENCE
        scores = [entry["validation"] for entry in result.history]
        assert result.validation == max(scores)
        assert result.examples == 80 + result.history[int(np.argmax(scores))]["examples"]


def test_a_diverging_run_is_recorded_and_harms_no_neighbour(tmp_path: Path) -> None:
    plan = tiny_plan(["short", "long"], ["short"], 1)
    broken = replace(
        plan,
        runs=tuple(
            replace(run, protocol=replace(run.protocol, learning_rate=1e30, clip_norm=None))
            if run.name == "PT:short:0"
            else run
            for run in plan.runs
        ),
    )
    outcomes, progress = run_tiny(tmp_path / "broken", broken, TASKS, lanes=2, fuse=2)
    healthy, _ = run_tiny(tmp_path / "healthy", tiny_plan(["long"]), TASKS, lanes=2, fuse=2)
    assert outcomes.failures["PT:short:0"].startswith(StopReason.DIVERGED.sentence)
    for orphan in ("short:short:0", "short:long:0"):
        assert "source run" in outcomes.failures[orphan]
    assert progress.failed == 3 and progress.done == 1
    assert outcomes.results["PT:long:0"].test == healthy.results["PT:long:0"].test


def test_base_models_with_own_tokens_stand_beside_the_others_and_lost_ones_fail(
    tmp_path: Path,
) -> None:
    plan = tiny_plan(["short", "long"], ["short"], bases=["same", "own", "gone"])
    pretrained = tiny_checkpoint()
    bases = TinyBases(
        pretrained,
        {"same": pretrained, "own": tiny_checkpoint(seed=1), "gone": pretrained},
        {"own": "other"},
    )
    bases.gone.add("gone")
    tasks = {("", name): TASKS[name] for name in ("short", "long")}
    tasks |= {
        ("other", name): tiny_task(name, shortest=21, longest=30) for name in ("short", "long")
    }
    outcomes, progress = run_tiny(tmp_path, plan, tasks, bases=bases)
    assert outcomes.failures.keys() == {"gone:short:0", "gone:long:0"}
    assert set(outcomes.failures.values()) == {"It could not start: Its files are gone."}
    assert progress.failed == 2 and progress.done == len(outcomes.results) == 8
    assert outcomes.results["same:long:0"] == outcomes.results["PT:long:0"]
    assert outcomes.results["own:long:0"].tokens > outcomes.results["PT:long:0"].tokens
    assert progress.compilations == 1, "one per row length"


def test_source_models_are_deleted_when_nothing_waits_for_them(tmp_path: Path) -> None:
    plan = tiny_plan(["short", "long"], ["short"], 2)
    seen: set[int] = set()

    def count(progress: GridProgress) -> None:
        seen.add(len(list((tmp_path / "checkpoints" / "sources").glob("*"))))

    run_tiny(tmp_path, plan, TASKS, watch=count)
    assert max(seen) > 0 and not (tmp_path / "checkpoints").exists()
    run_tiny(tmp_path / "kept", plan, TASKS, keep_checkpoints=True)
    kept = {f.name for f in (tmp_path / "kept" / "checkpoints" / "sources").iterdir()}
    assert kept == {run.id for run in plan.runs if run.name in ("PT:short:0", "PT:short:1")}


def test_only_what_is_read_is_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tested: list[str] = []

    def watched(*given: Any, best: bool) -> Any:
        tested.extend([given[4].name] * best)
        return evaluation.send(*given, best=best)

    monkeypatch.setattr(loop, "send", watched)
    before = tiny_plan(["short"], ["short"])
    run_tiny(tmp_path, before, TASKS)
    tested.clear()
    # A task that is no target, and a source that is done and made again for its model alone.
    grown = tiny_plan(["long"], ["short"])
    outcomes, _ = run_tiny(tmp_path, grown, TASKS, done={run.id for run in before.runs})
    assert sorted(tested) == ["PT:long:0", "short:long:0"] == sorted(outcomes.results)
    tested.clear()
    whole, _ = run_tiny(tmp_path / "whole", grown, TASKS)
    assert "PT:short:0" not in tested and len(tested) == 2
    assert whole.results["PT:short:0"].test is None
    assert outcomes.results.items() <= whole.results.items()


def test_a_source_whose_model_is_gone_is_repeated_without_a_second_record(tmp_path: Path) -> None:
    before = tiny_plan(["short"], ["short"])
    first, _ = run_tiny(tmp_path, before, TASKS)
    grown = tiny_plan(["short", "long"], ["short"])
    whole, _ = run_tiny(tmp_path / "whole", grown, TASKS)
    done = {run.id for run in before.runs}
    rest, progress = run_tiny(tmp_path, grown, TASKS, done=done)
    assert set(rest.results) == {"PT:long:0", "short:long:0"} and progress.total == 2
    assert {**first.results, **rest.results} == whole.results


def test_peak_memory_does_not_grow_with_the_number_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Source models are kept in host memory up to a bound, which these would never reach.
    monkeypatch.setattr(books, "Checkpoints", partial(Checkpoints, host_cache_bytes=1))

    def live_bytes(seeds: int) -> int:
        peak = [0]

        def watch(progress: GridProgress) -> None:
            peak[0] = max(peak[0], sum(x.nbytes for x in jax.live_arrays()))

        run_tiny(tmp_path / str(seeds), tiny_plan(["short"], ["short"], seeds), TASKS, watch=watch)
        return peak[0]

    few, many = live_bytes(2), live_bytes(8)
    assert many <= few * 1.05
