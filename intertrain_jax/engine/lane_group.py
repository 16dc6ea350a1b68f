"""A group of lanes that one call of the program advances together, and what runs in them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.lane_run import LaneRun, Tick
from intertrain_jax.engine.lanes import Lanes
from intertrain_jax.train.step import Segments


@dataclass(frozen=True)
class Turn:
    """What the lanes of a group do in one micro-step.

    Attributes:
        shape: of all blocks.
        ticks: lane → its run and tick; lanes whose next block has another shape wait.
        segments: references with leaves [K, R, Q]; empty for lanes that do nothing.
        share_K: 1 / examples of the batch.
        apply_K: whether the optimiser steps afterwards.
    """

    shape: BlockShape
    ticks: dict[int, tuple[LaneRun, Tick]]
    segments: Segments
    share_K: NDArray[np.float32]
    apply_K: NDArray[np.bool_]


@dataclass
class LaneGroup:
    """The lanes of one device state.

    Attributes:
        lanes: the device's side of all of them.
        slots: the host's side of each; None where a lane is free.
        losses: dispatched and not yet read: turns, each with its losses [K].
        dispatched_at: when the oldest of them was sent off.
    """

    lanes: Lanes
    slots: list[LaneRun | None]
    losses: list[tuple[Turn, Any]] = field(default_factory=list)
    dispatched_at: float | None = None

    @property
    def busy(self) -> dict[int, LaneRun]:
        """Lane → its run, where there is one."""
        return {k: lane for k, lane in enumerate(self.slots) if lane is not None}

    @property
    def free(self) -> list[int]:
        """Lanes without a run."""
        return [k for k, lane in enumerate(self.slots) if lane is None]

    def next_turn(self) -> Turn:
        """Takes the next tick of all busy lanes whose next block has the most wanted shape.

        A lane that waits has a growing vote, so that a rare shape gets its turn.
        """
        lanes = self.busy
        votes: Counter[BlockShape] = Counter()
        for lane in lanes.values():
            votes[lane.next_shape] += 1 + lane.waited
        shape = max(votes, key=lambda shape: (votes[shape], shape.length, shape.rows))
        for lane in lanes.values():
            lane.waited = 0 if lane.next_shape == shape else lane.waited + 1
        ticks = {k: (lane, lane.take()) for k, lane in lanes.items() if not lane.waited}
        count = len(self.slots)
        tables = {
            name: np.zeros(
                (count, shape.rows, shape.segments),
                np.float32 if name == "labels_RxQ" else np.int32,
            )
            for name in Segments.__dataclass_fields__
        }
        share_K, apply_K = np.zeros(count, np.float32), np.zeros(count, np.bool_)
        for k, (lane, tick) in ticks.items():
            segments = lane.train.segments(tick.block.examples)
            for name, table in tables.items():
                table[k] = getattr(segments, name)
            share_K[k], apply_K[k] = tick.share, tick.apply
        return Turn(shape, ticks, Segments(**tables), share_K, apply_K)
