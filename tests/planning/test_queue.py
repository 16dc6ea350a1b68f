"""Which run starts next, whatever else waits."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from intertrain_jax.data.packing import BlockShape
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import Effort, RunQueue
from intertrain_jax.records.runs import BaseRef
from tests.engine.tiny_grid import tiny_plan, tiny_protocol

SHORT, LONG = BlockShape(4, 32, 4), BlockShape(2, 64, 4)


def run_of(name: str, task: str = "t", depends_on: str | None = None) -> Run:
    base = BaseRef("PT", "model", None, "weights")
    return Run(name, "pretrained", base, task, 0, tiny_protocol(), depends_on)


@dataclass
class Efforts:
    """Efforts by run id, and how often they were asked for."""

    by_id: dict[str, Effort]
    asked: int = field(default=0)

    def __call__(self, run: Run) -> Effort:
        self.asked += 1
        return self.by_id[run.id]


def queue_of(runs: list[Run], efforts: dict[str, Effort], done: set[str] = frozenset()) -> RunQueue:  # type: ignore[assignment]
    return RunQueue(runs, done, lambda run: True, Efforts(efforts))


def order(queue: RunQueue, shape: BlockShape | None = None) -> list[str]:
    taken = []
    while (run := queue.take_next(shape)) is not None:
        taken.append(run.id)
        queue.close(run, None)
    return taken


def test_runs_that_others_wait_for_come_first_then_the_longest() -> None:
    runs = [run_of("short"), run_of("long"), run_of("source"), run_of("waits", depends_on="source")]
    tokens = {"short": 10, "long": 30, "source": 5, "waits": 20}
    queue = queue_of(runs, {r: Effort(SHORT, n) for r, n in tokens.items()})
    assert len(queue) == 4
    assert order(queue) == ["source", "long", "waits", "short"]
    assert len(queue) == 0


def test_lanes_that_are_busy_keep_their_shape() -> None:
    efforts = {"a": Effort(SHORT, 10), "b": Effort(LONG, 90)}
    queue = queue_of([run_of("a"), run_of("b")], efforts)
    assert [run.id for run in queue.upcoming(None, 2)] == ["b"]
    assert queue.take_next(SHORT).id == "a"  # type: ignore[union-attr]
    assert queue.take_next(SHORT) is None
    assert queue.take_next(LONG).id == "b"  # type: ignore[union-attr]


def test_upcoming_runs_come_in_their_order_and_stay() -> None:
    tokens = np.random.default_rng(0).permutation(40).tolist()
    runs = [run_of(str(n)) for n in tokens]
    queue = queue_of(runs, {str(n): Effort(SHORT, n) for n in tokens})
    expected = [str(n) for n in range(39, -1, -1)]
    assert [run.id for run in queue.upcoming(SHORT, 7)] == expected[:7]
    assert [run.id for run in queue.upcoming(None, 99)] == expected == order(queue)
    assert not list(queue.upcoming(LONG, 3)) and not list(queue.upcoming(SHORT, 3))


def test_free_lanes_turn_to_the_shape_that_others_wait_for() -> None:
    runs = [run_of("much"), run_of("source"), run_of("waits", depends_on="source")]
    efforts = {"much": Effort(LONG, 900), "source": Effort(SHORT, 1), "waits": Effort(SHORT, 1)}
    assert order(queue_of(runs, efforts)) == ["source", "much", "waits"]


def test_a_failed_source_orphans_its_dependants_once() -> None:
    runs = [
        run_of("source"),
        run_of("waits", depends_on="source"),
        run_of("too", depends_on="waits"),
    ]
    queue = queue_of(runs, {run.id: Effort(SHORT, 1) for run in runs})
    source = queue.take_next(None)
    assert source is not None and source.id == "source"
    queue.close(source, "diverged")
    (orphan, why), *others = queue.take_orphans()
    assert (orphan.id, why, others) == ("waits", "diverged", [])
    assert queue.take_orphans() == []
    queue.close(orphan, "its source failed")
    assert [(run.id, why) for run, why in queue.take_orphans()] == [("too", "its source failed")]
    assert len(queue) == 0 and queue.take_next(None) is None


def test_a_run_put_back_is_ready_again() -> None:
    runs = [run_of("source"), run_of("waits", depends_on="source")]
    queue = queue_of(runs, {run.id: Effort(SHORT, 1) for run in runs})
    source = queue.take_next(None)
    assert source is not None and queue.dependants("source") == 1
    queue.put_back(source)
    assert len(queue) == 2
    assert order(queue) == ["source", "waits"]


def test_a_source_whose_model_is_gone_is_silently_repeated() -> None:
    runs = [run_of("source"), run_of("waits", depends_on="source")]
    efforts = Efforts({run.id: Effort(SHORT, 1) for run in runs})
    gone = RunQueue(runs, {"source"}, lambda run: False, efforts)
    assert gone.silent == {"source"} and gone.to_record == 1 and len(gone) == 2
    kept = RunQueue(runs, {"source"}, lambda run: True, efforts)
    assert not kept.silent and len(kept) == 1


@pytest.mark.parametrize("waiting", [100, 10_000])
def test_a_refill_costs_the_same_however_many_wait(waiting: int) -> None:
    runs = [run_of(f"{k:06}") for k in range(waiting)]
    efforts = Efforts({run.id: Effort(SHORT, 7) for run in runs})
    queue = RunQueue(runs, set(), lambda run: True, efforts)
    efforts.asked = 0
    for _ in range(50):
        run = queue.take_next(SHORT)
        assert run is not None
        queue.close(run, None)
        assert queue.take_orphans() == []
    assert efforts.asked <= 150


def test_a_whole_plan_is_done_each_run_after_its_source() -> None:
    plan = tiny_plan(["a", "b"], ["a", "b"], seeds=3)
    queue = queue_of(list(plan.runs), {run.id: Effort(SHORT, 1) for run in plan.runs})
    taken = order(queue)
    assert sorted(taken) == sorted(plan.by_id)
    for run in plan.runs:
        assert run.depends_on is None or taken.index(run.depends_on) < taken.index(run.id)


def test_a_run_that_is_preferred_comes_first_but_no_other_one_is_passed_over_for_long() -> None:
    tokens = {f"{k:03}": Effort(SHORT, 1000 - k) for k in range(200)}
    queue = queue_of([run_of(name) for name in tokens], tokens)
    taken = [queue.take_next(None, lambda run: run.id.endswith("5")) for _ in range(200)]
    names = [run.id for run in taken if run is not None]
    assert names[:2] == ["005", "015"]
    assert sorted(names) == list(tokens)
    late = max(at - int(name) for at, name in enumerate(names))
    assert late <= 16


def test_a_run_can_be_taken_out_of_turn_and_put_back() -> None:
    tokens = {"a": Effort(SHORT, 30), "b": Effort(SHORT, 20), "c": Effort(LONG, 10)}
    queue = queue_of([run_of(name) for name in tokens], tokens)
    queue.take(queue.runs["b"])
    assert [run.id for run in queue.heads().values()] == ["a", "c"]
    assert (queue.ready, queue.tokens) == (2, 40)
    queue.put_back(queue.runs["b"])
    assert order(queue) == ["a", "b", "c"]
    assert (queue.ready, queue.tokens) == (0, 0)
