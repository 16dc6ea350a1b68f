"""The first interruption waits for a good moment, the second one does not."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from intertrain_jax.base import InterruptedBySignal
from intertrain_jax.workflows.interrupts import ended_when_told, orderly

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in SIGNALS]


def interrupted(*steps: int | str) -> tuple[list[str], list[int | str]]:
    """Does steps, each a signal to send or a call of the function; returns what was said, and done."""
    said: list[str] = []
    done: list[int | str] = []
    with orderly(said.append) as stop:
        for step in steps:
            if step == "fail":
                raise ZeroDivisionError
            if isinstance(step, str):
                stop()
            else:
                os.kill(os.getpid(), step)
            done.append(step)
            DONE[:] = said, done
    return said, done


DONE: list[list[str] | list[int | str]] = []


@pytest.mark.parametrize("number", SIGNALS, ids=["SIGINT", "SIGTERM"])
def test_the_first_is_raised_when_it_is_asked_for(number: int) -> None:
    before = handlers()
    with pytest.raises(InterruptedBySignal) as caught:
        interrupted("ask", number, "ask", "ask")
    said, done = DONE
    assert caught.value.number == number and handlers() == before
    assert done == ["ask", number]
    assert len(said) == 1 and "again to stop at once" in str(said[0])


def test_nothing_is_raised_where_nothing_came() -> None:
    assert interrupted("ask", "ask") == ([], ["ask", "ask"])


def test_the_second_is_raised_at_once() -> None:
    before = handlers()
    with pytest.raises(InterruptedBySignal) as caught:
        interrupted(signal.SIGTERM, signal.SIGINT)
    assert DONE[1] == [signal.SIGTERM]
    assert caught.value.number == signal.SIGINT and handlers() == before


def test_one_that_came_too_late_is_not_lost() -> None:
    with pytest.raises(InterruptedBySignal):
        interrupted(signal.SIGINT)


def test_an_error_inside_is_what_is_raised() -> None:
    before = handlers()
    with pytest.raises(ZeroDivisionError):
        interrupted(signal.SIGINT, "fail")
    assert handlers() == before


def test_other_threads_change_nothing() -> None:
    before, seen = handlers(), []

    def work() -> None:
        with orderly(lambda text: None) as stop:
            stop()
            seen.append(handlers())
        with ended_when_told():
            seen.append(handlers())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before, before] and handlers() == before


def test_being_told_to_end_interrupts() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), ended_when_told():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before
