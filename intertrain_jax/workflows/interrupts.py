"""Interruptions: the first one asks for an end at the next good moment, the second one ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from intertrain_jax.base import InterruptedBySignal

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def orderly(say: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Puts interruptions off while it is open, as far as the one who computes looks after them.

    Only a program's main thread can be told of signals: elsewhere they are not put off.

    Args:
        say: tells the user what happens now.

    Yields:
        A function for good moments to stop at: it raises what has come since the last call.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    came: list[int] = []

    def note(number: int, frame: Any) -> None:
        if came:
            # A third one ends the process without a word.
            signal.signal(number, signal.SIG_DFL)
            raise InterruptedBySignal(number)
        came.append(number)
        say("stopping when the runs in flight are saved; interrupt again to stop at once")

    def stop() -> None:
        if came:
            raise InterruptedBySignal(came[0])

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield stop
        # It came after the last good moment, when everything was done.
        stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ended_when_told() -> Iterator[None]:
    """While open, the signal that asks a process to end interrupts it as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: Any) -> None:
        raise InterruptedBySignal(number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
