"""A worker in this process: its engine gives what a grid's own gives, and hands over what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.cluster.mail import Assignment, Ended, Mail, Report, Saved, Setup
from intertrain_jax.cluster.setup import kinds_of, setup_of
from intertrain_jax.cluster.worker import Worker
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.engine.held import HeldModels
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.work import GridWork
from tests.engine.tiny_grid import TASKS, TinyBases, run_tiny, tiny_checkpoint, tiny_plan

PLAN = tiny_plan(["short"], ["short"])
BASES: Any = TinyBases(tiny_checkpoint())
OPTIONS: dict[str, Any] = {"lanes": 1, "fuse": 1, "devices": 1}


@pytest.fixture(autouse=True)
def _no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Base models are in memory."""
    monkeypatch.setattr(HeldModels, "load", lambda self, model, words: BASES.load(model.ref))


def setup() -> Setup:
    tasks = {("", "short"): TASKS["short"]}
    work = GridWork(PLAN, set(), BASES, tasks, EngineConfig(**OPTIONS), Path("out"))
    return setup_of(work, kinds_of(work), 1)


def assigned(run: Run, **more: Any) -> Assignment:
    wanted = run.depends_on is None
    return Assignment(run, BASES.pretrained, True, wanted, **more)


def reports(worker: Worker, mail: Mail) -> Iterator[Report]:
    """Yields what a worker says until it has ended, or nothing is on board."""
    expected = {one.run.id for one in mail.runs}
    while True:
        report = worker.exchange(mail, 60.0)
        yield report
        mail = Mail()
        expected -= {news.run for news in report.news if isinstance(news, Ended)}
        if report.closed or (not expected and not mail.leave):
            return


def test_runs_are_those_of_a_grid_whatever_is_saved_meanwhile(tmp_path: Path) -> None:
    alone, _ = run_tiny(tmp_path, PLAN, {"short": TASKS["short"]}, **OPTIONS)
    store: dict[str, Any] = {}
    worker = Worker(None, store.__getitem__)
    hello = worker.begin(setup())
    assert (hello.lanes, hello.fused) == (1, 1)
    assert set(hello.efforts) == {run.id for run in PLAN.runs}
    source, run = PLAN.runs
    (made,) = (n for r in reports(worker, Mail((assigned(source),))) for n in r.news)
    assert isinstance(made, Ended) and made.result is not None
    assert made.result.outcome == alone.results[source.name]
    store["source"] = made.weights
    # It is told to leave when the run has begun: it hands over what it has, and ends.
    report = worker.exchange(Mail((assigned(run, source="source"),)), 0.0)
    while not (report.running or report.news):
        report = worker.exchange(Mail(), 0.05)
    left = [n for r in reports(worker, Mail(leave=True)) for n in r.news]
    (saved,) = (*report.news, *left)
    if isinstance(saved, Saved):
        store["lane"] = saved.state, saved.host
        again = Worker(None, store.__getitem__)
        again.begin(setup())
        mail = Mail((assigned(run, source="source", lane="lane"),), last=True)
        (saved,) = (n for r in reports(again, mail) for n in r.news)
    assert isinstance(saved, Ended) and saved.result is not None
    assert saved.result.outcome == alone.results[run.name]


def test_an_error_of_the_engine_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from intertrain_jax.engine.loop import GridLoop

    def broken(self: GridLoop) -> None:
        raise ZeroDivisionError("of its own")

    monkeypatch.setattr(GridLoop, "run", broken)
    worker = Worker(None, {}.__getitem__)
    worker.begin(setup())
    *_, report = reports(worker, Mail((assigned(PLAN.runs[0]),)))
    assert report.closed and not report.refused
    assert report.error == "its engine stopped: ZeroDivisionError: of its own"
