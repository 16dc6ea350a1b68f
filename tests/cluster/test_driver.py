"""The driver's rules, without Ray: what is given to whom, and what deaths and late results come to."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np
import pytest

from intertrain_jax.cluster.driver import Driver, Given, Rules
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import Effort, RunQueue
from intertrain_jax.records.runs import BaseRef
from tests.engine.tiny_grid import tiny_plan, tiny_protocol

SHORT, LONG = BlockShape(4, 32, 4), BlockShape(2, 64, 4)


def run_of(name: str, depends_on: str | None = None) -> Run:
    base = BaseRef("PT", "model", None, "weights")
    return Run(name, "pretrained", base, "t", 0, tiny_protocol(), depends_on)


NONE_AHEAD = Rules(ahead=0)


def driver_of(
    runs: dict[str, Effort], rules: Rules = NONE_AHEAD, sources: dict[str, str] | None = None
) -> Driver:
    """Returns the driver of runs with these efforts; `sources` says which one a run waits for."""
    waits = sources or {}
    made = [run_of(name, waits.get(name)) for name in runs]
    return Driver(RunQueue(made, set(), lambda run: True, lambda run: runs[run.id]), rules)


def names(given: list[Given]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in given:
        found.setdefault(one.worker, []).append(one.run.id)
    return found


def shorts(*runs: str) -> dict[str, Effort]:
    return {name: Effort(SHORT, 100 - k) for k, name in enumerate(runs)}


def end(driver: Driver, worker: str, run: str, outcome: str = "") -> str:
    return driver.ended(worker, run, outcome or f"result of {run}", None, 0.0)


def test_lanes_are_filled_evenly_and_the_longest_run_comes_first() -> None:
    driver = driver_of(shorts("a", "b", "c", "d", "e"))
    driver.join("x", 2, 0.0)
    driver.join("y", 2, 0.0)
    assert names(driver.give(0.0)) == {"x": ["a", "c"], "y": ["b", "d"]}
    assert driver.give(0.0) == []
    assert end(driver, "y", "b") == "new"
    assert names(driver.give(0.0)) == {"y": ["e"]}


def test_runs_are_given_ahead_only_while_plenty_are_ready() -> None:
    driver = driver_of(shorts(*map(str, range(10))), Rules(ahead=2))
    driver.join("x", 1, 0.0)
    assert len(driver.give(0.0)) == 3
    for run in ("0", "1", "2"):
        end(driver, "x", run)
    assert len(driver.give(0.0)) == 3
    for run in ("3", "4", "5"):
        end(driver, "x", run)
    # Of four that are left one is on board, and three are not plenty.
    assert len(driver.give(0.0)) == 1


def test_a_worker_keeps_its_shape_and_its_source_but_none_idles_for_them() -> None:
    efforts = {"s": Effort(SHORT, 1), "s2": Effort(SHORT, 1)}
    efforts |= {f"of_{k}": Effort(SHORT, 50 - k) for k in range(4)} | {"long": Effort(LONG, 60)}
    sources = {"of_0": "s", "of_1": "s2", "of_2": "s2", "of_3": "s"}
    driver = driver_of(efforts, sources=sources)
    driver.join("x", 1, 0.0)
    assert names(driver.give(0.0)) == {"x": ["s"]}
    driver.join("y", 1, 0.0)
    assert names(driver.give(0.0)) == {"y": ["s2"]}
    end(driver, "x", "s")
    end(driver, "y", "s2")
    assert names(driver.give(0.0)) == {"x": ["of_0"], "y": ["of_1"]}
    end(driver, "x", "of_0")
    # "of_2" is longer, but its source is at the other one.
    assert names(driver.give(0.0)) == {"x": ["of_3"]}
    end(driver, "x", "of_3")
    # A shape that is compiled is worth more than a run that is a little longer.
    assert names(driver.give(0.0)) == {"x": ["of_2"]}
    end(driver, "x", "of_2")
    assert names(driver.give(0.0)) == {"x": ["long"]}


@pytest.mark.parametrize(("fused", "second"), [(None, "short_1"), (2, "short_1"), (1, "long")])
def test_only_fused_lanes_keep_to_one_shape(fused: int | None, second: str) -> None:
    """Lanes in turn take the longest run, whatever shape the others have."""
    efforts = {"short_0": Effort(SHORT, 99), "short_1": Effort(SHORT, 10), "long": Effort(LONG, 60)}
    driver = driver_of(efforts)
    driver.join("x", 2, 0.0, fused)
    assert names(driver.give(0.0)) == {"x": ["short_0", second]}


def test_runs_of_a_dead_worker_come_first_and_count_their_attempts() -> None:
    driver = driver_of(shorts("a", "b", "c"))
    driver.join("x", 1, 0.0)
    assert names(driver.give(0.0)) == {"x": ["a"]}
    end(driver, "x", "a")
    assert names(driver.give(0.0)) == {"x": ["b"]}
    assert driver.died("x", "killed", 1.0) == []
    driver.join("y", 1, 1.0)
    assert [(one.run.id, one.attempt) for one in driver.give(1.0)] == [("b", 2)]
    driver.left("y", 2.0)
    driver.join("z", 1, 2.0)
    # It left in good order: nothing is held against the run.
    assert [(one.run.id, one.attempt) for one in driver.give(2.0)] == [("b", 2)]
    assert end(driver, "z", "b") == "new" and end(driver, "z", "c") == "new"
    assert driver.finished


def test_what_a_dead_worker_had_comes_before_longer_runs() -> None:
    efforts = {"s": Effort(SHORT, 1), "small": Effort(SHORT, 10), "of_s": Effort(SHORT, 500)}
    driver = driver_of(efforts, sources={"of_s": "s"})
    driver.join("x", 1, 0.0)
    driver.join("y", 1, 0.0)
    assert names(driver.give(0.0)) == {"x": ["s"], "y": ["small"]}
    end(driver, "x", "s")
    driver.died("y", "killed", 0.0)
    assert names(driver.give(0.0)) == {"x": ["small"]}
    driver.left("x", 0.0)
    driver.join("z", 1, 0.0)
    assert names(driver.give(0.0)) == {"z": ["small"]}


def test_after_three_deaths_a_run_has_failed_and_its_neighbour_has_not() -> None:
    driver = driver_of(shorts("bad", "good", "other"))
    failed: list[tuple[Run, str]] = []
    ended: list[str] = []
    for k in range(12):
        driver.join(f"w{k}", 2, 0.0)
        while given := driver.give(0.0):
            if any(one.run.id == "bad" for one in given):
                failed += driver.died(f"w{k}", "out of memory", 0.0)
                break
            for one in given:
                assert end(driver, one.worker, one.run.id) == "new"
                ended.append(one.run.id)
    ((run, reason),) = failed
    assert run.id == "bad" and "3 workers died" in reason and "out of memory" in reason
    assert sorted(ended) == ["good", "other"] and driver.finished
    assert driver.queue.done == {"good", "other"}


@pytest.mark.parametrize(
    ("steps", "failed_at"),
    [
        ([100, 200, 300, 400, 500, 600], None),  # machines that live shorter than the run takes
        ([0, 0, 0], 3),  # never saved
        ([100, 200, 200, 200], 4),  # something at step 250 kills whoever does it
        ([100, 100, 200, 200, 200], 5),
        ([100, 50, 50], 3),  # what was saved was damaged: it began anew
    ],
)
def test_deaths_count_while_a_run_is_not_saved_farther(
    steps: list[int], failed_at: int | None
) -> None:
    driver = driver_of(shorts("long"))
    for k, step in enumerate(steps, 1):
        driver.join(f"w{k}", 1, 0.0)
        assert names(driver.give(0.0)) == {f"w{k}": ["long"]}
        if step:
            driver.saved("long", step)
        failed = driver.died(f"w{k}", "preempted", 0.0)
        assert bool(failed) == (k == failed_at)
    if failed_at is None:
        driver.join("last", 1, 0.0)
        driver.give(0.0)
        assert end(driver, "last", "long") == "new" and driver.queue.done == {"long"}
    assert driver.finished


def test_a_suspect_waits_for_a_worker_of_its_own_that_others_let_run_empty() -> None:
    driver = driver_of(shorts("a", "b", "c", "d", "e", "f"))
    driver.join("x", 2, 0.0)
    driver.join("y", 2, 0.0)
    assert names(driver.give(0.0)) == {"x": ["a", "c"], "y": ["b", "d"]}
    driver.died("x", "killed", 0.0)
    driver.join("x2", 1, 0.0)
    assert names(driver.give(0.0)) == {"x2": ["a"]}
    driver.died("x2", "killed", 0.0)
    assert driver.give(0.0) == []
    end(driver, "y", "b")
    # "c" would come next, but this worker is to be empty for "a".
    assert driver.give(0.0) == []
    end(driver, "y", "d")
    assert [(one.run.id, one.attempt) for one in driver.give(0.0)] == [("a", 3)]
    end(driver, "y", "a")
    assert names(driver.give(0.0)) == {"y": ["c", "e"]}


def test_late_results_are_taken_once_and_compared() -> None:
    driver = driver_of(shorts("a", "b"))
    driver.join("x", 1, 0.0)
    driver.give(0.0)
    driver.died("x", "silent", 0.0)
    driver.join("y", 1, 0.0)
    assert names(driver.give(0.0)) == {"y": ["a"]}
    assert end(driver, "x", "a", "one") == "new"
    assert end(driver, "y", "a", "one") == "same"
    assert names(driver.give(0.0)) == {"y": ["b"]}
    driver.died("y", "silent", 0.0)
    driver.join("z", 1, 0.0)
    # It ends while it waits to be done again: nobody is to do it.
    assert end(driver, "y", "b", "one") == "new"
    assert driver.give(0.0) == [] and driver.finished
    assert end(driver, "y", "b", "another") == "different"


def test_a_worker_with_runs_is_to_answer_and_to_take_steps() -> None:
    driver = driver_of(shorts("a", "b"), Rules(ahead=0, silent_seconds=10.0, stuck_seconds=30.0))
    driver.join("x", 1, 0.0)
    driver.give(0.0)
    driver.join("y", 1, 0.0)
    driver.give(1.0)
    driver.join("free", 1, 1.0)
    driver.beat("x", 7, 5.0)
    driver.beat("y", 7, 5.0)
    driver.asked("y", 9.0)
    assert driver.silent(14.0) == [] and driver.silent(16.0) == ["x"]
    assert driver.silent(20.0) == ["x", "y"], "of one without runs nothing is expected"
    for now in range(5, 36, 5):
        driver.beat("x", 7, now)
        driver.beat("y", now, now)
    assert driver.silent(36.0) == [] and driver.stuck(35.0) == []
    assert driver.stuck(36.0) == ["x"]


def test_dependants_of_a_failed_source_are_orphans() -> None:
    driver = driver_of({"s": Effort(SHORT, 1), "of_s": Effort(SHORT, 1)}, sources={"of_s": "s"})
    driver.join("x", 1, 0.0)
    assert names(driver.give(0.0)) == {"x": ["s"]}
    driver.ended("x", "s", "it diverged", "it diverged", 0.0)
    assert driver.give(0.0) == []
    assert [(run.id, why) for run, why in driver.queue.take_orphans()] == [("of_s", "it diverged")]
    assert driver.finished


def test_a_lost_source_model_is_made_again_once() -> None:
    driver = driver_of({"s": Effort(SHORT, 1), "of_s": Effort(SHORT, 1)}, sources={"of_s": "s"})
    driver.join("x", 1, 0.0)
    driver.give(0.0)
    end(driver, "x", "s")
    (given,) = driver.give(0.0)
    assert driver.source_lost("x", given.run)
    assert names(driver.give(0.0)) == {"x": ["s"]}
    end(driver, "x", "s")
    (given,) = driver.give(0.0)
    assert not driver.source_lost("x", given.run) and driver.finished


@dataclass
class Campaign:
    """Workers that sleep on a virtual clock, and die now and then."""

    driver: Driver
    generator: np.random.Generator
    ended: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def run(self, workers: int, deaths: float) -> None:
        """Does every run; a run's time is its tokens, and a share `deaths` of them ends in a death."""
        born, events = workers, list[tuple[float, int, str, str]]()
        for k in range(workers):
            self.driver.join(f"w{k}", 2, 0.0)
        now, count, gone = 0.0, 0, set[str]()
        while not self.driver.finished:
            for one in self.driver.give(now):
                time = now + float(self.driver.queue.effort(one.run).tokens)
                heapq.heappush(events, (time, count, one.worker, one.run.id))
                count += 1
            now, _, worker, run = heapq.heappop(events)
            if worker in gone:
                continue
            if self.generator.random() < deaths:
                gone.add(worker)
                self.failed += [run.id for run, _ in self.driver.died(worker, "killed", now)]
                self.driver.join(f"w{born}", 2, now)
                born += 1
            else:
                verdict = self.driver.ended(worker, run, run, None, now)
                assert verdict == "new"
                self.ended.append(run)
            self.failed += [run.id for run, _ in self.driver.queue.take_orphans()]


@pytest.mark.parametrize("seed", range(5))
def test_every_run_of_a_plan_ends_once_whoever_dies(seed: int) -> None:
    plan = tiny_plan(["a", "b", "c"], ["a", "b"], seeds=4)
    generator = np.random.default_rng(seed)
    efforts = {run.id: Effort(SHORT, int(generator.integers(1, 50))) for run in plan.runs}
    queue = RunQueue(plan.runs, set(), lambda run: True, lambda run: efforts[run.id])
    campaign = Campaign(Driver(queue), generator)
    campaign.run(5, deaths=0.2)
    assert sorted(campaign.ended + campaign.failed) == sorted(plan.by_id)
    at = {run: k for k, run in enumerate(campaign.ended)}
    for run in plan.runs:
        if run.id in at and run.depends_on is not None:
            assert at[run.depends_on] < at[run.id]
