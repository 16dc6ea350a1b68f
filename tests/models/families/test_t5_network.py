"""T5's network: distances fall into buckets, texts see their own segment and their own past."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.models.families.t5_network import bind, relative_buckets, shapes
from intertrain_jax.models.hf.weights import flatten
from tests.models.families.t5_cases import PACKED, TEXT, VERSIONS, block_of, model_of, score

each_version = pytest.mark.parametrize("version", VERSIONS)
INPUTS = np.array([[[0, 4, 5], [0, 7, 8], [0, 3, 3]], [[0, 9, 2], [0, 6, 1], [0, 2, 2]]], np.int32)


@pytest.mark.parametrize(("buckets", "distance"), [(32, 128), (8, 20), (6, 50)])
def test_near_distances_have_a_bucket_each_and_far_ones_grow(buckets: int, distance: int) -> None:
    """By the formula of the paper's text, one distance at a time, in exact arithmetic where it can."""
    found = relative_buckets(1, 400, False, buckets, distance)[0]
    assert not found.any(), "a decoder sees no later token, so all of them are alike"
    back = relative_buckets(400, 1, False, buckets, distance)[:, 0]
    exact = buckets // 2
    for d, bucket in enumerate(back):
        if d < exact:
            assert bucket == d
            continue
        place = math.log(d / exact) / math.log(distance / exact) * (buckets - exact)
        if abs(place - round(place)) > 1e-4:  # where rounding decides, float32 does
            assert bucket == min(exact + math.floor(place), buckets - 1)
    assert (np.diff(back) >= 0).all() and set(back) == set(range(buckets))
    assert (back[distance:] == buckets - 1).all()


@pytest.mark.parametrize(("buckets", "distance"), [(32, 128), (8, 20)])
def test_both_directions_have_half_of_the_buckets_each(buckets: int, distance: int) -> None:
    found = relative_buckets(50, 60, True, buckets, distance)
    half = relative_buckets(60, 60, False, buckets // 2, distance)
    for q, k in np.ndindex(found.shape):
        own = half[abs(q - k), 0]
        assert found[q, k] == own + (buckets // 2 if k > q else 0)
    # Only the distance counts.
    np.testing.assert_array_equal(found[1:, 1:], found[:-1, :-1])


@each_version
def test_the_bias_of_a_stack_is_its_bucket_for_every_head(version: str) -> None:
    config, params = model_of(version)
    model = bind(params, config)
    for stack, both in (("encoder", True), ("decoder", False)):
        found = np.asarray(getattr(model, stack).bias(5))
        buckets = relative_buckets(5, 5, both, config.num_buckets, config.max_distance)
        assert found.shape == (config.num_heads, 5, 5)
        for head, q, k in np.ndindex(found.shape):
            assert found[head, q, k] == params[stack]["position_bias"][buckets[q, k], head]


@each_version
def test_parameters_are_counted_by_hand(version: str) -> None:
    config, _ = model_of(version)
    width, inner, feed = config.hidden_size, config.num_heads * config.head_size, 5
    attention, feed_forward = 4 * width * inner, (3 if config.gated else 2) * width * feed
    encoder = config.num_layers * (attention + feed_forward + 2 * width)
    decoder = config.num_decoder_layers * (2 * attention + feed_forward + 3 * width)
    ends = 2 * (width + config.num_buckets * config.num_heads)
    words = config.vocab_size * width
    for own_head in (False, True):
        found = sum(math.prod(leaf.shape) for _, leaf in flatten(shapes(config, own_head)))
        assert found == words * (1 + own_head) + encoder + decoder + ends


@each_version
def test_a_segment_is_read_as_if_alone(version: str) -> None:
    config, params = model_of(version)
    encoded, logits = score(params, config, block_of(), INPUTS)
    alone = (((5, 2),), ((3, 9, 4),))
    encoded_alone, logits_alone = score(
        params, config, block_of(alone), INPUTS[[0, 0], [[1], [0]]].repeat(3, axis=1)
    )
    np.testing.assert_allclose(encoded[0, 3:5], encoded_alone[0, :2], atol=1e-5)
    np.testing.assert_allclose(encoded[0, :3], encoded_alone[1, :3], atol=1e-5)
    np.testing.assert_allclose(logits[0, 1], logits_alone[0, 0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits[0, 0], logits_alone[1, 0], rtol=1e-4, atol=1e-5)
    # Another first segment changes nothing of the second one.
    other = (((12, 2, 2), PACKED[0][1]), PACKED[1])
    changed, scores = score(params, config, block_of(other), INPUTS)
    np.testing.assert_array_equal(encoded[0, 3:5], changed[0, 3:5])
    np.testing.assert_array_equal(logits[0, 1], scores[0, 1])
    assert not np.allclose(logits[0, 0], scores[0, 0])


@each_version
def test_a_text_sees_its_past_and_no_other_text(version: str) -> None:
    config, params = model_of(version)
    _, logits = score(params, config, block_of(), INPUTS)
    later = INPUTS.copy()
    later[0, 0, 2], later[1, 0] = 11, (0, 1, 1)
    _, changed = score(params, config, block_of(), later)
    np.testing.assert_array_equal(logits[0, 0, :2], changed[0, 0, :2])
    assert not np.allclose(logits[0, 0, 2], changed[0, 0, 2])
    np.testing.assert_array_equal(logits[0, 1], changed[0, 1])
    np.testing.assert_array_equal(logits[1, 0, 0], changed[1, 0, 0])
    assert logits.shape == (2, 3, TEXT, config.vocab_size)


@each_version
def test_scores_are_of_words_scaled_where_they_are_tied(version: str) -> None:
    config, params = model_of(version)
    decoded = np.random.default_rng(0).standard_normal((2, config.hidden_size)).astype(np.float32)
    found = bind(params, config).logits(jnp.asarray(decoded), config)
    if config.tied:
        expected: Any = decoded @ params["embeddings"]["word"].T / math.sqrt(config.hidden_size)
    else:
        expected = decoded @ params["head"]["out"]["kernel"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    low = bind(params, config).logits(jnp.asarray(decoded, jnp.bfloat16), config)
    assert low.dtype == jnp.float32 and jax.tree.structure(low) == jax.tree.structure(found)
