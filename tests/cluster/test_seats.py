"""Seats: who is asked for what, and who takes the place of one that is gone."""

from __future__ import annotations

from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.cluster.mail import Hello, Place
from intertrain_jax.cluster.seats import BUSY_SECONDS, IDLE_SECONDS, Seats
from tests.cluster.test_grid import FakePool

HELLO = Hello(Place("host", 7, {}, "float32"), 1, 1, {})


def opened(count: int) -> tuple[FakePool, Seats]:
    pool = FakePool(count=count)
    made: Any = pool
    seats = Seats(made, pool.put(None))
    seats.open()
    return pool, seats


def test_a_seat_is_taken_again_and_its_worker_ended() -> None:
    pool, seats = opened(2)
    first, second = seats.seats
    first.hello = HELLO
    seats.replace(first, "killed")
    assert pool.gone == [first.handle] and first not in seats.seats and second in seats.seats
    assert [seat.name for seat in seats.seats] == ["worker-2", "worker-3"]
    # What was under way there may come all the same.
    assert first in [seat for seat, _ in seats.answered(0.0)]


def test_a_seat_stays_empty_after_three_false_starts() -> None:
    pool, seats = opened(2)
    for _ in range(2):
        seats.replace(seats.seats[0], "no such library")
        seats.seats.reverse()
    assert len(seats.seats) == 2
    seats.replace(seats.seats[0], "no such library")
    assert len(seats.seats) == 1 and pool.born == 4
    starts = seats.seats[0].false_starts
    for _ in range(2 - starts):
        seats.replace(seats.seats[0], "no such library")
    with pytest.raises(IntertrainError, match="none is left: no such library"):
        seats.replace(seats.seats[0], "no such library")


def test_workers_without_runs_are_asked_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    _, seats = opened(1)
    ((seat, _),) = seats.answered(0.0)
    waited: list[float] = []
    monkeypatch.setattr(
        seat.handle.exchange, "remote", lambda mail, seconds: waited.append(seconds)
    )
    seats.ask(seat, runs=0)
    seats.ask(seat, runs=3)
    assert waited == [IDLE_SECONDS, BUSY_SECONDS]
    seats.seats *= 1000
    seats.ask(seat, runs=3)
    assert waited[-1] == 10.0, "a driver of many is not called too often"


def test_those_that_are_ready_are_given_back() -> None:
    pool, seats = opened(2)
    ready, starting = seats.seats
    ready.hello = HELLO
    seats.close(whole=True)
    assert pool.rested == [ready.handle] and pool.gone == [starting.handle]
    _, again = opened(1)
    again.seats[0].hello = HELLO
    again.close(whole=False)
    assert again.seats == []
