"""Attention inside the segments of packed rows as a GPU kernel: softmax, mask and dropout in it.

Equal to `layers.attend` with `layers.drop_attention`, without the [rows, heads, length, length] tensors:
probabilities are computed again in the backward pass (as in FlashAttention, arXiv 2205.14135), and tiles
of queries and keys that share no segment are skipped, as segments lie in their row one after another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl

from intertrain_jax.models.layers import FEATURE_STRIDE, HEAD_STRIDE, Array, mix_bits

_HEAD_SIZES = (16, 32, 64, 128)


@dataclass(frozen=True)
class Kernel:
    """How the kernel is cut and compiled; the defaults are the best of eight on an H100.

    Forward and backward take 0.20 ms there for 48 rows of 256 tokens and 12 heads of 64, XLA's attention
    0.80 (tools/gpu_checks.sh).

    Attributes:
        tile: queries and keys of a tile; a small one shares fewer segments, below 16 there is none.
        warps: of a program.
        stages: of its loop.
        interpret: compute it on any backend, for tests.
    """

    tile: int = 32
    warps: int = 2
    stages: int = 2
    interpret: bool = False


FASTEST = Kernel()
# Padding comes after every segment, so that segments of a row never fall.
_PADDING = np.int32(1 << 30)
_MASKED = -1e9


def kernel_fits(length: int, head_size: int, dtype: Any) -> bool:
    """Whether rows of L tokens and heads of a size have a kernel on this process's devices.

    Only in bfloat16: in float32 the matrix units would round to TF32.
    """
    fits = head_size in _HEAD_SIZES and length % FASTEST.tile == 0
    return fits and dtype == jnp.bfloat16 and jax.default_backend() == "gpu"


def attend_segments(
    query_RxLxD: Array,
    key_RxLxD: Array,
    value_RxLxD: Array,
    segments_RxL: Array,
    positions_RxL: Array,
    num_heads: int,
    drop: tuple[Array, Array] | None,
    kernel: Kernel = FASTEST,
) -> Array:
    """Softmax attention inside segments; returns [R, L, D].

    Args:
        query_RxLxD: queries; scores are divided by the square root of a head's size.
        key_RxLxD: keys.
        value_RxLxD: values.
        segments_RxL: int32, rising along a row, -1 on padding.
        positions_RxL: int32, position in the segment.
        num_heads: H.
        drop: keys [R, L] of the queries' attention dropout, and its rate; None for none.
        kernel: how it is cut; L is a multiple of its tile.
    """
    order_RxL = jnp.where(segments_RxL < 0, _PADDING, segments_RxL)
    if drop is None:
        drop = (jnp.zeros_like(positions_RxL, jnp.uint32), jnp.zeros((), jnp.float32))
    keys_RxL, rate = drop
    counters_RxL = positions_RxL.astype(jnp.uint32) * jnp.uint32(FEATURE_STRIDE)
    facts = (order_RxL, counters_RxL, keys_RxL, jnp.asarray(rate, jnp.float32).reshape(1))
    return _attend(query_RxLxD, key_RxLxD, value_RxLxD, facts, num_heads, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _attend(
    query: Array, key: Array, value: Array, facts: Any, heads: int, kernel: Kernel
) -> Array:
    return _forward(query, key, value, facts, heads, kernel)[0]


def _keep(query, key, value, facts, heads, kernel):  # type: ignore[no-untyped-def]  # custom_vjp's own convention
    out, norm = _forward(query, key, value, facts, heads, kernel)
    return out, (query, key, value, facts, out, norm)


def _pull(heads, kernel, kept, gradient):  # type: ignore[no-untyped-def]
    query, key, value, facts, out, norm_RxHxL = kept
    rows, length, _ = query.shape
    product = gradient.astype(jnp.float32) * out.astype(jnp.float32)
    delta_RxHxL = product.reshape(rows, length, heads, -1).sum(-1).transpose(0, 2, 1)
    spec = _Specs(query.shape, heads, kernel)
    bounds = _bounds(facts[0], spec.tile)
    of_tile, whole = spec.of_tile, spec.whole
    shape = jax.ShapeDtypeStruct(query.shape, query.dtype)
    d_query = spec.call(
        _query_kernel,
        [of_tile, whole, whole, of_tile, spec.norm, spec.norm, *spec.facts("query"), spec.bounds],
        [of_tile],
        [shape],
    )(query, key, value, gradient, norm_RxHxL, delta_RxHxL, *_of(facts), bounds)[0]
    d_key, d_value = spec.call(
        _key_kernel,
        [
            *(whole, of_tile, of_tile, whole, spec.whole_norm, spec.whole_norm),
            *spec.facts("key"),
            spec.bounds,
        ],
        [of_tile, of_tile],
        [shape, shape],
    )(query, key, value, gradient, norm_RxHxL, delta_RxHxL, *_of(facts), bounds)
    return d_query, d_key, d_value, None


_attend.defvjp(_keep, _pull)


def _of(facts: Any) -> tuple[Array, ...]:
    """Returns segments by query and by key, counters of keys, keys of queries, and the rate."""
    order, counters, keys, rate = facts
    return order, order, counters, keys, rate


def _forward(
    query: Array, key: Array, value: Array, facts: Any, heads: int, kernel: Kernel
) -> tuple[Array, Array]:
    """Returns the output [R, L, D], and the logarithm of the softmax's sum [R, H, L]."""
    rows, length, _ = query.shape
    spec = _Specs(query.shape, heads, kernel)
    out, norm = spec.call(
        _forward_kernel,
        [spec.of_tile, spec.whole, spec.whole, *spec.facts("query"), spec.bounds],
        [spec.of_tile, spec.norm],
        [
            jax.ShapeDtypeStruct(query.shape, query.dtype),
            jax.ShapeDtypeStruct((rows, heads, length), jnp.float32),
        ],
    )(query, key, value, *_of(facts), _bounds(facts[0], spec.tile))
    return out, norm


