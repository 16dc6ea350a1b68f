"""T5's encoder as a classifier: a linear head on the mean of what it gives for a segment."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax.numpy as jnp
from flax import nnx

from intertrain_jax.models.block import Params, TokenBlock, filled, word_embeddings
from intertrain_jax.models.families.t5 import T5Config
from intertrain_jax.models.families.t5_network import POOLED_SITE, T5Encoder
from intertrain_jax.models.layers import Array, Dropout, Linear, drop_features


class PooledEncoder(T5Encoder):
    """The encoder without a head."""

    def features(
        self, words_RxLxD: Array, block: TokenBlock, dropout: Dropout | None, dtype: Any
    ) -> Array:
        """Returns the mean encoder output of every segment, float32 [R, Q, D]."""
        encoded = self.encode(words_RxLxD, block, dropout, dtype)
        segments = jnp.arange(block.starts_RxQ.shape[1])
        inside = (block.segments_RxL[:, None, :] == segments[:, None]).astype(jnp.float32)
        counts_RxQ = jnp.maximum(inside.sum(-1), 1.0)
        pooled = jnp.einsum("rql,rld->rqd", inside, encoded.astype(jnp.float32))
        return pooled / counts_RxQ[..., None]


class PooledHead(nnx.Module):  # type: ignore[misc]
    """dropout → out, on the mean encoder output."""

    def __init__(self, config: T5Config, num_classes: int) -> None:
        self.out = Linear(config.hidden_size, num_classes)

    def __call__(self, pooled: Array, dropout: Dropout | None) -> Array:
        """Returns logits [..., C] of features [..., D]; `dropout` has one key for each of them."""
        if dropout is not None:
            pooled = drop_features(pooled, dropout.site_keys(POOLED_SITE), dropout.classifier)
        return self.out(pooled)


class T5Classifier(PooledEncoder):
    """The encoder with its head; there is no decoder."""

    def __init__(self, config: T5Config, num_classes: int) -> None:
        super().__init__(config)
        self.head = PooledHead(config, num_classes)

    def logits(
        self, words_RxLxD: Array, block: TokenBlock, dropout: Dropout | None, dtype: Any
    ) -> Array:
        """Returns float32 logits [R, Q, C] of every segment of the block."""
        pooled_RxQxD = self.features(words_RxLxD, block, dropout, dtype)
        of_first = None if dropout is None else dropout.of_first_tokens(block.starts_RxQ)
        return self.head(pooled_RxQxD, of_first)


@cache
def _graph(config: T5Config, num_classes: int) -> tuple[Any, Any]:
    return nnx.split(nnx.eval_shape(lambda: T5Classifier(config, num_classes)))


@cache
def _encoder_graph(config: T5Config) -> tuple[Any, Any]:
    return nnx.split(nnx.eval_shape(lambda: PooledEncoder(config)))


@cache
def _head_graph(config: T5Config, num_classes: int) -> tuple[Any, Any]:
    return nnx.split(nnx.eval_shape(lambda: PooledHead(config, num_classes)))


class PooledNetwork:
    """The `Network` of T5: its encoder alone, with a head that transformers does not have."""

    def shapes(self, config: T5Config, num_classes: int | None) -> Params:
        """Returns the tree of `jax.ShapeDtypeStruct`s of the encoder, with a head if it has one."""
        graph = _encoder_graph(config) if num_classes is None else _graph(config, num_classes)
        return nnx.to_pure_dict(graph[1])

    def head_shapes(self, config: T5Config, num_classes: int) -> Params:
        """Returns the tree of a head alone."""
        return nnx.to_pure_dict(_head_graph(config, num_classes)[1])

    def hidden_states(
        self, params: Params, config: T5Config, block: TokenBlock, dtype: Any = jnp.float32
    ) -> Array:
        """Returns the encoder's output [R, L, D], without dropout."""
        words = word_embeddings(params, block.tokens_RxL)
        return _bound(params, config).encode(words, block, None, dtype)

    def head_features(
        self, params: Params, config: T5Config, block: TokenBlock, dtype: Any
    ) -> Array:
        """Returns the mean encoder output of every segment, float32 [R, Q, D], without dropout."""
        words = word_embeddings(params, block.tokens_RxL)
        return _bound(params, config).features(words, block, None, dtype)

    def head_logits(
        self, head: Params, config: T5Config, features: Array, dropout: Dropout | None
    ) -> Array:
        """Returns float32 logits [..., C] of a head on features [..., D]."""
        num_classes = head["out"]["bias"].shape[-1]
        return filled(_head_graph(config, num_classes), head)(features, dropout)

    def classify(
        self,
        params: Params,
        words_RxLxD: Array,
        config: T5Config,
        block: TokenBlock,
        dropout: Dropout | None,
        dtype: Any = jnp.float32,
    ) -> Array:
        """Returns float32 logits [R, Q, C] of every segment, given its looked-up word embeddings."""
        num_classes = params["head"]["out"]["bias"].shape[-1]
        graph = _graph(config, num_classes)
        return filled(graph, params).logits(words_RxLxD, block, dropout, dtype)


def _bound(params: Params, config: T5Config) -> Any:
    """Returns the encoder that computes with `params`, of which there may be more than it has."""
    body = {name: params[name] for name in ("embeddings", "encoder")}
    return filled(_encoder_graph(config), body)
