"""Packing: every example once, nothing too long, tight, and in the shortest row that holds it."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.data.packing import (
    EMPTY,
    BlockShape,
    pack,
    pack_rows,
    row_length_for,
    segments_per_row,
)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("segments", [1, 3, 8])
def test_rows_hold_every_example_once(seed: int, segments: int) -> None:
    lengths = np.random.default_rng(seed).integers(1, 33, 57).tolist()
    rows = pack_rows(lengths, 32, segments)
    assert sorted(i for row in rows for i in row) == list(range(57))
    assert all(sum(lengths[i] for i in row) <= 32 for row in rows)
    assert all(1 <= len(row) <= segments for row in rows)


def test_rows_are_tight() -> None:
    lengths = np.random.default_rng(0).integers(4, 30, 1000).tolist()
    rows = pack_rows(lengths, 64, 10)
    assert len(rows) * 64 <= 1.02 * sum(lengths)


def test_rows_do_not_depend_on_the_order_of_equal_lengths() -> None:
    lengths = [5, 9, 5, 3, 9]
    assert pack_rows(lengths, 10, 4) == pack_rows(lengths, 10, 4) == [[1], [4], [0, 2], [3]]


@pytest.mark.parametrize("seed", range(5))
def test_long_examples_get_longer_rows_and_short_ones_fill_them(seed: int) -> None:
    generator = np.random.default_rng(seed)
    lengths = [*generator.integers(3, 33, 40).tolist(), 100, 40]
    short, long = BlockShape(3, 32, 6), BlockShape(1, 128, 20)
    blocks = pack(lengths, (short, long))
    seen = [i for block in blocks for i in block.examples[block.examples != EMPTY].tolist()]
    assert sorted(seen) == list(range(42))
    for block in blocks:
        assert block.examples.shape == (block.shape.rows, block.shape.segments)
        for row in block.examples:
            assert sum(lengths[i] for i in row if i != EMPTY) <= block.shape.length
    in_long = [i for b in blocks if b.shape == long for i in b.examples.ravel() if i != EMPTY]
    assert {40, 41} <= set(in_long) and len(in_long) > 2


def test_one_shape_serves_all() -> None:
    shape = BlockShape(2, 16, 4)
    blocks = pack([16, 16, 16, 1], (shape,))
    assert [block.shape for block in blocks] == [shape, shape]


def test_row_lengths() -> None:
    assert [row_length_for(n) for n in (1, 32, 33, 250)] == [32, 32, 64, 256]
    with pytest.raises(ValueError, match="600 tokens fits no row"):
        row_length_for(600)
    assert segments_per_row(64, 20) == 3
    assert segments_per_row(64, 2) == 11  # one for every six tokens at most
    assert segments_per_row(32, 40) == 1


def test_a_rather_empty_last_block_goes_into_longer_rows() -> None:
    shapes = (BlockShape(8, 32, 4), BlockShape(1, 64, 8))
    ten, fifteen = pack([30] * 10, shapes), pack([30] * 15, shapes)
    assert [block.shape for block in ten] == [shapes[0], shapes[1]]
    assert sorted(i for block in ten for i in block.examples.flat if i >= 0) == list(range(10))
    # Seven rows would take four of the longer ones: no fewer slots, so they stay.
    assert [block.shape for block in fifteen] == [shapes[0], shapes[0]]


def test_longer_rows_take_no_more_segments_than_they_have() -> None:
    shapes = (BlockShape(8, 32, 4), BlockShape(1, 64, 1))
    blocks = pack([30] * 10, shapes)
    assert [block.shape for block in blocks] == [shapes[0], shapes[1], shapes[1]]
    assert sorted(i for block in blocks for i in block.examples.flat if i >= 0) == list(range(10))