def _bounds(order_RxL: Array, tile: int) -> Array:
    """Returns [R, tiles, 2]: the first and the last plus one of the tiles that share a segment."""
    first, last = order_RxL[:, ::tile], order_RxL[:, tile - 1 :: tile]
    before = (last[:, None, :] < first[:, :, None]).sum(-1)
    after = (first[:, None, :] > last[:, :, None]).sum(-1)
    return jnp.stack([before, first.shape[1] - after], axis=-1).astype(jnp.int32)


class _Specs:
    """How arrays are cut: a program has one row, one head, and one tile of queries or keys."""

    def __init__(self, shape: tuple[int, ...], heads: int, kernel: Kernel) -> None:
        rows, length, width = shape
        size = width // heads
        self._kernel, self.tile = kernel, kernel.tile
        self.grid = (rows, heads, length // self.tile)
        self.of_tile = pl.BlockSpec((None, self.tile, size), lambda r, h, i: (r, i, h))
        self.whole = pl.BlockSpec((None, length, size), lambda r, h, i: (r, 0, h))
        self.norm = pl.BlockSpec((None, None, self.tile), lambda r, h, i: (r, h, i))
        self.whole_norm = pl.BlockSpec((None, None, length), lambda r, h, i: (r, h, 0))
        self.bounds = pl.BlockSpec((None, None, 2), lambda r, h, i: (r, i, 0))
        self._tokens = pl.BlockSpec((None, self.tile), lambda r, h, i: (r, i))
        self._row = pl.BlockSpec((None, length), lambda r, h, i: (r, 0))
        self._rate = pl.BlockSpec((1,), lambda r, h, i: (0,))

    def facts(self, own: str) -> list[pl.BlockSpec]:
        """Returns the specs of `_of(facts)` where queries, or keys, are a tile and the others whole."""
        mine, others = self._tokens, self._row
        if own == "query":
            return [mine, others, others, mine, self._rate]
        return [others, mine, mine, others, self._rate]

    def call(self, body: Any, inputs: list[Any], outputs: list[Any], shapes: list[Any]) -> Any:
        """Returns the compiled kernel."""
        options: dict[str, Any] = {"interpret": self._kernel.interpret}
        if not self._kernel.interpret:
            from jax.experimental.pallas import triton

            options["compiler_params"] = triton.CompilerParams(
                num_warps=self._kernel.warps, num_stages=self._kernel.stages
            )
        return pl.pallas_call(
            partial(body, tile=self.tile),
            grid=self.grid,
            in_specs=inputs,
            out_specs=outputs,
            out_shape=shapes,
            **options,
        )


def _dot(a: Array, b: Array, contract: tuple[int, int]) -> Array:
    """Multiplies tiles along one axis of each, in float32."""
    dims = (((contract[0],), (contract[1],)), ((), ()))
    return jax.lax.dot_general(a, b, dims, preferred_element_type=jnp.float32)


def _scaled(query: Array) -> Array:
    """Returns queries of a head with the scale of their scores: here it costs no pass of its own."""
    return query * jnp.asarray(query.shape[-1] ** -0.5, query.dtype)


def _kept(keys_q: Array, counters_k: Array, rate: Array, head: Array) -> Array:
    """Returns [q, k]: which weights dropout keeps; as `layers.drop_attention` decides."""
    own = mix_bits(keys_q + head.astype(jnp.uint32) * jnp.uint32(HEAD_STRIDE))
    bits = mix_bits(own[:, None] + counters_k[None, :])
    kept: Array = bits >= (rate * 4294967296.0).astype(jnp.uint32)
    return kept


def _forward_kernel(  # type: ignore[no-untyped-def]  # references of Pallas
    q, k, v, order_q, order_k, counters, keys, rate, bounds, out, norm, *, tile
):
    head, dropped = pl.program_id(1), rate[0]
    query, own, own_keys = _scaled(q[...]), order_q[...], keys[...]

    def step(j, carry):  # type: ignore[no-untyped-def]
        largest, total, sums = carry
        at = pl.ds(j * tile, tile)
        scores = _dot(query, k[at, :], (1, 1))
        scores = jnp.where(own[:, None] == order_k[at][None, :], scores, _MASKED)
        now = jnp.maximum(largest, scores.max(axis=1))
        scale, weights = jnp.exp(largest - now), jnp.exp(scores - now[:, None])
        used = jnp.where(_kept(own_keys, counters[at], dropped, head), weights, 0.0)
        sums = sums * scale[:, None] + _dot(used.astype(query.dtype), v[at, :], (1, 0))
        return now, total * scale + weights.sum(axis=1), sums

    start = (
        jnp.full((tile,), -jnp.inf, jnp.float32),
        jnp.zeros((tile,), jnp.float32),
        jnp.zeros((tile, query.shape[1]), jnp.float32),
    )
    largest, total, sums = jax.lax.fori_loop(bounds[0], bounds[1], step, start)
    out[...] = (sums / (total * (1.0 - dropped))[:, None]).astype(out.dtype)
    norm[...] = largest + jnp.log(total)


def _weights(query, key, same, norm, kept, dropped):  # type: ignore[no-untyped-def]
    """Returns [q, k]: probabilities, and what multiplies the values."""
    scores = jnp.where(same, _dot(query, key, (1, 1)), _MASKED)
    weights = jnp.exp(scores - norm[:, None])
    return weights, jnp.where(kept, weights * (1.0 / (1.0 - dropped)), 0.0)


def _query_kernel(  # type: ignore[no-untyped-def]
    q, k, v, gradient, norm, delta, order_q, order_k, counters, keys, rate, bounds, d_q, *, tile
):
    head, dropped = pl.program_id(1), rate[0]
    query, own, own_keys, above = _scaled(q[...]), order_q[...], keys[...], gradient[...]
    own_norm, own_delta = norm[...], delta[...]

    def step(j, total):  # type: ignore[no-untyped-def]
        at = pl.ds(j * tile, tile)
        key = k[at, :]
        kept = _kept(own_keys, counters[at], dropped, head)
        same = own[:, None] == order_k[at][None, :]
        weights, _ = _weights(query, key, same, own_norm, kept, dropped)
        slope = jnp.where(kept, _dot(above, v[at, :], (1, 1)) * (1.0 / (1.0 - dropped)), 0.0)
        scores = weights * (slope - own_delta[:, None])
        return total + _dot(scores.astype(query.dtype), key, (1, 0))

    start = jnp.zeros((tile, query.shape[1]), jnp.float32)
    d_q[...] = _scaled(jax.lax.fori_loop(bounds[0], bounds[1], step, start)).astype(d_q.dtype)


def _key_kernel(  # type: ignore[no-untyped-def]
    *references, tile
):
    q, k, v, gradient, norm, delta, order_q, order_k, counters, keys, rate, bounds, d_k, d_v = (
        references
    )
    head, dropped = pl.program_id(1), rate[0]
    key, value, own, own_counters = k[...], v[...], order_k[...], counters[...]

    def step(i, carry):  # type: ignore[no-untyped-def]
        of_key, of_value = carry
        at = pl.ds(i * tile, tile)
        query, above = _scaled(q[at, :]), gradient[at, :]
        kept = _kept(keys[at], own_counters, dropped, head)
        same = order_q[at][:, None] == own[None, :]
        weights, used = _weights(query, key, same, norm[at], kept, dropped)
        of_value = of_value + _dot(used.astype(value.dtype), above, (0, 0))
        slope = jnp.where(kept, _dot(above, value, (1, 1)) * (1.0 / (1.0 - dropped)), 0.0)
        scores = weights * (slope - delta[at][:, None])
        return of_key + _dot(scores.astype(query.dtype), query, (0, 0)), of_value

    zeros = jnp.zeros((tile, key.shape[1]), jnp.float32)
    of_key, of_value = jax.lax.fori_loop(bounds[0], bounds[1], step, (zeros, zeros))
    d_k[...], d_v[...] = of_key.astype(d_k.dtype), of_value.astype(d_v.dtype)
