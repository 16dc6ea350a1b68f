"""A worker's mailbox: what is put in is fed to the loop, what the loop makes is reported."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from intertrain_jax.cluster.mail import Assignment, Ended, Mail, Saved, SourceLost
from intertrain_jax.cluster.mailbox import LeavingError, Mailbox
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.checkpoint import WeightsLostError
from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import Effort
from tests.cluster.test_driver import run_of
from tests.runs import make_result

SHORT, LONG = BlockShape(4, 32, 4), BlockShape(2, 64, 4)
SHAPES = {"a": SHORT, "b": LONG, "c": SHORT}


def assigned(run: Run, **more: Any) -> Assignment:
    base: Any = None
    return Assignment(run, base, **{"tested": True, "wanted": False, **more})


def mailbox(store: dict[str, Any] | None = None) -> Mailbox:
    return Mailbox(lambda run: Effort(SHAPES[run.id], 10), 3, (store or {}).__getitem__)


def test_runs_come_in_their_order_and_by_the_shape_in_use() -> None:
    box = mailbox()
    assert box.more and box.take_next(None) is None
    box.put(Mail(tuple(assigned(run_of(name)) for name in "abc")))
    assert box.tokens == 30
    assert [run.id for run in box.upcoming(None, 9)] == ["a", "c"]
    assert [run.id for run in box.upcoming(LONG, 9)] == ["b"]
    a = box.take_next(None)
    assert a is not None and a.id == "a"
    box.put_back(a)
    taken = [box.take_next(None) for _ in range(3)]
    assert [run.id for run in taken if run is not None] == ["a", "b", "c"]
    assert box.more
    box.put(Mail(last=True))
    assert not box.more


def test_what_runs_make_is_reported_once() -> None:
    box = mailbox()
    a, c = run_of("a"), run_of("c")
    box.put(Mail((assigned(a, wanted=True), assigned(c, tested=False))))
    assert box.take_next(None) == a and box.take_next(None) == c
    assert box.is_tested(a) and box.wants_weights(a)
    assert not box.is_tested(c) and not box.wants_weights(c)
    box.watch(GridProgress(tokens=5, running=(a, c)))
    box.save_lane("c", 7, {"w": 1}, {"step": 7})
    result = make_result(50.0)
    box.keep(a, {"w": 2}, result)
    box.finish(a, result, None)
    box.finish(c, None, "it diverged")
    report = box.report(0.0)
    assert report.news == (
        Saved("c", 7, {"w": 1}, {"step": 7}),
        Ended("a", result, None, {"w": 2}),
        Ended("c", None, "it diverged", None),
    )
    assert (report.turns, report.running) == (1, ("a", "c"))
    assert report.progress == GridProgress(tokens=5)
    assert box.report(0.0).news == ()


def test_weights_come_with_the_run_that_needs_them() -> None:
    store = {"s": {"w": 1}, "l": ({"params": 2}, {"step": 3})}
    box = mailbox(store)
    run = run_of("a", depends_on="source")
    box.put(Mail((assigned(run, source="s", lane="l"), assigned(run_of("c")))))
    assert box.take_next(None) == run
    assert box.load_source("source", None) == {"w": 1}
    assert box.load_lane("a", None) == ({"params": 2}, {"step": 3})
    c = box.take_next(None)
    assert c is not None and box.load_lane("c", None) is None


def test_a_source_that_is_lost_on_its_way_gives_its_run_back() -> None:
    box = mailbox({})
    run = run_of("a", depends_on="source")
    box.put(Mail((assigned(run, source="gone"),)))
    assert box.take_next(None) == run
    with pytest.raises(WeightsLostError, match="lost on its way"):
        box.load_source("source", None)
    assert box.wait_for_source(run)
    (news,) = box.report(0.0).news
    assert isinstance(news, SourceLost) and news.run == "a"


def test_a_loop_that_is_to_leave_is_interrupted_wherever_it_is() -> None:
    box = mailbox()
    box.watch(GridProgress())
    ended = threading.Event()

    def work() -> None:
        box.wait_for_mail()
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    box.leave()
    assert ended.wait(60)
    thread.join()
    with pytest.raises(LeavingError):
        box.watch(GridProgress())
    box.end(None, False)
    assert box.report(0.0).closed


def test_news_is_reported_at_once() -> None:
    box = mailbox()
    timer = threading.Timer(0.05, lambda: box.end("it broke", True))
    timer.start()
    report = box.report(600.0)
    assert (report.closed, report.error, report.refused) == (True, "it broke", True)
    timer.join()
