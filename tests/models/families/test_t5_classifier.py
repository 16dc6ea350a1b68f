"""T5's encoder as a classifier: a head on the mean of a segment, which nothing else changes."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.models.block import Params, TokenBlock
from intertrain_jax.models.families.t5 import FAMILY
from intertrain_jax.models.families.t5_classifier import PooledNetwork
from intertrain_jax.models.layers import Dropout
from tests.models.families.t5_cases import VERSIONS, block_of, model_of, words_of

NETWORK = PooledNetwork()
CLASSES = 4
each_version = pytest.mark.parametrize("version", VERSIONS)


def head() -> Params:
    """Returns a random head."""
    rng = np.random.default_rng(1)
    kernel, bias = rng.standard_normal((6, CLASSES)), rng.standard_normal(CLASSES)
    return {"out": {"kernel": np.float32(kernel), "bias": np.float32(bias)}}


def dropout(**rates: float) -> Dropout:
    """Returns dropout of the block's tokens, each with a key of its own."""
    given = {"hidden": 0.0, "attention": 0.0, "classifier": 0.0, **rates}
    keys = jnp.arange(16, dtype=jnp.uint32).reshape(2, 8)
    return Dropout(jnp.uint32(3), keys, **{name: jnp.float32(x) for name, x in given.items()})


@partial(jax.jit, static_argnums=1)
def read(params: Params, config: Any, block: TokenBlock, drop: Dropout) -> Any:
    """Returns hidden states, features, and logits without and with dropout."""
    body = {name: part for name, part in params.items() if name in ("embeddings", "encoder")}
    whole, words = {**body, "head": params["own"]}, words_of(params, block)
    return (
        NETWORK.hidden_states(params, config, block),
        NETWORK.head_features(params, config, block, jnp.float32),
        NETWORK.classify(whole, words, config, block, None),
        NETWORK.classify(whole, words, config, block, drop),
    )


def outputs(version: str, rows: Any = None, **rates: float) -> list[np.ndarray]:
    """Returns all of that of a tiny model, its decoder and its own output being there and not read."""
    config, params = model_of(version)
    block = block_of() if rows is None else block_of(rows)
    found = read({**params, "own": head()}, config, block, dropout(**rates))
    return [np.asarray(x) for x in found]


@each_version
def test_features_are_the_mean_of_a_segments_tokens(version: str) -> None:
    hidden, features, _, _ = outputs(version)
    segments = np.asarray(block_of().segments_RxL)
    for r, s in ((0, 0), (0, 1), (1, 0)):
        expected = hidden[r][segments[r] == s].mean(axis=0)
        np.testing.assert_allclose(features[r, s], expected, rtol=1e-5, atol=1e-6)
    # A place without a segment has numbers, too: zeros.
    assert not features[0, 2].any() and not features[1, 1:].any()


@each_version
def test_the_head_is_linear_on_them(version: str) -> None:
    _, features, logits, same = outputs(version)
    arrays = head()["out"]
    expected = features @ arrays["kernel"] + arrays["bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(logits, same)  # rates are zero
    config = model_of(version)[0]
    found = NETWORK.head_logits(head(), config, jnp.asarray(features), None)
    np.testing.assert_allclose(found, logits, rtol=1e-4, atol=1e-5)


def test_a_head_drops_by_the_key_of_its_segments_first_token() -> None:
    """The same as on features alone, so that a probe on cached ones drops what a run drops."""
    _, features, plain, dropped = outputs("t5", classifier=0.5)
    keys = np.array([[0, 3, 7], [8, 15, 15]])  # an unused place takes its row's last token
    config, drop = model_of("t5")[0], dropout(classifier=0.5)
    of_first = Dropout(drop.seed, jnp.uint32(keys), drop.hidden, drop.attention, drop.classifier)
    found = NETWORK.head_logits(head(), config, jnp.asarray(features), of_first)
    np.testing.assert_allclose(found, dropped, rtol=1e-4, atol=1e-5)
    for place in ((0, 0), (0, 1), (1, 0)):
        assert not np.allclose(plain[place], dropped[place])


def test_the_family_classifies_by_its_encoder_alone() -> None:
    config = model_of("t5-v1.1")[0]
    assert isinstance(FAMILY.network, PooledNetwork)
    assert set(NETWORK.shapes(config, None)) == {"embeddings", "encoder"}
    assert set(NETWORK.shapes(config, CLASSES)) == {"embeddings", "encoder", "head"}
