"""Chooses the shape of micro-steps: the row length of every task, and the rows of a block."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.base import IntertrainError, stream
from intertrain_jax.data.packing import (
    EVALUATION_TOKENS,
    BlockShape,
    longer_blocks,
    pack,
    row_lengths_of,
    segments_per_row,
)

# What a micro-step costs beside its tokens, as a number of tokens: reading and writing the
# accumulated gradient, and the loss of efficiency of small matrix products.
# Measured with tools/bench_grid.py --rows on each backend (see results/benchmarks).
# On an H100, RoBERTa-base takes 4.7 ms for 512 token slots and 20.4 ms for 10,464.
OVERHEAD_TOKENS = {"cpu": 32, "gpu": 2500, "tpu": 2500}
MOST_TOKENS = {"cpu": 2048, "gpu": 16384, "tpu": 16384}
# On an accelerator a block has one of these sizes and row lengths, so that tasks share few programs
# although each has the one that suits its batches.
_BLOCK_TOKENS = (4096, 6144, 8192, 10240, 11776, 12288, 16384, 20480, 24576)
_SHORTEST_ROW = 64
# Tokens per segment slot of rows whose examples are all as long; others have as many slots as rows may.
_FEW_SEGMENTS = 24
# A token's share of attention, relative to the rest, grows by 1 for so many tokens of a row.
_ATTENTION_LENGTH = 4000
_SAMPLED_BATCHES = 24
# What a micro-step costs each of many fused lanes beside its tokens, as a number of tokens: its weights
# and gradients are read and written, and it has its share of the launches. On an H200 sixteen lanes of
# MiniLM's shape took about 8 ms for a row of 64 tokens each (results/benchmarks/h200-mini-paper.json).
_LANE_OVERHEAD_TOKENS = 1000

Shapes = tuple[BlockShape, ...]
TaskName = TypeVar("TaskName", bound=Hashable)


@dataclass(frozen=True)
class TaskShapes:
    """The block shapes of a task, by row length: one, or a second one for its longest examples.

    Attributes:
        train: of micro-steps.
        evaluate: of evaluation blocks.
    """

    train: Shapes
    evaluate: Shapes


def expected_rows(
    lengths: NDArray[np.int32], batch_size: int, shapes: Shapes
) -> list[tuple[int, ...]]:
    """Returns the rows that random batches take of every shape, for a fixed sample of batches.

    Args:
        lengths: tokens of the training examples.
        batch_size: examples per batch.
        shapes: row lengths and segments in use; every block counts as one row.
    """
    generator = stream(0, "blocks")
    size = min(batch_size, len(lengths))
    single = tuple(BlockShape(1, shape.length, shape.segments) for shape in shapes)
    counts = []
    for _ in range(_SAMPLED_BATCHES):
        batch = lengths[generator.choice(len(lengths), size, replace=False)]
        blocks = Counter(block.shape for block in pack(batch.tolist(), single))
        counts.append(tuple(blocks[shape] for shape in single))
    return counts


def cheapest_rows(
    rows_of_batches: Sequence[Sequence[int]],
    row_length: int,
    backend: str,
    longer: Sequence[BlockShape | None] = (),
) -> int:
    """Returns the rows per block that cost a lane the fewest token slots, overhead included.

    Args:
        rows_of_batches: for every task, the rows that each of some sampled batches takes.
        row_length: L.
        backend: "cpu", "gpu" or "tpu".
        longer: for every task, the blocks that take in what is left over (see `pack`), if any.
    """
    most = max(1, MOST_TOKENS[backend] // row_length)
    overhead = OVERHEAD_TOKENS[backend]
    spill = dict(enumerate(longer))
    taken = [(counts, spill.get(t)) for t, counts in enumerate(rows_of_batches) if max(counts) > 0]
    largest = max((max(counts) for counts, _ in taken), default=1)

    def slots(count: int, rows: int, over: BlockShape | None) -> int:
        full, left = divmod(count, rows)
        last = (rows * row_length + overhead) * (left > 0)
        if left and over is not None:
            stacked = -(-left // (over.length // row_length))
            blocks = longer_blocks(stacked, BlockShape(rows, row_length, over.segments), over)
            last = blocks * (over.tokens + overhead) if blocks else last
        return full * (rows * row_length + overhead) + last

    def cost(rows: int) -> float:
        return sum(
            float(np.mean([slots(count, rows, over) for count in counts]) / np.mean(counts))
            for counts, over in taken
        )

    return min(range(1, min(most, largest) + 1), key=cost)


def choose_shapes(
    lengths: Mapping[TaskName, NDArray[np.int32]],
    longest: Mapping[TaskName, int],
    batch_size: int,
    row_length: int | str,
    block_rows: int | str,
    backend: str,
    together: bool = False,
) -> dict[TaskName, TaskShapes]:
    """Chooses block shapes for the tasks of a grid; tasks of one row length share them.

    Args:
        lengths: training example lengths per task, of which messages say the name or the last part.
        longest: longest example over all splits per task.
        batch_size: examples per optimiser step.
        row_length: a number forces one row length for all tasks; "auto" takes the shortest that fit.
        block_rows: a number forces R; "auto" takes the cheapest.
        backend: "cpu", "gpu" or "tpu".
        together: one shape for all tasks, for many fused lanes of an accelerator.

    Raises:
        IntertrainError: if a forced row length is shorter than an example.
    """
    if backend != "cpu" and (row_length, block_rows) == ("auto", "auto"):
        if together:
            shared = _shared_shapes(lengths, max(longest.values()), batch_size, backend)
            return dict.fromkeys(longest, shared)
        return {
            task: _accelerator_shapes(lengths[task], longest[task], batch_size, backend)
            for task in longest
        }
    rows_of: dict[TaskName, tuple[int, ...]] = {}
    for task, tokens in longest.items():
        if row_length == "auto":
            rows_of[task] = row_lengths_of(lengths[task], tokens)
            continue
        rows_of[task] = (int(row_length),)
        if tokens > int(row_length):
            name = task[-1] if isinstance(task, tuple) else task
            raise IntertrainError(
                f"engine.row_length is {row_length}, but task {name!r} has an example of {tokens} "
                f"tokens: set engine.row_length to at least {tokens}, or protocol.max_length to "
                f"{row_length}."
            )
    # Tasks share a shape where they use a row length for the same purpose: all, most, or the rest.
    members: dict[tuple[int, bool], list[TaskName]] = {}
    for task, row_lengths in rows_of.items():
        for n, length in enumerate(row_lengths):
            members.setdefault((length, n > 0), []).append(task)
    segments_of = {
        (length, rest): segments_per_row(length, int(min(lengths[t].min() for t in tasks)))
        for (length, rest), tasks in members.items()
    }
    counts_of = {
        task: expected_rows(
            lengths[task],
            batch_size,
            tuple(
                BlockShape(1, length, segments_of[length, n > 0])
                for n, length in enumerate(row_lengths)
            ),
        )
        for task, row_lengths in rows_of.items()
    }
    train: dict[TaskName, list[BlockShape]] = {task: [] for task in rows_of}
    evaluate: dict[TaskName, list[BlockShape]] = {task: [] for task in rows_of}
    # The longer rows first: they take in what is left of the shorter ones.
    for (length, rest), tasks in sorted(
        members.items(), key=lambda item: (not item[0][1], item[0])
    ):
        if block_rows == "auto":
            counts = [[batch[rest] for batch in counts_of[task]] for task in tasks]
            longer = [train[task][0] if train[task] else None for task in tasks]
            rows = cheapest_rows(counts, length, backend, longer)
        else:
            rows = int(block_rows)
        wide = max(rows, EVALUATION_TOKENS[backend] // length)
        segments = segments_of[length, rest]
        for task in tasks:
            train[task].insert(0, BlockShape(rows, length, segments))
            evaluate[task].insert(0, BlockShape(rows if rest else wide, length, segments))
    return {task: TaskShapes(tuple(train[task]), tuple(evaluate[task])) for task in rows_of}


def _accelerator_shapes(
    lengths: NDArray[np.int32], longest: int, batch_size: int, backend: str
) -> TaskShapes:
    """Chooses the shapes of one task for a device on which small micro-steps are waste.

    One row length for all examples, or a short one and a long one, whose block short examples fill; of
    the sizes in `_BLOCK_TOKENS`, what costs a sample of batches least.
    """
    overhead = OVERHEAD_TOKENS[backend]
    row_lengths = sorted({_doubled(length) for length in row_lengths_of(lengths, longest)})
    shortest = int(lengths.min())

    def shape(tokens: int, length: int) -> BlockShape:
        # Few kinds of rows: every shape is a program to compile, half a minute each.
        few, many = -(-length // _FEW_SEGMENTS), segments_per_row(length, 1)
        segments = few if length // shortest <= few else many
        return BlockShape(max(1, tokens // length), length, segments, overhead)

    candidates: list[Shapes] = [(shape(tokens, row_lengths[-1]),) for tokens in _BLOCK_TOKENS]
    if len(row_lengths) > 1:
        rest = shape(_BLOCK_TOKENS[0], row_lengths[-1])
        candidates += [(shape(tokens, row_lengths[0]), rest) for tokens in _BLOCK_TOKENS]
    generator = np.random.Generator(np.random.Philox(key=[0, 0x626C6F636B73]))
    size = min(batch_size, len(lengths))
    batches = [
        lengths[generator.choice(len(lengths), size, replace=False)].tolist()
        for _ in range(_SAMPLED_BATCHES // 2)
    ]

    def cost(shapes: Shapes) -> float:
        return sum(
            block.shape.tokens * (1 + block.shape.length / _ATTENTION_LENGTH) + overhead
            for batch in batches
            for block in pack(batch, shapes)
        )

    train = min(candidates, key=cost)
    wide = [shape(EVALUATION_TOKENS[backend], s.length) for s in train]
    evaluate = [wide[0], *train[1:]]
    return TaskShapes(train, tuple(evaluate))


def _shared_shapes(
    lengths: Mapping[TaskName, NDArray[np.int32]], longest: int, batch_size: int, backend: str
) -> TaskShapes:
    """Chooses the one shape of all tasks: the rows at which their batches cost least, each as much."""
    length = _doubled(longest)
    segments = segments_per_row(length, 1)
    row = BlockShape(1, length, segments)
    rows_of, tokens_of = [], []
    for found in lengths.values():
        rows_of.append([counts[0] for counts in expected_rows(found, batch_size, (row,))])
        tokens_of.append(float(found.mean()) * min(batch_size, len(found)))

    def cost(rows: int) -> float:
        blocks = [np.mean(-(-np.array(counts) // rows)) for counts in rows_of]
        return float(np.mean(np.array(blocks) / tokens_of)) * (
            rows * length + _LANE_OVERHEAD_TOKENS
        )

    rows = min(range(1, max(max(counts) for counts in rows_of) + 1), key=cost)
    wide = max(rows, EVALUATION_TOKENS[backend] // length)
    return TaskShapes((BlockShape(rows, length, segments),), (BlockShape(wide, length, segments),))


def _doubled(length: int) -> int:
    """Returns the least `_SHORTEST_ROW` times a power of two that holds a row."""
    return int(_SHORTEST_ROW * 2 ** max(0, math.ceil(math.log2(length / _SHORTEST_ROW))))
