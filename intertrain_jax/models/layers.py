"""The Flax layers that models are made of: linear maps, norms, packed attention and hashed dropout."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

Array = jax.Array

# Odd constants of the 32-bit "lowbias" finaliser (C. Wellons, hash-prospector, public domain).
_MIX_1 = 0x7FEB352D
_MIX_2 = 0x846CA68B
# Strides that keep the counters of one token (features, heads, keys) apart before mixing.
FEATURE_STRIDE = 0x9E3779B9
HEAD_STRIDE = 0x85EBCA6B


@jax.custom_vjp
def gelu(x: Array) -> Array:
    """Gaussian error linear unit by the error function, in float32; returns the dtype of `x`.

    `jax.nn.gelu` goes by the complementary error function, which takes five times as long on a CPU and
    is bound by arithmetic on a GPU. Only `x` is kept for the backward pass.
    """
    x32 = x.astype(jnp.float32)
    return (x32 * _normal_distribution(x32)).astype(x.dtype)


def _normal_distribution(x: Array) -> Array:
    return 0.5 * (1.0 + jax.lax.erf(x * math.sqrt(0.5)))


def _gelu_forward(x: Array) -> tuple[Array, Array]:
    return gelu(x), x


def _gelu_backward(x: Array, above: Array) -> tuple[Array]:
    x32 = x.astype(jnp.float32)
    density = jnp.exp(-0.5 * x32 * x32) * (1.0 / math.sqrt(2.0 * math.pi))
    slope = _normal_distribution(x32) + x32 * density
    return ((above.astype(jnp.float32) * slope).astype(x.dtype),)


gelu.defvjp(_gelu_forward, _gelu_backward)

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": gelu,
    "gelu_new": lambda x: jax.nn.gelu(x, approximate=True),
    "gelu_pytorch_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "swish": jax.nn.silu,
    "tanh": jnp.tanh,
}


def products_in(dtype: Any) -> AbstractContextManager[Any]:
    """Makes matrix products of float32 float32 on every device; those of bfloat16 stay as they are.

    Left to themselves GPUs round operands of float32 to TF32, and TPUs to bfloat16.
    """
    return jax.default_matmul_precision("float32") if dtype == jnp.float32 else nullcontext()


def mix_bits(x: Array) -> Array:
    """Returns a well mixed uint32 for every uint32 counter in `x` (a bijection)."""
    x = x ^ (x >> 16)
    x = x * jnp.uint32(_MIX_1)
    x = x ^ (x >> 15)
    x = x * jnp.uint32(_MIX_2)
    return x ^ (x >> 16)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Dropout:
    """What decides every dropped unit of one forward pass.

    A unit's mask is a hash of (seed, site, example, position, feature) and of nothing else: not of the
    row or lane in which the example happens to lie. So a packed batch drops what the padded batch drops.

    Attributes:
        seed: uint32 scalar, from the run's seed and its optimiser step.
        tokens_RxL: uint32, one key per token, from its example and its position in the example.
        hidden: f32 scalar, rate of hidden and embedding dropout.
        attention: f32 scalar, rate on attention probabilities.
        classifier: f32 scalar, rate inside the classification head.
    """

    seed: Array
    tokens_RxL: Array
    hidden: Array
    attention: Array
    classifier: Array

    def site_keys(self, site: int) -> Array:
        """Returns one uint32 key per token [R, L] for a numbered place in the network."""
        return mix_bits(
            self.tokens_RxL + mix_bits(self.seed + jnp.uint32(site * 0x3C6EF372 & 0xFFFFFFFF))
        )

    def of_first_tokens(self, starts_RxQ: Array) -> Dropout:
        """Returns the dropout of every segment's first token: keys [R, Q]."""
        picks = jnp.minimum(starts_RxQ, self.tokens_RxL.shape[1] - 1)
        return replace(self, tokens_RxL=jnp.take_along_axis(self.tokens_RxL, picks, axis=1))


def drop_units(x: Array, bits: Array, rate: Array) -> Array:
    """Zeroes the units of `x` whose random `bits` fall below `rate`, scaling the others up."""
    threshold = (rate * 4294967296.0).astype(jnp.uint32)
    scale = (1.0 / (1.0 - rate)).astype(x.dtype)
    return jnp.where(bits >= threshold, x * scale, jnp.zeros((), x.dtype))


