"""Scores the model in a lane on a whole split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.data.packing import EMPTY, BlockShape, pack
from intertrain_jax.engine.lanes import LanePrograms, Lanes
from intertrain_jax.train.arena import Arena, SplitView
from intertrain_jax.train.step import Segments

# Blocks of one evaluation dispatch.
BLOCKS = 16


@dataclass(frozen=True)
class _Chunk:
    """One dispatch.

    Attributes:
        shape: of its blocks.
        segments: references with leaves [T, R, Q].
        examples: [T, R, Q] indices into the split, EMPTY where unused.
        count: blocks in use.
    """

    shape: BlockShape
    segments: Segments
    examples: NDArray[np.int32]
    count: int


class Evaluator:
    """Packs every split once, and reads a lane's outputs on it.

    Args:
        arena: all tokens.
        num_outputs: C, outputs of the shared head.
    """

    def __init__(self, arena: Arena, num_outputs: int) -> None:
        self._arena = arena
        self._num_outputs = num_outputs
        self._packed: dict[tuple[str, str, tuple[BlockShape, ...]], list[_Chunk]] = {}

    def logits(
        self,
        programs: LanePrograms,
        lanes: Lanes,
        lane: int,
        best: bool,
        task: str,
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

    def _chunks(self, task: str, split: str, shapes: tuple[BlockShape, ...]) -> list[_Chunk]:
        key = (task, split, shapes)
        if key not in self._packed:
            view = self._arena.views[task, split]
            blocks = pack(view.lengths.tolist(), shapes)
            self._packed[key] = [
                _chunk(part, shape, view)
                for shape in shapes
                for part in _parts([b.examples for b in blocks if b.shape == shape])
            ]
        return self._packed[key]


def _parts(blocks: list[NDArray[np.int32]]) -> Iterator[list[NDArray[np.int32]]]:
    for first in range(0, len(blocks), BLOCKS):
        yield blocks[first : first + BLOCKS]


def _chunk(part: list[NDArray[np.int32]], shape: BlockShape, view: SplitView) -> _Chunk:
    examples = np.full((BLOCKS, shape.rows, shape.segments), EMPTY, np.int32)
    examples[: len(part)] = part
    return _Chunk(shape, view.segments(examples), examples, len(part))
