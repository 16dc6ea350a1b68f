"""Compiles programs before they are first called, several at once: a GPU's take half a minute each."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax

# More at once would only delay the first programs, for which everything waits.
_THREADS = 16


@dataclass(frozen=True)
class Call:
    """A compiled function, and what it is called with."""

    program: Any
    arguments: tuple[Any, ...]


class Ahead:
    """The programs that are being compiled ahead of their first call.

    JAX keeps what a thread compiles for these shapes, shardings and dtypes, and the call finds it. A
    call of a program whose compilation is under way waits for that one and begins no second.

    Attributes:
        calls: that were made so far.
    """

    def __init__(self) -> None:
        self._coming: dict[Any, Future[None]] = {}
        self.calls = 0

    def compile(self, calls: Iterable[Call]) -> None:
        """Begins to compile, in this order, several at once; returns at once.

        Args:
            calls: values of arguments are not read, and none are given up; one call for each program.
        """
        new = [call for call in calls if call.program not in self._coming]
        if not new:
            return
        pool = ThreadPoolExecutor(min(len(new), _processors(), _THREADS), "compile")
        for call in new:
            shapes = jax.tree.map(_shape_of, call.arguments)
            self._coming[call.program] = pool.submit(_compile, call.program, shapes)
        pool.shutdown(wait=False)

    def run(self, call: Call) -> Any:
        """Calls a program once nothing else is compiling it any more.

        Raises:
            Exception: whatever its compilation raised.
        """
        coming = self._coming.get(call.program)
        if coming is not None:
            coming.result()
        self.calls += 1
        return call.program(*call.arguments)

    def stop(self) -> None:
        """Gives up what has not begun; what has, ends by itself."""
        self._coming = {p: coming for p, coming in self._coming.items() if not coming.cancel()}


def _compile(program: Any, shapes: tuple[Any, ...]) -> None:
    program.lower(*shapes).compile()


def _shape_of(leaf: Any) -> jax.ShapeDtypeStruct:
    """Returns what a program is compiled for; arrays of the host have no sharding."""
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=getattr(leaf, "sharding", None))


def _processors() -> int:
    """Returns how many processors the process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
