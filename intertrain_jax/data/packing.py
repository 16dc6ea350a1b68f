"""Packs examples of different lengths into rows of fixed length, and rows into blocks of fixed shape."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

ROW_LENGTHS = (32, 64, 96, 128, 192, 256, 384, 512)
# An unused segment slot of a block.
EMPTY = -1
# Rows are chosen for all but the longest of a task's examples, which get rows of their own.
_MAIN_QUANTILE = 0.98
# Tokens of a block without training: no activations and no gradients are kept, so it may be large.
EVALUATION_TOKENS = {"cpu": 1024, "gpu": 32768, "tpu": 32768}


@dataclass(frozen=True)
class BlockShape:
    """The shape of one micro-step: R rows of L tokens, each holding at most Q segments.

    Attributes:
        rows: R.
        length: L.
        segments: Q.
        overhead: what a micro-step of this shape costs beside its tokens, in tokens, where that is to
            decide how batches are cut; no part of what the shape is.
    """

    rows: int
    length: int
    segments: int
    overhead: int = field(default=0, compare=False)

    @property
    def tokens(self) -> int:
        """Token slots of a block, padding included."""
        return self.rows * self.length


def row_length_for(longest: int, row_lengths: Sequence[int] = ROW_LENGTHS) -> int:
    """Returns the shortest row that holds an example of `longest` tokens.

    Raises:
        ValueError: if no row length is that long.
    """
    for length in row_lengths:
        if longest <= length:
            return length
    raise ValueError(f"an example of {longest} tokens fits no row length of {tuple(row_lengths)}")


def row_lengths_of(lengths: NDArray[np.int32], longest: int) -> tuple[int, ...]:
    """Returns the row lengths of a task: for most of its examples, and for its longest ones."""
    known = (*ROW_LENGTHS, -(-longest // 128) * 128)
    main = row_length_for(int(np.quantile(lengths, _MAIN_QUANTILE)), known)
    most = row_length_for(longest, known)
    return (most,) if 2 * main > most else (main, most)


def pack_rows(lengths: Sequence[int], row_length: int, max_segments: int) -> list[list[int]]:
    """Distributes examples over rows, longest first, each into the fullest row that still has room.

    Best-fit decreasing: as tight as first-fit decreasing, with a logarithmic search for the row.

    Args:
        lengths: tokens of every example, each at most `row_length`.
        row_length: L.
        max_segments: Q, the most examples that a row may hold.

    Returns:
        Rows of indices into `lengths`; every index occurs exactly once.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    rows: list[list[int]] = []
    open_rows: list[tuple[int, int]] = []  # (room left, row), sorted, only rows that can take more
    for i in order:
        need = int(lengths[i])
        at = bisect_left(open_rows, (need, -1))
        if at == len(open_rows):
            rows.append([i])
            room, row = row_length - need, len(rows) - 1
        else:
            room, row = open_rows.pop(at)
            rows[row].append(i)
            room -= need
        if room > 0 and len(rows[row]) < max_segments:
            insort(open_rows, (room, row))
    return rows


@dataclass(frozen=True)
class Block:
    """One micro-step's worth of examples.

    Attributes:
        shape: the shape of its tokens.
        examples: [R, Q] int32 example indices, EMPTY where unused.
    """

    shape: BlockShape
    examples: NDArray[np.int32]


def pack(lengths: Sequence[int], shapes: Sequence[BlockShape]) -> list[Block]:
    """Packs examples into blocks, each example into the shortest row that holds it.

    Few examples of a batch are long, and short rows cost less attention; so the long ones get
    blocks of their own, in which short ones then fill the room that is left. A last block of short
    rows that would stay rather empty goes into longer rows, where that takes fewer token slots.

    Args:
        lengths: tokens of every example.
        shapes: block shapes in use, of increasing row length; the last holds the longest example.

    Returns:
        Blocks, those with the shortest rows first; every example is in exactly one of them.
    """
    blocks: list[Block] = []
    left = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    for nth in range(len(shapes) - 1, -1, -1):
        shape = shapes[nth]
        below = shapes[nth - 1].length if nth else 0
        first_short = next((n for n, i in enumerate(left) if lengths[i] <= below), len(left))
        long, short = left[:first_short], left[first_short:]
        if not long:
            continue
        rows = [
            [long[j] for j in row]
            for row in pack_rows([lengths[i] for i in long], shape.length, shape.segments)
        ]
        if short and shape.overhead:
            # A block is paid for whole: what it has room for needs no block of its own.
            rows += [[] for _ in range(-len(rows) % shape.rows)]
        if short:
            _fill(rows, short, lengths, shape)
        if nth + 1 < len(shapes):
            rows, stacked = _stack_remainder(rows, lengths, shape, shapes[nth + 1])
            blocks = _cut(stacked, shapes[nth + 1]) + blocks
        blocks = _cut(rows, shape) + blocks
        left = short
    return blocks


def _fill(
    rows: list[list[int]], short: list[int], lengths: Sequence[int], shape: BlockShape
) -> None:
    """Moves short examples into the room that is left in rows, longest first."""
    for row in rows:
        room = shape.length - sum(lengths[i] for i in row)
        for i in list(short):
            if len(row) == shape.segments:
                break
            if lengths[i] <= room:
                row.append(i)
                short.remove(i)
                room -= lengths[i]


def _stack_remainder(
    rows: list[list[int]], lengths: Sequence[int], shape: BlockShape, longer: BlockShape
) -> tuple[list[list[int]], list[list[int]]]:
    """Splits rows into those for blocks of `shape` and, stacked, those for blocks of `longer`."""
    kept = len(rows) - len(rows) % shape.rows
    stacked: list[list[int]] = []
    room = 0
    for row in rows[kept:]:
        need = sum(lengths[i] for i in row)
        if need <= room and len(stacked[-1]) + len(row) <= longer.segments:
            stacked[-1] += row
            room -= need
        else:
            stacked.append(list(row))
            room = longer.length - need
    return (rows[:kept], stacked) if longer_blocks(len(stacked), shape, longer) else (rows, [])


def longer_blocks(stacked: int, shape: BlockShape, longer: BlockShape) -> int:
    """Returns how many blocks of longer rows stand in for a last block of `shape`, 0 if it is cheaper.

    Args:
        stacked: longer rows that its examples fill.
        shape: of the block.
        longer: shape of the blocks that could take its examples in.
    """
    blocks = -(-stacked // longer.rows)
    instead = blocks * (longer.tokens + longer.overhead)
    return blocks if instead < shape.tokens + shape.overhead else 0


def _cut(rows: list[list[int]], shape: BlockShape) -> list[Block]:
    blocks = []
    for first in range(0, len(rows), shape.rows):
        examples = np.full((shape.rows, shape.segments), EMPTY, np.int32)
        for r, row in enumerate(rows[first : first + shape.rows]):
            examples[r, : len(row)] = row
        blocks.append(Block(shape, examples))
    return blocks


def segments_per_row(row_length: int, shortest: int) -> int:
    """Returns Q for rows of `row_length` when no example is shorter than `shortest` tokens.

    Capped at one segment for every 6 tokens: shorter examples are rare in real data, and each further
    slot costs every row of every block a query in the last layer and a place in the head.
    """
    return max(1, min(row_length // max(shortest, 1), -(-row_length // 6)))
