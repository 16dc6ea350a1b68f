"""What workers have done, added up, whether they are there still or not."""

from __future__ import annotations

from typing import Any

from intertrain_jax.cluster.driver import Driver
from intertrain_jax.cluster.mail import Hello, Place, Report
from intertrain_jax.cluster.progress import Sum
from intertrain_jax.cluster.seats import Seat
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.planning.queue import Effort, RunQueue
from tests.cluster.test_driver import run_of

PLACE = Place("host", 7, {"device": "made up"}, "float32")


def seat(name: str, tokens: int, running: tuple[str, ...] = ()) -> Seat:
    handle: Any = None
    progress = GridProgress(tokens=tokens, examples=2 * tokens, compile_seconds=4.0)
    hello = Hello(PLACE, 2, 2, {})
    return Seat(name, handle, hello=hello, report=Report((), 1, progress, running))


def test_all_of_it_is_counted() -> None:
    runs = [run_of(name) for name in "abc"]
    effort = Effort(BlockShape(4, 32, 4), 100)
    driver = Driver(RunQueue(runs, set(), lambda run: True, lambda run: effort))
    driver.join("x", 1, 0.0)
    (given,) = driver.give(0.0)
    found = Sum(total=3)
    found.gone(seat("gone", 50))
    found.ended(failed=False)
    found.stopped(50, 100)
    seats = [seat("x", 30, (given.run.id,)), seat("y", 0)]
    progress = found.progress(seats, driver, 10.0)
    assert (progress.done, progress.failed, progress.total) == (1, 0, 3)
    assert (progress.tokens, progress.examples, progress.lanes) == (80, 160, 4)
    assert progress.compile_seconds == 6.0, "they compile side by side"
    assert progress.running == (given.run,)
    assert [worker.runs for worker in progress.workers] == [1, 0]
    # Half of three runs, of which 30 tokens are done.
    assert progress.tokens_left == 120.0


def test_before_a_worker_is_there_nothing_is_known() -> None:
    handle: Any = None
    progress = Sum().progress([Seat("x", handle)], None, 3.0)
    assert (progress.lanes, progress.workers, progress.seconds) == (0, (), 3.0)