def drop_features(x: Array, keys: Array, rate: Array) -> Array:
    """Drops features of `x` [..., D] given one key per leading position [...]."""
    counters = jax.lax.iota(jnp.uint32, x.shape[-1]) * jnp.uint32(FEATURE_STRIDE)
    return drop_units(x, mix_bits(keys[..., None] + counters), rate)


def _product(x: Array, kernel: Array) -> Array:
    """Returns `x @ kernel` in the dtype of `x`, summed in float32."""
    if x.dtype == jnp.bfloat16 and jax.default_backend() == "cpu":
        return _summed_apart(x, kernel)
    return x @ kernel.astype(x.dtype)


@jax.custom_vjp
def _summed_apart(x: Array, kernel: Array) -> Array:
    """`x @ kernel` by products of bfloat16 with float32 results, which are rounded after.

    Processors with matrix units have these, forwards and backwards; a product with a bfloat16 result XLA
    does in float32 there, five times as slowly.
    """
    wide = jnp.matmul(x, kernel.astype(x.dtype), preferred_element_type=jnp.float32)
    return wide.astype(x.dtype)


def _summed_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _summed_apart(x, kernel), (x, kernel)


def _summed_backward(kept: tuple[Array, Array], above: Array) -> tuple[Array, Array]:
    x, kernel = kept
    leading = (tuple(range(x.ndim - 1)),) * 2
    d_kernel = jnp.tensordot(x, above, leading, preferred_element_type=jnp.float32)
    return _summed_apart(above, kernel.T), d_kernel.astype(kernel.dtype)


_summed_apart.defvjp(_summed_forward, _summed_backward)


