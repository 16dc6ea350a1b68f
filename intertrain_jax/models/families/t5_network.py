"""T5's network, v1.0 and v1.1, over packed blocks of tokens and one text per segment."""

from __future__ import annotations

import math
from functools import cache, partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from intertrain_jax.models.block import Params, TokenBlock, filled
from intertrain_jax.models.families.t5 import T5Config
from intertrain_jax.models.layers import (
    ACTIVATIONS,
    Array,
    Dropout,
    Linear,
    RMSNorm,
    attend,
    drop_attention,
    drop_features,
)
from intertrain_jax.models.lookup import look_up

# Numbered dropout sites of each stack: its ends, a pooled head, then six for each layer.
_INPUT_SITE = 0
_OUTPUT_SITE = 1
POOLED_SITE = 2
_FIRST_LAYER_SITE = 8
_SITES_PER_LAYER = 6


def relative_buckets(
    queries: int, keys: int, bidirectional: bool, num_buckets: int, max_distance: int
) -> NDArray[np.int32]:
    """Returns the bucket [queries, keys] of every distance between a key and a query.

    Half of the buckets are exact distances, the others grow logarithmically up to `max_distance`;
    in both directions, each has half of them. (Raffel et al. 2020, §2.1.)
    """
    distance = np.arange(keys)[None, :] - np.arange(queries)[:, None]
    first = np.zeros_like(distance)
    if bidirectional:
        num_buckets //= 2
        first = (distance > 0) * num_buckets
        distance = np.abs(distance)
    else:
        distance = np.maximum(-distance, 0)
    exact = num_buckets // 2
    # In float32, as everywhere: the rounding of a logarithm decides the bucket.
    ratio = np.log(np.maximum(distance, 1).astype(np.float32) / np.float32(exact))
    ratio = ratio / np.float32(math.log(max_distance / exact)) * np.float32(num_buckets - exact)
    far = np.minimum(exact + ratio.astype(np.int64), num_buckets - 1)
    return (first + np.where(distance < exact, distance, far)).astype(np.int32)


class Attention(nnx.Module):  # type: ignore[misc]
    """Attention without scaling and without biases; its heads need not add up to the width."""

    def __init__(self, config: T5Config) -> None:
        width, inner = config.hidden_size, config.num_heads * config.head_size
        self.query = Linear(width, inner, bias=False)
        self.key = Linear(width, inner, bias=False)
        self.value = Linear(width, inner, bias=False)
        self.output = Linear(inner, width, bias=False)
        self.num_heads = config.num_heads

    def __call__(
        self,
        x_RxQxD: Array,
        memory_RxLxD: Array,
        mask_RxQxL: Array,
        bias_HxQxL: Array | None,
        drop: Any,
    ) -> Array:
        """Returns what the queries of a row take from its memory [R, Q, D]."""
        attended = attend(
            self.query(x_RxQxD),
            self.key(memory_RxLxD),
            self.value(memory_RxLxD),
            mask_RxQxL,
            self.num_heads,
            drop,
            scale=1.0,
            bias_HxQxL=bias_HxQxL,
        )
        return self.output(attended)


class FeedForward(nnx.Module):  # type: ignore[misc]
    """down(act(up(x))), or gated: down(act(gate(x)) * up(x)); dropout before `down`."""

    def __init__(self, config: T5Config) -> None:
        width, inner = config.hidden_size, config.intermediate_size
        if config.gated:
            self.gate = Linear(width, inner, bias=False)
        self.up = Linear(width, inner, bias=False)
        self.down = Linear(inner, width, bias=False)
        self.activation = ACTIVATIONS[config.hidden_act]

    def __call__(self, x: Array, dropout: Dropout | None, site: int) -> Array:
        """Maps [R, S, D] to [R, S, D]."""
        if "gate" in vars(self):
            inner = self.activation(self.gate(x)) * self.up(x)
        else:
            inner = self.activation(self.up(x))
        return self.down(_drop(inner, dropout, site))


