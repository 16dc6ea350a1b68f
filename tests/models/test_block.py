"""Packed blocks: who sees whom, words that are looked up, and modules filled with given arrays."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from intertrain_jax.models.block import TokenBlock, filled, word_embeddings
from intertrain_jax.models.layers import Linear

# Two rows: segments of three, two and one tokens with padding behind; one segment that fills its row.
SEGMENTS = np.array([[0, 0, 0, 1, 1, 2, -1, -1], [0] * 8])


def block_of(segments: Any = SEGMENTS) -> TokenBlock:
    """Returns a block of which only the segments matter."""
    zeros = np.zeros_like(segments)
    return TokenBlock(zeros, segments, zeros, zeros, np.zeros((len(segments), 3), int))


def test_a_query_sees_the_tokens_of_its_segment_and_no_others() -> None:
    seen = np.asarray(block_of().attention_mask(SEGMENTS))
    for r, q, k in np.ndindex(seen.shape):
        assert seen[r, q, k] == (SEGMENTS[r, q] == SEGMENTS[r, k])
    # Padding sees padding: a softmax over nothing would not be a number.
    assert seen.any(axis=-1).all() and seen[0, 7].tolist() == [False] * 6 + [True] * 2


def test_queries_may_be_fewer_or_more_than_tokens() -> None:
    block = block_of()
    asking = np.array([[2, 0, 1], [0, 5, 0]])
    seen = np.asarray(block.attention_mask(asking))
    assert seen.sum(axis=-1).tolist() == [[1, 3, 2], [8, 0, 8]]
    many = np.repeat(np.arange(3)[None], 2, axis=0).repeat(4, axis=1)
    assert block.attention_mask(many).shape == (2, 12, 8)


def test_a_block_goes_through_compiled_code_as_its_arrays() -> None:
    block = block_of()
    leaves, tree = jax.tree.flatten(block)
    assert len(leaves) == 5
    again = jax.tree.unflatten(tree, leaves)
    np.testing.assert_array_equal(again.segments_RxL, SEGMENTS)
    rows = jax.tree.map(lambda x: x[:1], block)
    assert rows.attention_mask(SEGMENTS[:1]).shape == (1, 8, 8)


def test_words_are_looked_up_and_only_they_get_a_gradient() -> None:
    words = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)
    tokens = np.array([[4, 4], [0, 6]])

    def total(word: Any) -> Any:
        return word_embeddings({"embeddings": {"word": word}}, tokens).sum()

    found = word_embeddings({"embeddings": {"word": words}}, tokens)
    np.testing.assert_array_equal(found, words[tokens])
    gradient = jax.grad(total)(jnp.asarray(words))
    np.testing.assert_array_equal(gradient[:, 0], [1, 0, 0, 0, 2, 0, 1])


def test_a_module_computes_with_the_arrays_that_fill_it() -> None:
    split = nnx.split(nnx.eval_shape(lambda: Linear(2, 3)))
    x = np.array([[1.0, 2.0]], np.float32)
    for scale in (1.0, 3.0):
        kernel = scale * np.arange(6, dtype=np.float32).reshape(2, 3)
        bias = np.full(3, scale, np.float32)
        module = filled(split, {"kernel": kernel, "bias": bias})
        np.testing.assert_array_equal(module(x), x @ kernel + bias)
    # What is filled is a copy: the next one begins without any numbers.
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(split[1]))
    with pytest.raises(Exception, match="other"):
        filled(split, {"kernel": kernel, "bias": bias, "other": bias})
