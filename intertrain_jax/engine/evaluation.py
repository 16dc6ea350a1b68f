"""Scores the model in a lane on a whole split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.data.packing import EMPTY, BlockShape, pack
from intertrain_jax.engine.arena import Arena
from intertrain_jax.engine.lanes import LanePrograms, Lanes
from intertrain_jax.train.step import Segments

# Blocks of one evaluation dispatch.
BLOCKS = 16


class Evaluator:
    """Packs every split once, and reads a lane's outputs on it.

    Args:
        arena: all tokens.
        num_outputs: C, outputs of the shared head.
    """

    def __init__(self, arena: Arena, num_outputs: int) -> None:
        self._arena = arena
        self._num_outputs = num_outputs
        self._packed: dict[
            tuple[str, str, BlockShape], list[tuple[Segments, NDArray[np.int32], int]]
        ] = {}

    def logits(
        self,
        programs: LanePrograms,
        lanes: Lanes,
        lane: int,
        best: bool,
        task: str,
        split: str,
        shape: BlockShape,
    ) -> NDArray[np.float32]:
        """Returns logits [N, C] of one lane's current or best parameters, in the split's order."""
        chunks = self._chunks(task, split, shape)
        # All dispatches go out before the first result is awaited.
        outputs = [
            programs.evaluate(lanes, lane, best, segments, count, self._arena.tokens, shape)
            for segments, _, count in chunks
        ]
        logits_NxC = np.zeros((len(self._arena.views[task, split]), self._num_outputs), np.float32)
        for output, (_, blocks, _) in zip(outputs, chunks, strict=True):
            used = blocks >= 0
            logits_NxC[blocks[used]] = np.asarray(output)[used]
        return logits_NxC

    def _chunks(
        self, task: str, split: str, shape: BlockShape
    ) -> list[tuple[Segments, NDArray[np.int32], int]]:
        """Returns dispatches: references, example indices [T, R, Q], and blocks in use."""
        key = (task, split, shape)
        if key not in self._packed:
            view = self._arena.views[task, split]
            blocks = pack(view.lengths.tolist(), shape)
            self._packed[key] = []
            for first in range(0, len(blocks), BLOCKS):
                part = blocks[first : first + BLOCKS]
                table = np.full((BLOCKS, shape.rows, shape.segments), EMPTY, np.int32)
                table[: len(part)] = part
                self._packed[key].append((view.segments(table), table, len(part)))
        return self._packed[key]