class Layer(nnx.Module):  # type: ignore[misc]
    """One pre-norm layer: self-attention, in decoders cross-attention, feed-forward."""

    def __init__(self, config: T5Config, cross: bool) -> None:
        norm = partial(RMSNorm, config.hidden_size, config.layer_norm_eps)
        self.self_norm = norm()
        self.self_attention = Attention(config)
        if cross:
            self.cross_norm = norm()
            self.cross_attention = Attention(config)
        self.feed_norm = norm()
        self.feed = FeedForward(config)


class Stack(nnx.Module):  # type: ignore[misc]
    """The layers of an encoder or a decoder, with the position bias that they share."""

    def __init__(self, config: T5Config, num_layers: int, decoder: bool) -> None:
        self.position_bias = nnx.Param(
            jnp.zeros((config.num_buckets, config.num_heads), jnp.float32)
        )
        self.layers = nnx.Dict({str(i): Layer(config, cross=decoder) for i in range(num_layers)})
        self.norm = RMSNorm(config.hidden_size, config.layer_norm_eps)
        self.decoder = decoder
        self.buckets = (config.num_buckets, config.max_distance)

    def bias(self, length: int) -> Array:
        """Returns what every head adds to its scores within a segment, float32 [H, L, L]."""
        buckets = relative_buckets(length, length, not self.decoder, *self.buckets)
        return jnp.transpose(look_up(self.position_bias[...], buckets), (2, 0, 1))

    def __call__(
        self,
        x_RxSxD: Array,
        mask_WxTxT: Array,
        positions_WxT: Array,
        dropout: Dropout | None,
        memory_RxLxD: Array | None = None,
        memory_mask_RxSxL: Array | None = None,
        memory_positions_RxL: Array | None = None,
    ) -> Array:
        """Returns the normed output [R, S, D].

        Args:
            x_RxSxD: embedded tokens.
            mask_WxTxT: True where a token may see another. Self-attention is over W windows of T
                tokens, W·T = R·S: rows in an encoder, single texts in a decoder.
            positions_WxT: of the tokens within their segment, for dropout.
            dropout: keys [R, S] and rates, or None.
            memory_RxLxD: for cross-attention, what the encoder gave.
            memory_mask_RxSxL: True where a token may see one of the memory's.
            memory_positions_RxL: positions of the memory's tokens, for dropout.
        """
        windows, length = positions_WxT.shape
        bias_HxTxT = self.bias(length)
        x = _drop(x_RxSxD, dropout, _INPUT_SITE)
        for i in range(len(self.layers)):
            layer, site = self.layers[str(i)], _FIRST_LAYER_SITE + _SITES_PER_LAYER * i
            normed = layer.self_norm(x).reshape(windows, length, -1)
            drop = _attention_drop(dropout, site, (windows, length), positions_WxT)
            taken = layer.self_attention(normed, normed, mask_WxTxT, bias_HxTxT, drop)
            x = x + _drop(taken.reshape(x.shape), dropout, site + 1)
            if memory_RxLxD is not None:
                drop = _attention_drop(dropout, site + 2, x.shape[:2], memory_positions_RxL)
                taken = layer.cross_attention(
                    layer.cross_norm(x), memory_RxLxD, memory_mask_RxSxL, None, drop
                )
                x = x + _drop(taken, dropout, site + 3)
            fed = layer.feed(layer.feed_norm(x), dropout, site + 4)
            x = x + _drop(fed, dropout, site + 5)
        return _drop(self.norm(x), dropout, _OUTPUT_SITE)


class Words(nnx.Module):  # type: ignore[misc]
    """The word embedding that encoder and decoder share."""

    def __init__(self, config: T5Config) -> None:
        self.word = nnx.Param(jnp.zeros((config.vocab_size, config.hidden_size), jnp.float32))


class Head(nnx.Module):  # type: ignore[misc]
    """`lm_head` where it is not the word embedding."""

    def __init__(self, config: T5Config) -> None:
        self.out = Linear(config.hidden_size, config.vocab_size, bias=False)


