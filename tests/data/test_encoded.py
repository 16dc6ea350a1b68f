"""Flat arrays of tokens: every example is found again at its offsets, in every split that is named."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np

from intertrain_jax.data.encoded import SPLITS, EncodedSplit, EncodedTask


def split_of(examples: list[list[int]]) -> EncodedSplit:
    """Returns examples as one flat array."""
    return EncodedSplit(
        tokens=np.array([token for example in examples for token in example], np.uint16),
        offsets=np.cumsum([0, *map(len, examples)], dtype=np.int64),
        boundaries=np.array([len(example) for example in examples], np.int32),
        labels=np.zeros(len(examples), np.int32),
    )


def test_lengths_are_those_of_the_examples_an_empty_one_too() -> None:
    examples = [[7, 8, 9], [], [1], [2, 3]]
    split = split_of(examples)
    assert split.lengths.tolist() == [3, 0, 1, 2]
    assert len(split) == 4
    found = [split.tokens[a:b].tolist() for a, b in pairwise(split.offsets)]
    assert found == examples


def test_a_split_without_examples_has_no_lengths() -> None:
    nothing = split_of([])
    assert len(nothing) == 0 and nothing.lengths.tolist() == []


def test_the_names_of_splits_are_the_fields_of_a_task_in_the_order_of_training() -> None:
    """Arenas, feature rows and fingerprints follow this order."""
    of_splits = [field.name for field in fields(EncodedTask) if "EncodedSplit" in str(field.type)]
    assert tuple(of_splits) == SPLITS == ("train", "validation", "test")


def test_tasks_do_not_share_where_their_rows_are_from() -> None:
    part = split_of([[1]])
    one = EncodedTask("a", 2, False, "accuracy", ("n", "y"), part, part, part, "print")
    one.origin["kind"] = "file"
    other = EncodedTask("b", 2, False, "accuracy", ("n", "y"), part, part, part, "print")
    assert other.origin == {} and other.answers == ()
    assert replace(one, name="c").origin == {"kind": "file"}
