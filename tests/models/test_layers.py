"""Layers against their formulas: norms, linear maps, attention inside segments, hashed dropout."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy import stats

from intertrain_jax.models.layers import (
    ACTIVATIONS,
    LayerNorm,
    Linear,
    RMSNorm,
    attend,
    drop_features,
    drop_units,
    mix_bits,
)

X = np.random.default_rng(0).normal(2.0, 3.0, (2, 3, 4)).astype(np.float32)


def test_norms_are_their_formulas_and_keep_the_dtype() -> None:
    centred = X - X.mean(-1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 0.1)
    np.testing.assert_allclose(LayerNorm(4, 0.1)(jnp.asarray(X)), expected, atol=1e-5)
    expected = X / np.sqrt((X**2).mean(-1, keepdims=True) + 0.1)
    np.testing.assert_allclose(RMSNorm(4, 0.1)(jnp.asarray(X)), expected, atol=1e-5)
    assert LayerNorm(4, 0.1)(jnp.asarray(X, jnp.bfloat16)).dtype == jnp.bfloat16


def test_gelu_and_its_slope_are_those_of_the_normal_distribution() -> None:
    gelu, x = ACTIVATIONS["gelu"], np.linspace(-9.0, 9.0, 301).astype(np.float32)
    exact = x.astype(np.float64)
    slope = stats.norm.cdf(exact) + exact * stats.norm.pdf(exact)
    for dtype, tolerance in ((jnp.float32, 2e-6), (jnp.bfloat16, 5e-3)):
        value, pull = jax.vjp(gelu, jnp.asarray(x, dtype))
        (found,) = pull(jnp.full(x.shape, 2.0, dtype))
        assert value.dtype == found.dtype == dtype
        rounded = np.asarray(jnp.asarray(x, dtype), np.float64)
        np.testing.assert_allclose(
            np.asarray(value, np.float64), rounded * stats.norm.cdf(rounded), tolerance, tolerance
        )
        if dtype == jnp.float32:
            np.testing.assert_allclose(found, 2 * slope, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("rows", [(), (3,), (2, 5)])
def test_a_product_in_bfloat16_is_summed_in_float32_forwards_and_backwards(
    rows: tuple[int, ...],
) -> None:
    rng = np.random.default_rng(3)
    x, above = (jnp.asarray(rng.normal(size=(*rows, n)), jnp.bfloat16) for n in (300, 200))
    kernel = jnp.asarray(rng.normal(size=(300, 200)), jnp.float32)

    def mapped(x: jax.Array, kernel: jax.Array) -> jax.Array:
        layer = Linear(300, 200, bias=False)
        layer.kernel[...] = kernel
        return layer(x)

    value, pull = jax.vjp(mapped, x, kernel)
    d_x, d_kernel = pull(above)
    rounded = [np.asarray(a.astype(jnp.bfloat16), np.float64) for a in (x, kernel, above)]
    x64, kernel64, above64 = rounded
    # One rounding of the result, to 8 bits; none of what is summed up.
    for found, exact in ((value, x64 @ kernel64), (d_x, above64 @ kernel64.T)):
        assert found.dtype == jnp.bfloat16
        assert np.abs(np.asarray(found, np.float64) / exact - 1.0).max() < 2.0**-8
    assert d_kernel.dtype == jnp.float32
    exact = x64.reshape(-1, 300).T @ above64.reshape(-1, 200)
    np.testing.assert_allclose(d_kernel, exact, rtol=1e-4, atol=1e-4)


def test_a_norm_has_the_gradients_of_its_formula() -> None:
    rng = np.random.default_rng(1)
    scale, bias, above = (jnp.asarray(rng.normal(size=s), jnp.float32) for s in (4, 4, X.shape))

    def formula(x: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
        centred = x - x.mean(-1, keepdims=True)
        return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 0.1) * scale + bias

    def layer(x: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
        norm = LayerNorm(4, 0.1)
        norm.scale, norm.bias = nnx.Param(scale), nnx.Param(bias)
        return norm(x)

    values = (jnp.asarray(X), scale, bias)
    found, expected = (jax.vjp(f, *values)[1](above) for f in (layer, formula))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_a_linear_map_may_have_no_bias() -> None:
    layer = Linear(4, 2)
    layer.bias[...] = jnp.array([1.0, 2.0])
    np.testing.assert_allclose(layer(jnp.asarray(X)), np.broadcast_to([1.0, 2.0], (2, 3, 2)))
    assert not hasattr(Linear(4, 2, bias=False), "bias")
    np.testing.assert_array_equal(Linear(4, 2, bias=False)(jnp.asarray(X)), np.zeros((2, 3, 2)))


def test_attention_is_a_softmax_over_what_a_query_may_see() -> None:
    rng = np.random.default_rng(1)
    q, k, v = (rng.normal(size=(1, 3, 4)).astype(np.float32) for _ in range(3))
    mask = np.array([[[1, 1, 0], [1, 1, 0], [0, 0, 1]]], bool)
    found = np.asarray(attend(*map(jnp.asarray, (q, k, v, mask)), 2, None))
    for h in (slice(0, 2), slice(2, 4)):
        scores = np.where(mask[0], q[0, :, h] @ k[0, :, h].T / np.sqrt(2), -np.inf)
        weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        np.testing.assert_allclose(found[0, :, h], weights @ v[0, :, h], atol=1e-5)


def test_mixing_is_a_bijection_on_what_it_is_given() -> None:
    mixed = np.asarray(mix_bits(jnp.arange(4096, dtype=jnp.uint32)))
    assert len(np.unique(mixed)) == 4096
    assert 0.4 < (mixed >> 31).mean() < 0.6


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5])
def test_dropout_keeps_the_mean_and_depends_on_keys_alone(rate: float) -> None:
    x, keys = jnp.ones((64, 128)), mix_bits(jnp.arange(64, dtype=jnp.uint32))
    found = np.asarray(drop_features(x, keys, jnp.float32(rate)))
    assert abs((found == 0).mean() - rate) < 0.03
    np.testing.assert_allclose(found[found != 0], 1 / (1 - rate), rtol=1e-5)
    turned = np.asarray(drop_features(x, keys[::-1], jnp.float32(rate)))
    np.testing.assert_array_equal(turned[::-1], found)


def test_units_fall_below_the_rate() -> None:
    bits = jnp.array([0, 2**30, 2**31, 2**32 - 1], jnp.uint32)
    np.testing.assert_allclose(drop_units(jnp.ones(4), bits, jnp.float32(0.5)), [0, 0, 2, 2])