class T5Encoder(nnx.Module):  # type: ignore[misc]
    """The half of T5 that reads."""

    def __init__(self, config: T5Config) -> None:
        self.embeddings = Words(config)
        self.encoder = Stack(config, config.num_layers, decoder=False)

    def encode(
        self, words_RxLxD: Array, block: TokenBlock, dropout: Dropout | None, dtype: Any
    ) -> Array:
        """Returns the encoder's output [R, L, D]."""
        mask = block.attention_mask(block.segments_RxL)
        return self.encoder(words_RxLxD.astype(dtype), mask, block.positions_RxL, dropout)


class T5(T5Encoder):
    """A T5 model; with `own_head`, its output is not the word embedding."""

    def __init__(self, config: T5Config, own_head: bool) -> None:
        super().__init__(config)
        self.decoder = Stack(config, config.num_decoder_layers, decoder=True)
        if own_head:
            self.head = Head(config)

    def decode(
        self,
        words_RxQxTxD: Array,
        encoded_RxLxD: Array,
        block: TokenBlock,
        dropout: Dropout | None,
    ) -> Array:
        """Returns the decoder's output [R, Q, T, D] for one embedded text per segment.

        Args:
            words_RxQxTxD: embeddings of the decoder's input, the start token first.
            encoded_RxLxD: what `encode` gave for the block.
            block: whose segments the texts belong to.
            dropout: its keys are of the texts' tokens [R, Q·T].
        """
        rows, segments, length, width = words_RxQxTxD.shape
        windows = rows * segments
        x = words_RxQxTxD.reshape(rows, segments * length, width).astype(encoded_RxLxD.dtype)
        causal = jnp.tril(jnp.ones((length, length), bool))
        asking = jnp.repeat(jnp.arange(segments), length)
        mask = block.attention_mask(jnp.broadcast_to(asking, (rows, segments * length)))
        out = self.decoder(
            x,
            jnp.broadcast_to(causal, (windows, length, length)),
            jnp.broadcast_to(jnp.arange(length), (windows, length)),
            dropout,
            encoded_RxLxD,
            mask,
            block.positions_RxL,
        )
        return out.reshape(words_RxQxTxD.shape)

    def logits(self, decoded: Array, config: T5Config) -> Array:
        """Returns float32 scores [..., V] of the next token for the decoder's output [..., D]."""
        if config.tied:
            decoded = decoded * jnp.asarray(config.hidden_size**-0.5, decoded.dtype)
        kernel = self.head.out.kernel[...] if "head" in vars(self) else self.embeddings.word[...].T
        return jnp.matmul(decoded, kernel.astype(decoded.dtype), preferred_element_type=jnp.float32)


def _drop(x: Array, dropout: Dropout | None, site: int) -> Array:
    return x if dropout is None else drop_features(x, dropout.site_keys(site), dropout.hidden)


def _attention_drop(
    dropout: Dropout | None, site: int, shape: tuple[int, ...], positions: Any
) -> Any:
    if dropout is None:
        return None
    return partial(
        drop_attention,
        keys_RxQ=dropout.site_keys(site).reshape(shape),
        positions_RxL=positions,
        rate=dropout.attention,
    )


@cache
def _graph(config: T5Config, own_head: bool) -> tuple[Any, Any]:
    """Splits the module once into its static graph and the abstract state that fills it."""
    return nnx.split(nnx.eval_shape(lambda: T5(config, own_head)))


def shapes(config: T5Config, own_head: bool) -> Params:
    """Returns the tree of `jax.ShapeDtypeStruct`s, with a head of its own where it has one."""
    return nnx.to_pure_dict(_graph(config, own_head)[1])


def bind(params: Params, config: T5Config) -> Any:
    """Returns the module that computes with `params` (for use inside one pure function)."""
    return filled(_graph(config, "head" in params), params)


def encode(params: Params, config: T5Config, block: TokenBlock, dtype: Any = jnp.float32) -> Array:
    """Returns the encoder's output [R, L, D] of a block, without dropout."""
    words = params["embeddings"]["word"][block.tokens_RxL]
    return bind(params, config).encode(words, block, None, dtype)
