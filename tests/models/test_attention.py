"""The attention kernel, interpreted, against the attention that XLA compiles."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.models.attention import Kernel, attend_segments, kernel_fits
from intertrain_jax.models.layers import attend, drop_attention

HEADS, SIZE = 2, 16
ROWS = {
    "packed": [[20, 9, 40, 30], [64, 64], [3] * 40, [100]],
    "whole rows": [[128], [64, 64], [32, 32, 64], [1, 127]],
    "padding": [[5], [60, 10], [64], [2, 2]],
}


def block(rows: list[list[int]], length: int) -> tuple[np.ndarray, np.ndarray]:
    segments, positions = (np.full((len(rows), length), x, np.int32) for x in (-1, 0))
    for r, lengths in enumerate(rows):
        at = 0
        for s, n in enumerate(lengths):
            segments[r, at : at + n], positions[r, at : at + n] = s, np.arange(n)
            at += n
    return segments, positions


def inputs(rows: list[list[int]], length: int) -> list[jax.Array]:
    rng = np.random.default_rng(0)
    shape = (len(rows), length, HEADS * SIZE)
    query, key, value, above = (jnp.asarray(rng.normal(size=shape), jnp.float32) for _ in range(4))
    return [query, key, value, above]


@pytest.mark.parametrize("rate", [0.0, 0.3], ids=["no dropout", "dropout"])
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("tile", [64, 32])
def test_the_kernel_equals_attention_and_its_gradients(rows: str, tile: int, rate: float) -> None:
    length, cut = 128, Kernel(tile, interpret=True)
    segments, positions = block(ROWS[rows], length)
    query, key, value, above = inputs(ROWS[rows], length)
    keys = jnp.asarray(np.random.default_rng(1).integers(0, 2**32, segments.shape), jnp.uint32)
    drop = (keys, jnp.float32(rate))
    mask = jnp.asarray(segments[:, :, None] == segments[:, None, :])

    def reference(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
        dropped = partial(
            drop_attention, keys_RxQ=keys, positions_RxL=jnp.asarray(positions), rate=drop[1]
        )
        return attend(query, key, value, mask, HEADS, dropped)

    def kernel(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
        return attend_segments(
            query, key, value, jnp.asarray(segments), jnp.asarray(positions), HEADS, drop, cut
        )

    expected, pull = jax.vjp(reference, query, key, value)
    found, pull_found = jax.vjp(kernel, query, key, value)
    used = segments[..., None] >= 0  # what padding attends to is of no use to anyone
    np.testing.assert_allclose(found * used, expected * used, atol=1e-6, rtol=1e-6)
    for ours, theirs in zip(pull_found(above * used), pull(above * used), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=1e-5)


def test_lanes_may_be_stacked() -> None:
    segments, positions = map(jnp.asarray, block(ROWS["packed"], 128))
    query, key, value, _ = inputs(ROWS["packed"], 128)
    keys = jnp.asarray(np.random.default_rng(1).integers(0, 2**32, (2, 4, 128)), jnp.uint32)
    rates = jnp.asarray([0.1, 0.5], jnp.float32)

    cut = Kernel(interpret=True)

    def kernel(query: jax.Array, keys: jax.Array, rate: jax.Array) -> jax.Array:
        return attend_segments(query, key, value, segments, positions, HEADS, (keys, rate), cut)

    def loss(query: jax.Array, keys: jax.Array, rate: jax.Array) -> jax.Array:
        return (kernel(query, keys, rate) ** 2).sum()

    together = jax.vmap(jax.grad(loss), in_axes=(0, 0, 0))(
        jnp.stack([query, 2 * query]), keys, rates
    )
    for lane in (0, 1):
        alone = jax.grad(loss)((1 + lane) * query, keys[lane], rates[lane])
        np.testing.assert_allclose(together[lane], alone, atol=1e-6)


def test_the_kernel_is_for_bfloat16_on_gpus() -> None:
    assert not kernel_fits(128, 64, jnp.bfloat16)  # tests run on a CPU
