"""A group of lanes that one call of the program advances together, and what runs in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.lane_run import LaneRun, Tick
from intertrain_jax.engine.lanes import Lanes
from intertrain_jax.train.step import Segments


@dataclass
class LaneGroup:
    """The lanes of one device state.

    Attributes:
        lanes: the device's side of all of them.
        slots: the host's side of each; None where a lane is free.
        losses: dispatched and not yet read: losses [K] per tick, and the ticks of every lane.
        dispatched_at: when the oldest of them was sent off.
    """

    lanes: Lanes
    slots: list[LaneRun | None]
    losses: list[tuple[list[Any], dict[int, tuple[LaneRun, list[Tick]]]]] = field(
        default_factory=list
    )
    dispatched_at: float | None = None

    @property
    def busy(self) -> dict[int, LaneRun]:
        """Lane → its run, where there is one."""
        return {k: lane for k, lane in enumerate(self.slots) if lane is not None}

    @property
    def free(self) -> list[int]:
        """Lanes without a run."""
        return [k for k, lane in enumerate(self.slots) if lane is None]

    def tables(
        self, taken: dict[int, list[Tick]], shape: BlockShape
    ) -> tuple[Segments, NDArray[np.float32], NDArray[np.bool_]]:
        """Lays the lanes' next T ticks out as arrays; idle lanes stay empty.

        Returns:
            References with leaves [T, K, R, Q], share of a batch [T, K], and whether the optimiser
            steps after a tick [T, K].
        """
        count = len(next(iter(taken.values())))
        lanes = len(self.slots)
        tables = {
            name: np.zeros(
                (count, lanes, shape.rows, shape.segments),
                np.float32 if name == "labels_RxQ" else np.int32,
            )
            for name in Segments.__dataclass_fields__
        }
        share_TxK = np.zeros((count, lanes), np.float32)
        apply_TxK = np.zeros((count, lanes), np.bool_)
        for k, ticks in taken.items():
            lane = self.slots[k]
            assert lane is not None
            segments = lane.train.segments(np.stack([tick.block for tick in ticks]))
            for name, table in tables.items():
                table[:, k] = getattr(segments, name)
            share_TxK[:, k] = [tick.share for tick in ticks]
            apply_TxK[:, k] = [tick.apply for tick in ticks]
        return Segments(**tables), share_TxK, apply_TxK
