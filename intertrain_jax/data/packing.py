"""Packs examples of different lengths into rows of fixed length, and rows into blocks of fixed shape."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROW_LENGTHS = (32, 64, 96, 128, 192, 256, 384, 512)
# An unused segment slot of a block.
EMPTY = -1


@dataclass(frozen=True)
class BlockShape:
    """The shape of one micro-step: R rows of L tokens, each holding at most Q segments."""

    rows: int
    length: int
    segments: int

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


def blocks_of(rows: list[list[int]], shape: BlockShape) -> list[NDArray[np.int32]]:
    """Cuts packed rows into blocks: arrays [R, Q] of example indices, EMPTY where unused."""
    blocks = []
    for first in range(0, len(rows), shape.rows):
        block = np.full((shape.rows, shape.segments), EMPTY, np.int32)
        for r, row in enumerate(rows[first : first + shape.rows]):
            block[r, : len(row)] = row
        blocks.append(block)
    return blocks


def pack(lengths: Sequence[int], shape: BlockShape) -> list[NDArray[np.int32]]:
    """Packs examples into as few blocks [R, Q] of the given shape as best-fit decreasing finds."""
    return blocks_of(pack_rows(lengths, shape.length, shape.segments), shape)


def segments_per_row(row_length: int, shortest: int) -> int:
    """Returns Q for rows of `row_length` when no example is shorter than `shortest` tokens.

    Capped at one segment for every 6 tokens: shorter examples are rare in real data, and each further
    slot costs every row of every block a query in the last layer and a place in the head.
    """
    return max(1, min(row_length // max(shortest, 1), -(-row_length // 6)))
