"""Chooses the shape of micro-steps: the row length of every task, and the rows of a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.packing import (
    ROW_LENGTHS,
    BlockShape,
    pack_rows,
    row_length_for,
    segments_per_row,
)

# What a micro-step costs beside its tokens, as a number of tokens: reading and writing the
# accumulated gradient, and the loss of efficiency of small matrix products.
# Measured with tools/bench_grid.py --rows on each backend (see results/benchmarks).
OVERHEAD_TOKENS = {"cpu": 32, "gpu": 1024, "tpu": 1024}
MOST_TOKENS = {"cpu": 2048, "gpu": 16384, "tpu": 16384}
# Evaluation keeps no activations and no gradients, so its blocks are larger.
EVALUATION_TOKENS = {"cpu": 1024, "gpu": 32768, "tpu": 32768}
_SAMPLED_BATCHES = 24


@dataclass(frozen=True)
class TaskShapes:
    """The block shapes that a task trains and is evaluated in."""

    train: BlockShape
    evaluate: BlockShape


def expected_rows(
    lengths: NDArray[np.int32], batch_size: int, row_length: int, max_segments: int
) -> list[int]:
    """Returns how many rows random batches of a split take, for a fixed sample of batches."""
    generator = np.random.Generator(np.random.Philox(key=[0, 0x626C6F636B73]))
    size = min(batch_size, len(lengths))
    counts = []
    for _ in range(_SAMPLED_BATCHES):
        batch = generator.choice(len(lengths), size, replace=False)
        counts.append(len(pack_rows(lengths[batch].tolist(), row_length, max_segments)))
    return counts


def cheapest_rows(rows_of_batches: Sequence[Sequence[int]], row_length: int, backend: str) -> int:
    """Returns the rows per block that cost a lane the fewest token slots, overhead included.

    Args:
        rows_of_batches: for every task, the rows that each of some sampled batches takes.
        row_length: L.
        backend: "cpu", "gpu" or "tpu".
    """
    most = max(1, MOST_TOKENS[backend] // row_length)
    largest = max(max(counts) for counts in rows_of_batches)

    def cost(rows: int) -> float:
        per_block = rows * row_length + OVERHEAD_TOKENS[backend]
        return sum(
            float(np.mean([-(-count // rows) for count in counts]) * per_block / np.mean(counts))
            for counts in rows_of_batches
        )

    return min(range(1, min(most, largest) + 1), key=cost)


def choose_shapes(
    lengths: Mapping[str, NDArray[np.int32]],
    longest: Mapping[str, int],
    batch_size: int,
    row_length: int | str,
    block_rows: int | str,
    backend: str,
) -> dict[str, TaskShapes]:
    """Chooses block shapes for the tasks of a grid; tasks of one row length share them.

    Args:
        lengths: training example lengths per task.
        longest: longest example over all splits per task.
        batch_size: examples per optimiser step.
        row_length: a number forces one row length for all tasks; "auto" takes the shortest that fits.
        block_rows: a number forces R; "auto" takes the cheapest.
        backend: "cpu", "gpu" or "tpu".

    Raises:
        IntertrainError: if a forced row length is shorter than an example.
    """
    groups: dict[int, list[str]] = {}
    for task, tokens in longest.items():
        if row_length == "auto":
            length = row_length_for(tokens, (*ROW_LENGTHS, -(-tokens // 128) * 128))
        else:
            length = int(row_length)
        if tokens > length:
            raise IntertrainError(
                f"engine.row_length is {length}, but task {task!r} has an example of {tokens} tokens: "
                f"set engine.row_length to at least {tokens}, or protocol.max_length to {length}."
            )
        groups.setdefault(length, []).append(task)
    shapes = {}
    for length, members in groups.items():
        shortest = int(min(lengths[task].min() for task in members))
        segments = segments_per_row(length, shortest)
        if block_rows == "auto":
            counts = [expected_rows(lengths[t], batch_size, length, segments) for t in members]
            rows = cheapest_rows(counts, length, backend)
        else:
            rows = int(block_rows)
        train = BlockShape(rows, length, segments)
        wide = BlockShape(max(rows, EVALUATION_TOKENS[backend] // length), length, segments)
        shapes.update({task: TaskShapes(train, wide) for task in members})
    return shapes
