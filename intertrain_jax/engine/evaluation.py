"""Scores the model in a lane on a whole split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.data.encoded import TaskKey
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.lanes import LanePrograms, Lanes
from intertrain_jax.train.arena import Arena, Chunk, chunked


class Evaluator:
    """Packs every split once, and reads a lane's outputs on it.

    Args:
        arena: all tokens.
        num_outputs: C, outputs of the shared head.
    """

    def __init__(self, arena: Arena, num_outputs: int) -> None:
        self._arena = arena
        self._num_outputs = num_outputs
        self._packed: dict[tuple[TaskKey, str, tuple[BlockShape, ...]], list[Chunk]] = {}

    def logits(
        self,
        programs: LanePrograms,
        lanes: Lanes,
        lane: int,
        best: bool,
        task: TaskKey,
        split: str,
        shapes: tuple[BlockShape, ...],
    ) -> NDArray[np.float32]:
        """Returns logits [N, C] of one lane's current or best parameters, in the split's order."""
        chunks = self._chunks(task, split, shapes)
        # All dispatches go out before the first result is awaited.
        outputs = [
            programs.evaluate(
                lanes, lane, best, chunk.segments, chunk.count, self._arena.tokens, chunk.shape
            )
            for chunk in chunks
        ]
        logits_NxC = np.zeros((len(self._arena.views[task, split]), self._num_outputs), np.float32)
        for output, chunk in zip(outputs, chunks, strict=True):
            used = chunk.examples >= 0
            logits_NxC[chunk.examples[used]] = np.asarray(output)[used]
        return logits_NxC

    def _chunks(self, task: TaskKey, split: str, shapes: tuple[BlockShape, ...]) -> list[Chunk]:
        key = (task, split, shapes)
        if key not in self._packed:
            self._packed[key] = chunked(self._arena.views[task, split], shapes)
        return self._packed[key]
