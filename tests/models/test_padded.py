"""Padded batches become blocks of one example per row, or an error that says what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.families.table import family_of
from intertrain_jax.models.padded import check_range, padded_block
from tests.models.tiny_models import CONFIGS

IDS = np.array([[2, 5, 7, 3], [4, 6, 1, 1]])
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0]])


def config_of(kind: str, **options: Any) -> Any:
    """Returns the shape of a tiny model."""
    content = {**CONFIGS[kind], **options}
    return family_of(content, kind).config(content, kind)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_row_is_one_segment_from_its_first_column_on(kind: str) -> None:
    block = padded_block(config_of(kind), IDS, MASK)
    np.testing.assert_array_equal(block.tokens_RxL, IDS)
    np.testing.assert_array_equal(block.segments_RxL, [[0, 0, 0, 0], [0, 0, -1, -1]])
    np.testing.assert_array_equal(block.starts_RxQ, [[0], [0]])
    np.testing.assert_array_equal(block.types_RxL, np.zeros_like(IDS))
    assert {str(x.dtype) for x in vars(block).values()} == {"int32"}
    whole = padded_block(config_of(kind), IDS.tolist())
    np.testing.assert_array_equal(whole.segments_RxL, np.zeros_like(IDS))


def test_padding_sees_what_tokens_see_as_in_transformers() -> None:
    block = padded_block(config_of("bert"), IDS, MASK)
    for queries in (4, 1):
        seen = np.asarray(block.attention_mask(np.asarray(block.segments_RxL)[:, :queries]))
        np.testing.assert_array_equal(seen, np.repeat(MASK[:, None] == 1, queries, axis=1))


def test_positions_are_a_familys_own() -> None:
    left_padded = np.array([[1, 1, 5, 6]])
    found = {
        kind: np.asarray(padded_block(config_of(kind), left_padded).positions_RxL).tolist()
        for kind in CONFIGS
    }
    columns = [[0, 1, 2, 3]]
    # Of RoBERTa 1 is the padding token, whatever a mask says.
    assert found == {**dict.fromkeys(CONFIGS, columns), "roberta": [[-1, -1, 0, 1]]}


def test_a_row_may_be_as_long_as_there_are_positions_for_its_words() -> None:
    bert, roberta = config_of("bert"), config_of("roberta")
    assert padded_block(bert, np.full((1, 12), 2)).positions_RxL.max() == 11
    with pytest.raises(IntertrainError, match=r"at most 12 tokens in a row, .*got 13; truncate"):
        padded_block(bert, np.full((1, 13), 2))
    with pytest.raises(IntertrainError, match=r"at most 10 tokens in a row, .*got 11; truncate"):
        padded_block(roberta, np.full((1, 11), 2))
    # Padding needs none there.
    padded_block(roberta, np.array([[2] * 10 + [1] * 5]))
    padded_block(config_of("t5"), np.full((1, 500), 2))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"input_ids": [1, 2]}, r"same shape \[B, L\], .*got \(2,\), \(2,\) and \(2,\); pad the"),
        ({"input_ids": np.zeros((2, 0), int)}, r"at least \[1, 1\], got \(2, 0\)"),
        ({"attention_mask": MASK[:1]}, r"got \(2, 4\), \(1, 4\) and \(2, 4\)"),
        ({"token_type_ids": MASK[:, :1]}, r"got \(2, 4\), \(2, 4\) and \(2, 1\)"),
        ({"input_ids": IDS + 6}, r"input_ids must be integers in \[0, 13\) .*got 7\.\.13; use the"),
        ({"token_type_ids": 2 * MASK}, r"token_type_ids must be integers in \[0, 2\) .*got 0\.\.2"),
    ],
)
def test_bad_arrays_are_named(inputs: dict[str, Any], message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as caught:
        padded_block(config_of("bert"), **{"input_ids": IDS, **inputs})
    assert "\n" not in str(caught.value)


def test_types_that_a_family_does_not_tell_apart_are_an_error() -> None:
    for kind in ("distilbert", "t5"):
        with pytest.raises(IntertrainError, match=r"token_type_ids must be integers in \[0, 1\)"):
            padded_block(config_of(kind), IDS, MASK, MASK)


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        ([0, 5], "0..5"),
        ([-1, 4], "-1..4"),
        ([0.0, 1.0], "float64"),
        ([True, False], "bool"),
        (["a"], "str"),
    ],
)
def test_ids_are_whole_numbers_below_an_end(ids: list[Any], found: str) -> None:
    with pytest.raises(IntertrainError, match=rf"^words must be integers in \[0, 5\) .*{found}"):
        check_range("words", np.asarray(ids), 5)
    check_range("words", np.asarray([0, 4], np.uint16), 5)
