"""What T5 answers: scores of given texts, and greedy texts, one per segment of a packed block."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from intertrain_jax.models.block import Params, TokenBlock
from intertrain_jax.models.families.t5 import T5Config
from intertrain_jax.models.families.t5_network import bind, encode, shapes
from intertrain_jax.models.layers import Array

__all__ = [
    "bind",
    "decoder_inputs",
    "encode",
    "generate",
    "has_own_head",
    "shapes",
    "text_logits",
]


def has_own_head(config: T5Config) -> bool:
    """Whether the output is not the word embedding, as from v1.1 on."""
    return not config.tied


def decoder_inputs(texts_RxQxT: Array, config: T5Config) -> Array:
    """Returns texts moved right by one behind the start token; -1 (no token) becomes padding."""
    start = jnp.full_like(texts_RxQxT[..., :1], config.start_token_id)
    moved = jnp.concatenate([start, texts_RxQxT[..., :-1]], axis=-1)
    return jnp.where(moved < 0, config.pad_token_id, moved)


def text_logits(
    params: Params, config: T5Config, block: TokenBlock, encoded_RxLxD: Array, inputs_RxQxT: Array
) -> Array:
    """Returns float32 logits [R, Q, T, V] for the decoder's input ids, without dropout."""
    model = bind(params, config)
    words = params["embeddings"]["word"][inputs_RxQxT]
    return model.logits(model.decode(words, encoded_RxLxD, block, None), config)


def generate(
    params: Params, config: T5Config, block: TokenBlock, encoded_RxLxD: Array, length: int
) -> Array:
    """Returns greedy texts, int32 [R, Q, length]: up to the end token, then padding.

    Every step decodes the text so far from its start; texts are a few tokens long.
    """
    shape = (*block.starts_RxQ.shape, length)

    def extend(t: Array, texts: Array) -> Array:
        logits = text_logits(params, config, block, encoded_RxLxD, decoder_inputs(texts, config))
        here = jax.lax.dynamic_index_in_dim(logits, t, axis=2, keepdims=False)
        ended = jnp.any(texts == config.end_token_id, axis=-1)
        token = jnp.where(ended, config.pad_token_id, jnp.argmax(here, axis=-1)).astype(jnp.int32)
        return jax.lax.dynamic_update_index_in_dim(texts, token, t, axis=2)

    return jax.lax.fori_loop(0, length, extend, jnp.full(shape, -1, jnp.int32))
