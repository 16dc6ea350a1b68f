"""Decides, from the plan alone, which ready run enters a lane that has become free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from intertrain_jax.data.packing import BlockShape


@dataclass(frozen=True)
class ReadyRun:
    """What the scheduler knows of a run whose dependencies are done.

    Attributes:
        id: the run's id.
        shape: block shape of its task; lanes that run together share it.
        unlocks: pending runs that wait for this one.
        tokens: estimated tokens to train on.
    """

    id: str
    shape: BlockShape
    unlocks: int
    tokens: int


def priority(run: ReadyRun) -> tuple[bool, int, str]:
    """Runs that others wait for first, then the longest, so that lanes end together."""
    return (run.unlocks == 0, -run.tokens, run.id)


def next_run(ready: Sequence[ReadyRun], shape: BlockShape | None) -> ReadyRun | None:
    """Returns the run to start in a free lane, or None if no ready run fits the current shape.

    Args:
        ready: runs whose dependencies are done.
        shape: shape in use by busy lanes; None when all lanes are free, so that any will do.
    """
    if shape is None:
        shape = busiest_shape(ready)
    fitting = [run for run in ready if run.shape == shape]
    return min(fitting, key=priority) if fitting else None


def busiest_shape(ready: Sequence[ReadyRun]) -> BlockShape | None:
    """Returns the shape to turn to: of the runs that others wait for, else of the most work."""
    if not ready:
        return None
    totals: dict[BlockShape, tuple[int, int]] = {}
    for run in ready:
        unlocks, tokens = totals.get(run.shape, (0, 0))
        totals[run.shape] = (unlocks + run.unlocks, tokens + run.tokens)
    return max(totals, key=lambda shape: (totals[shape][0] > 0, totals[shape][1], shape.length))
