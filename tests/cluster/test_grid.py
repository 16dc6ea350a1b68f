"""The driver's process without Ray: workers that make up results, die, lie and are told to leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.cluster.grid import run_on_workers
from intertrain_jax.cluster.mail import (
    Assignment,
    Ended,
    Hello,
    Mail,
    News,
    Place,
    Report,
    Saved,
    Setup,
    SourceLost,
)
from intertrain_jax.cluster.pool import WorkerDiedError
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.engine.tasks import objective_of
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import Effort
from intertrain_jax.planning.work import GridWork
from intertrain_jax.records.results import RunResult
from tests.engine.tiny_grid import TASKS, TinyBases, tiny_checkpoint, tiny_plan
from tests.runs import made_up_score, make_result

PLAN = tiny_plan(["short", "long"], ["short"], seeds=2)
PLACE = Place("host", 7, {"device": "made up"}, "float32")


class Script:
    """A worker that ends every run at once; its answers can be changed.

    Args:
        number: of the worker, from 0 on.
    """

    def __init__(self, number: int, change: Callable[[int, Mail, Report], Report]) -> None:
        self._number, self._change, self._turns = number, change, 0
        self.setup: Setup | None = None

    def begin(self, setup: Setup) -> Hello:
        self.setup = setup
        efforts = {run.id: Effort(BlockShape(4, 32, 4), 10) for run in setup.plan.runs}
        return Hello(PLACE, 1, 1, efforts)

    def exchange(self, mail: Mail, seconds: float) -> Report:
        self._turns += 1
        news = tuple(map(ended, mail.runs))
        return self._change(self._number, mail, Report(news, self._turns, closed=mail.leave))


def weights_of(run: Run) -> Any:
    """Weights of the shape that a source model has."""
    rows = TASKS[run.target]
    objective = objective_of(tiny_checkpoint().config, TASKS, PLAN.runs[0].protocol)
    shapes = objective.saved_shapes(rows.num_classes)
    return jax.tree.map(lambda s: np.full(s.shape, 0.5, s.dtype), shapes)


def ended(one: Assignment) -> Ended:
    result = make_result(made_up_score(one.run), tokens=8)
    return Ended(one.run.id, result, None, weights_of(one.run) if one.wanted else None)


@dataclass
class FakePool:
    """A pool of scripts: what is asked is answered when it is looked for.

    Attributes:
        change: of every report, by the number of the worker.
        count: of workers.
        sent: all assignments, in order.
    """

    change: Callable[[int, Mail, Report], Report] = lambda number, mail, report: report
    count: int = 2
    born: int = 0
    gone: list[Any] = field(default_factory=list)
    rested: list[Any] = field(default_factory=list)
    sent: list[Assignment] = field(default_factory=list)

    def spawn(self, kind: type) -> Any:
        script = Script(self.born, self.change)
        self.born += 1

        def begin(setup: Any) -> Callable[[], Any]:
            return lambda: script.begin(setup())

        def exchange(mail: Mail, seconds: float) -> Callable[[], Any]:
            self.sent += mail.runs
            return lambda: script.exchange(mail, seconds)

        remote = {"begin": begin, "exchange": exchange}
        calls = {name: SimpleNamespace(remote=call) for name, call in remote.items()}
        return SimpleNamespace(**calls)

    def put(self, value: Any) -> Callable[[], Any]:
        return lambda: value

    def ready(self, references: list[Any], seconds: float) -> list[Any]:
        return references

    def get(self, reference: Callable[[], Any]) -> Any:
        return reference()

    def kill(self, worker: Any) -> None:
        self.gone.append(worker)

    def rest(self, worker: Any) -> None:
        self.rested.append(worker)


@dataclass
class Records:
    """What was emitted of every run, by its name."""

    by_name: dict[str, list[RunResult | str]] = field(default_factory=dict)

    def __call__(self, run: Run, result: RunResult | None, reason: str | None) -> None:
        self.by_name.setdefault(run.name, []).append(result or str(reason))


def run(
    out: Path,
    pool: FakePool,
    done: frozenset[str] = frozenset(),
    watch: Callable[[GridProgress], None] = lambda progress: None,
    **options: Any,
) -> tuple[Records, GridProgress]:
    """Does the grid; returns what was recorded."""
    records, bases, fake = Records(), TinyBases(tiny_checkpoint()), pool
    tasks = {("", name): TASKS[name] for name in ("short", "long")}
    work = GridWork(PLAN, done, bases, tasks, EngineConfig(**options), out)  # type: ignore[arg-type]
    return records, run_on_workers(work, records, watch, fake)  # type: ignore[arg-type]


def test_every_run_is_recorded_once_with_what_it_needs(tmp_path: Path) -> None:
    pool = FakePool()
    records, progress = run(tmp_path, pool)
    expected = {one.name: [make_result(made_up_score(one), tokens=8)] for one in PLAN.runs}
    assert records.by_name == expected
    assert (progress.done, progress.failed, progress.total) == (len(PLAN.runs), 0, len(PLAN.runs))
    assert [worker.device for worker in progress.workers] == ["made up"] * 2
    assert sum(worker.ended for worker in progress.workers) == len(PLAN.runs)
    for one in pool.sent:
        assert (one.source is not None) == (one.run.depends_on is not None)
        assert one.tested and one.lane is None
        assert one.wanted == (one.run.kind == "pretrained" and one.run.target == "short")
        if one.source is not None:
            jax.tree.map(
                np.testing.assert_array_equal,
                one.source(),
                weights_of(PLAN.by_id[str(one.run.depends_on)]),
            )
    assert len(pool.rested) == 2 and not pool.gone
    assert not (tmp_path / "checkpoints").exists()


def test_a_shared_filesystem_is_read_by_workers(tmp_path: Path) -> None:
    seen: list[bool] = []

    def change(number: int, mail: Mail, report: Report) -> Report:
        for one in mail.runs:
            if one.run.depends_on is not None:
                folder = tmp_path / "checkpoints" / "sources" / one.run.depends_on
                seen.append(one.source is None and (folder / "sha256.json").is_file())
        return report

    run(tmp_path, FakePool(change), weights="shared")
    assert seen == [True] * 4, "it is whole before a run of it is given"


def test_a_run_that_kills_workers_fails_with_its_dependants_and_no_other(tmp_path: Path) -> None:
    def change(number: int, mail: Mail, report: Report) -> Report:
        if any(one.run.name == "PT:short:1" for one in mail.runs):
            raise WorkerDiedError("out of memory")
        return report

    pool = FakePool(change)
    records, progress = run(tmp_path, pool)
    (reason,) = records.by_name.pop("PT:short:1")
    assert reason == "3 workers died with it, the last one: out of memory"
    for name in ("short:short:1", "short:long:1"):
        (reason,) = records.by_name.pop(name)
        assert str(reason).startswith("Its source run") and "3 workers died" in str(reason)
    assert all(isinstance(one, RunResult) for (one,) in records.by_name.values())
    assert (progress.done, progress.failed) == (len(PLAN.runs) - 3, 3)
    assert len(pool.gone) == 3 and pool.born == 5


def test_a_late_result_is_compared(tmp_path: Path) -> None:
    """A worker is given up; what it has done comes all the same, and another has done it, too."""
    late: dict[str, News] = {}

    def change(number: int, mail: Mail, report: Report) -> Report:
        if number == 0 and mail.runs:
            late.update({one.run.id: ended(one) for one in mail.runs})
            return replace(report, news=(), error="it broke")
        twice = [news for news in report.news if isinstance(news, Ended) and news.run in late]
        again = [replace(news) for news in twice]
        if again and again[0].result is not None:
            again.append(replace(again[0], result=replace(again[0].result, test=1.0)))
        return replace(report, news=(*report.news, *again))

    records, _ = run(tmp_path, FakePool(change))
    (name,) = [one.name for one in PLAN.runs if one.id in late]
    first, second = records.by_name.pop(name)
    assert isinstance(first, RunResult) and isinstance(second, RunResult)
    assert first.contradicted is None and replace(second, contradicted=None) == first
    assert second.contradicted is not None and "then test 1.0" in second.contradicted
    assert all(len(found) == 1 for found in records.by_name.values())


def test_what_a_worker_refuses_is_the_users_to_mend(tmp_path: Path) -> None:
    def change(number: int, mail: Mail, report: Report) -> Report:
        return replace(report, news=(), closed=True, error="a lane must fit", refused=True)

    pool = FakePool(change)
    with pytest.raises(IntertrainError, match="a lane must fit"):
        run(tmp_path, pool)
    assert len(pool.gone) == 2, "workers are not left behind"


def test_workers_that_cannot_start_are_not_tried_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(self: Script, setup: Setup) -> Hello:
        raise WorkerDiedError("no such library")

    monkeypatch.setattr(Script, "begin", dies)
    pool = FakePool()
    with pytest.raises(IntertrainError, match="none is left: no such library"):
        run(tmp_path, pool)
    assert pool.born == 6


def test_an_interrupted_grid_has_its_runs_handed_over(tmp_path: Path) -> None:
    objective = objective_of(tiny_checkpoint().config, TASKS, PLAN.runs[0].protocol)
    zeros = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), objective.parameter_shapes())
    state, held = dict.fromkeys(("params", "mean", "square", "best"), zeros), list[str]()

    def change(number: int, mail: Mail, report: Report) -> Report:
        held.extend(one.run.id for one in mail.runs)
        saved = tuple(Saved(one, 3, state, {"step": 3}) for one in held if mail.leave)
        return replace(report, news=saved)

    def watch(progress: GridProgress) -> None:
        if held:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, FakePool(change, count=1), watch=watch)
    assert [folder.name for folder in (tmp_path / "checkpoints" / "lanes").iterdir()] == held
    pool = FakePool()
    records, _ = run(tmp_path, pool)
    assert len(records.by_name) == len(PLAN.runs)
    resumed = {one.run.id: one.lane() for one in pool.sent if one.lane is not None}
    assert list(resumed) == held and resumed[held[0]][1] == {"step": 3}


@pytest.mark.parametrize("farther", [True, False])
def test_a_run_that_is_saved_farther_outlives_its_workers(tmp_path: Path, farther: bool) -> None:
    objective = objective_of(tiny_checkpoint().config, TASKS, PLAN.runs[0].protocol)
    zeros = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), objective.parameter_shapes())
    state, has = dict.fromkeys(("params", "mean", "square", "best"), zeros), set[int]()
    begun: list[int | None] = []

    def change(number: int, mail: Mail, report: Report) -> Report:
        if number in has:
            raise WorkerDiedError("preempted")
        for one in mail.runs:
            if one.run.name == "PT:long:0" and len(begun) < 5:
                begun.append(None if one.lane is None else one.lane()[1]["step"])
                has.add(number)
                step = 10 * len(begun) if farther else 10
                return replace(report, news=(Saved(one.run.id, step, state, {"step": step}),))
        return report

    records, progress = run(tmp_path, FakePool(change))
    (outcome,) = records.by_name["PT:long:0"]
    if farther:
        assert isinstance(outcome, RunResult) and begun == [None, 10, 20, 30, 40]
    else:
        assert begun == [None, 10, 10] and "3 workers died" in str(outcome)
    assert progress.done + progress.failed == len(PLAN.runs)


def test_a_source_that_is_lost_is_made_again(tmp_path: Path) -> None:
    lost: list[str] = []

    def change(number: int, mail: Mail, report: Report) -> Report:
        for one in mail.runs:
            if one.run.name == "short:long:0" and not lost:
                lost.append(one.run.id)
                return replace(report, news=(SourceLost(one.run.id, "it is gone"),))
        return report

    pool = FakePool(change)
    records, progress = run(tmp_path, pool)
    assert all(len(found) == 1 for found in records.by_name.values())
    assert len(records.by_name) == len(PLAN.runs) and progress.damaged == 1
    made = [one for one in pool.sent if one.run.name == "PT:short:0"]
    assert [one.tested for one in made] == [True, False], "the second time for its weights alone"