class Linear(nnx.Module):  # type: ignore[misc]
    """`x @ kernel + bias`, kernel [inputs, outputs], both float32, computed in the dtype of `x`."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        self.kernel = nnx.Param(jnp.zeros((inputs, outputs), jnp.float32))
        if bias:
            self.bias = nnx.Param(jnp.zeros((outputs,), jnp.float32))

    def __call__(self, x: Array) -> Array:
        """Maps the last axis of `x`."""
        product = _product(x, self.kernel[...])
        return product + self.bias[...].astype(x.dtype) if "bias" in vars(self) else product


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _normalise(x: Array, scale_D: Array, bias_D: Array, epsilon: float) -> Array:
    """Returns `x` normalised over its last axis.

    Kept for the backward pass are `x` and two numbers per token: left to itself XLA writes what it
    reduces over tokens to memory first, in float32.
    """
    return _normalise_forward(x, scale_D, bias_D, epsilon)[0]


def _normalise_forward(
    x: Array, scale_D: Array, bias_D: Array, epsilon: float
) -> tuple[Array, Any]:
    x32 = x.astype(jnp.float32)
    mean = x32.mean(-1, keepdims=True)
    centred = x32 - mean
    inverse = jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + epsilon)
    out = (centred * inverse * scale_D + bias_D).astype(x.dtype)
    return out, (x, mean, inverse, scale_D)


def _normalise_backward(epsilon: float, kept: Any, above: Array) -> tuple[Array, Array, Array]:
    x, mean, inverse, scale_D = kept
    # Not worked out again: what depends on them could not be part of the sums over tokens then.
    mean, inverse = jax.lax.optimization_barrier((mean, inverse))
    normed, above32 = (x.astype(jnp.float32) - mean) * inverse, above.astype(jnp.float32)
    inner = above32 * scale_D
    along = (inner * normed).mean(-1, keepdims=True)
    d_x = inverse * (inner - inner.mean(-1, keepdims=True) - normed * along)
    tokens = tuple(range(x.ndim - 1))
    return d_x.astype(x.dtype), (above32 * normed).sum(tokens), above32.sum(tokens)


_normalise.defvjp(_normalise_forward, _normalise_backward)


class LayerNorm(nnx.Module):  # type: ignore[misc]
    """Layer normalisation over the last axis, always computed in float32."""

    def __init__(self, size: int, epsilon: float) -> None:
        self.scale = nnx.Param(jnp.ones((size,), jnp.float32))
        self.bias = nnx.Param(jnp.zeros((size,), jnp.float32))
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        """Normalises the last axis of `x`; returns its dtype."""
        return _normalise(x, self.scale[...], self.bias[...], self.epsilon)


class RMSNorm(nnx.Module):  # type: ignore[misc]
    """Scales the last axis by its root mean square, always computed in float32."""

    def __init__(self, size: int, epsilon: float) -> None:
        self.scale = nnx.Param(jnp.ones((size,), jnp.float32))
        self.epsilon = epsilon

    def __call__(self, x: Array) -> Array:
        """Normalises the last axis of `x`; returns its dtype."""
        x32 = x.astype(jnp.float32)
        normed = x32 * jax.lax.rsqrt((x32 * x32).mean(-1, keepdims=True) + self.epsilon)
        return (normed * self.scale[...]).astype(x.dtype)


@jax.custom_vjp
def _scores(query_RxQxHxd: Array, key_RxLxHxd: Array) -> Array:
    """Returns float32 scores [R, H, Q, L].

    Their gradient is multiplied in the dtype of queries and keys: left to itself, a bfloat16 product
    with a float32 result has a backward pass of float32 products and float32 copies of both.
    """
    return jnp.einsum(
        "rqhd,rlhd->rhql", query_RxQxHxd, key_RxLxHxd, preferred_element_type=jnp.float32
    )


def _scores_forward(query: Array, key: Array) -> tuple[Array, tuple[Array, Array]]:
    return _scores(query, key), (query, key)


def _scores_backward(kept: tuple[Array, Array], above_RxHxQxL: Array) -> tuple[Array, Array]:
    query, key = kept
    above = above_RxHxQxL.astype(query.dtype)
    return jnp.einsum("rhql,rlhd->rqhd", above, key), jnp.einsum("rhql,rqhd->rlhd", above, query)


_scores.defvjp(_scores_forward, _scores_backward)


def attend(
    query_RxQxD: Array,
    key_RxLxD: Array,
    value_RxLxD: Array,
    mask_RxQxL: Array,
    num_heads: int,
    drop: Callable[[Array], Array] | None,
    scale: float | None = None,
    bias_HxQxL: Array | None = None,
) -> Array:
    """Softmax attention inside rows, float32 softmax; returns [R, Q, D].

    Args:
        query_RxQxD: queries of a row (all of its tokens, or only the first token of every segment).
        key_RxLxD: keys of a row.
        value_RxLxD: values of a row.
        mask_RxQxL: True where the query may see the key (same segment).
        num_heads: H; D is a multiple of it.
        drop: attention dropout on the probabilities [R, H, Q, L], or None.
        scale: of the scores; None is the square root of a head's size, inverted.
        bias_HxQxL: float32, added to the scores of every row.
    """
    rows, queries, width = query_RxQxD.shape
    size = width // num_heads

    def heads(x: Array) -> Array:
        return x.reshape(rows, x.shape[1], num_heads, size)

    scaled = heads(query_RxQxD) * jnp.asarray(
        size**-0.5 if scale is None else scale, query_RxQxD.dtype
    )
    scores_RxHxQxL = _scores(scaled, heads(key_RxLxD))
    if bias_HxQxL is not None:
        scores_RxHxQxL = scores_RxHxQxL + bias_HxQxL
    scores_RxHxQxL = jnp.where(mask_RxQxL[:, None], scores_RxHxQxL, -1e9)
    weights_RxHxQxL = jax.nn.softmax(scores_RxHxQxL, axis=-1)
    if drop is not None:
        weights_RxHxQxL = drop(weights_RxHxQxL)
    out = jnp.einsum(
        "rhql,rlhd->rqhd", weights_RxHxQxL.astype(value_RxLxD.dtype), heads(value_RxLxD)
    )
    return out.reshape(rows, queries, width)


def drop_attention(
    weights_RxHxQxL: Array, keys_RxQ: Array, positions_RxL: Array, rate: Array
) -> Array:
    """Drops attention weights by (query token, head, position of the key in its own segment)."""
    heads = jax.lax.iota(jnp.uint32, weights_RxHxQxL.shape[1]) * jnp.uint32(HEAD_STRIDE)
    query_RxHxQ = mix_bits(keys_RxQ[:, None, :] + heads[None, :, None])
    key_RxL = positions_RxL.astype(jnp.uint32) * jnp.uint32(FEATURE_STRIDE)
    return drop_units(
        weights_RxHxQxL, mix_bits(query_RxHxQ[..., None] + key_RxL[:, None, None, :]), rate
    )
