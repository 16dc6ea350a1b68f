"""BERT-like encoders with their classification heads, over packed blocks of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax.numpy as jnp
from flax import nnx

from intertrain_jax.models.attention import attend_segments, kernel_fits
from intertrain_jax.models.block import Params, TokenBlock, filled, word_embeddings
from intertrain_jax.models.families.encoder_config import EncoderConfig, EncoderLayout
from intertrain_jax.models.layers import (
    ACTIVATIONS,
    Array,
    Dropout,
    LayerNorm,
    Linear,
    attend,
    drop_attention,
    drop_features,
)
from intertrain_jax.models.lookup import look_up

# Numbered dropout sites: two for the embeddings and the head, then three for each layer.
_EMBEDDING_SITE = 0
_POOLED_SITE = 1
_DENSE_SITE = 2
_FIRST_LAYER_SITE = 8


class Embeddings(nnx.Module):  # type: ignore[misc]
    """Word, position and (where they are told apart) token-type embeddings, summed, normalised."""

    def __init__(self, config: EncoderConfig, layout: EncoderLayout) -> None:
        width = config.hidden_size
        self.word = nnx.Param(jnp.zeros((config.vocab_size, width), jnp.float32))
        self.position = nnx.Param(jnp.zeros((config.max_positions, width), jnp.float32))
        if layout.token_types:
            self.token_type = nnx.Param(jnp.zeros((config.type_vocab_size, width), jnp.float32))
        self.norm = LayerNorm(width, config.layer_norm_eps)
        self.position_offset = config.position_offset

    def __call__(self, words_RxLxD: Array, block: TokenBlock, dtype: Any) -> Array:
        """Returns the embedded tokens [R, L, D] in `dtype`."""
        positions = look_up(self.position[...], block.positions_RxL + self.position_offset)
        if "token_type" in vars(self):
            words_RxLxD = words_RxLxD + _of_type(self.token_type[...], block.types_RxL)
        return self.norm((words_RxLxD + positions).astype(dtype))


def _of_type(table_VxD: Array, types_RxL: Array) -> Array:
    """Returns every token's row of a table of one or two.

    By selection: the gradient is a sum then. That of a look-up adds every token of a block to the same
    row, on a GPU in an order of its own.
    """
    if table_VxD.shape[0] > 2:
        return table_VxD[types_RxL]
    return jnp.where(types_RxL[:, :, None] > 0, table_VxD[-1], table_VxD[0])


class Layer(nnx.Module):  # type: ignore[misc]
    """One post-norm transformer layer."""

    def __init__(self, config: EncoderConfig, layout: EncoderLayout) -> None:
        width, inner = config.hidden_size, config.intermediate_size
        self.query = Linear(width, width)
        self.key = Linear(width, width)
        self.value = Linear(width, width)
        self.attention_output = Linear(width, width)
        self.attention_norm = LayerNorm(width, config.layer_norm_eps)
        self.up = Linear(width, inner)
        self.down = Linear(inner, width)
        self.output_norm = LayerNorm(width, config.layer_norm_eps)
        self.num_heads = config.num_heads
        self.activation = ACTIVATIONS[config.hidden_act]
        self.attended_dropout = layout.attended_dropout

    def __call__(
        self,
        x_RxLxD: Array,
        block: TokenBlock,
        dropout: Dropout | None,
        site: int,
        only_first: bool,
    ) -> Array:
        """Returns the layer's output for all tokens [R, L, D], or for first tokens only [R, Q, D]."""
        queries_RxQxD, segments_RxQ, picks = x_RxLxD, block.segments_RxL, None
        if only_first:
            picks = jnp.minimum(block.starts_RxQ, x_RxLxD.shape[1] - 1)
            queries_RxQxD = jnp.take_along_axis(x_RxLxD, picks[:, :, None], axis=1)
            segments_RxQ = jnp.take_along_axis(block.segments_RxL, picks, axis=1)
        keys: list[Array] = []
        drop: tuple[Array, Array] | None = None
        if dropout is not None:
            keys = [dropout.site_keys(site + offset) for offset in range(3)]
            if picks is not None:
                keys = [jnp.take_along_axis(key, picks, axis=1) for key in keys]
            drop = (keys[0], dropout.attention)
        attended = self._attend(queries_RxQxD, x_RxLxD, block, segments_RxQ, only_first, drop)
        attended = self.attention_output(attended)
        if dropout is not None and self.attended_dropout:
            attended = drop_features(attended, keys[1], dropout.hidden)
        x = self.attention_norm(queries_RxQxD + attended)
        inner = self.down(self.activation(self.up(x)))
        if dropout is not None:
            inner = drop_features(inner, keys[2], dropout.hidden)
        return self.output_norm(x + inner)

    def _attend(
        self,
        queries_RxQxD: Array,
        x_RxLxD: Array,
        block: TokenBlock,
        segments_RxQ: Array,
        only_first: bool,
        drop: tuple[Array, Array] | None,
    ) -> Array:
        """Attends inside segments, by the kernel where there is one: it takes all tokens as queries."""
        query, key, value = self.query(queries_RxQxD), self.key(x_RxLxD), self.value(x_RxLxD)
        size = query.shape[-1] // self.num_heads
        if not only_first and kernel_fits(x_RxLxD.shape[1], size, x_RxLxD.dtype):
            positions, heads = block.positions_RxL, self.num_heads
            return attend_segments(query, key, value, segments_RxQ, positions, heads, drop)
        dropped = None
        if drop is not None:
            dropped = partial(
                drop_attention, keys_RxQ=drop[0], positions_RxL=block.positions_RxL, rate=drop[1]
            )
        mask = block.attention_mask(segments_RxQ)
        return attend(query, key, value, mask, self.num_heads, dropped)


class Encoder(nnx.Module):  # type: ignore[misc]
    """The body of an encoder, without its classification head."""

    def __init__(self, config: EncoderConfig, layout: EncoderLayout) -> None:
        self.embeddings = Embeddings(config, layout)
        self.layers = nnx.Dict({str(i): Layer(config, layout) for i in range(config.num_layers)})
        if layout.pooler:
            self.pooler = Linear(config.hidden_size, config.hidden_size)

    def __call__(
        self,
        words_RxLxD: Array,
        block: TokenBlock,
        dropout: Dropout | None,
        only_first: bool,
        dtype: Any,
    ) -> Array:
        """Returns last hidden states [R, L, D], or those of every segment's first token [R, Q, D]."""
        x = self.embeddings(words_RxLxD, block, dtype)
        if dropout is not None:
            x = drop_features(x, dropout.site_keys(_EMBEDDING_SITE), dropout.hidden)
        last = len(self.layers) - 1
        for i in range(last + 1):
            site = _FIRST_LAYER_SITE + 3 * i
            x = self.layers[str(i)](x, block, dropout, site, only_first and i == last)
        return x

    def features(
        self, words_RxLxD: Array, block: TokenBlock, dropout: Dropout | None, dtype: Any
    ) -> Array:
        """Returns what the classification head reads of every segment [R, Q, D].

        That is the first token's last hidden state, through the pooler where there is one.
        """
        first_RxQxD = self(words_RxLxD, block, dropout, only_first=True, dtype=dtype)
        return jnp.tanh(self.pooler(first_RxQxD)) if "pooler" in vars(self) else first_RxQxD


class Head(nnx.Module):  # type: ignore[misc]
    """dropout → out, on the features of a segment; or [dropout →] dense → activation → dropout → out."""

    def __init__(self, config: EncoderConfig, layout: EncoderLayout, num_classes: int) -> None:
        self.out = Linear(config.hidden_size, num_classes)
        if layout.dense is not None:
            self.dense = Linear(config.hidden_size, config.hidden_size)
            self.activation = ACTIVATIONS[layout.dense]
        self.first_dropout = layout.first_dropout

    def __call__(self, features: Array, dropout: Dropout | None) -> Array:
        """Returns logits [..., C] of features [..., D]; `dropout` has one key for each of them."""
        x = features
        if self.first_dropout:
            x = _drop_classifier(x, dropout, _POOLED_SITE)
        if "dense" in vars(self):
            x = self.activation(self.dense(x))
            x = _drop_classifier(x, dropout, _DENSE_SITE)
        return self.out(x)


def _drop_classifier(x: Array, dropout: Dropout | None, site: int) -> Array:
    return x if dropout is None else drop_features(x, dropout.site_keys(site), dropout.classifier)


class Classifier(Encoder):
    """An encoder with its classification head; its parameter tree is what a run trains."""

    def __init__(self, config: EncoderConfig, layout: EncoderLayout, num_classes: int) -> None:
        super().__init__(config, layout)
        self.head = Head(config, layout, num_classes)

    def logits(
        self, words_RxLxD: Array, block: TokenBlock, dropout: Dropout | None, dtype: Any
    ) -> Array:
        """Returns float32 logits [R, Q, C] of every segment of the block."""
        features_RxQxD = self.features(words_RxLxD, block, dropout, dtype)
        of_first = None if dropout is None else dropout.of_first_tokens(block.starts_RxQ)
        return self.head(features_RxQxD, of_first).astype(jnp.float32)


@cache
def _graph(
    config: EncoderConfig, layout: EncoderLayout, num_classes: int | None
) -> tuple[Any, Any]:
    """Splits the module once into its static graph and the abstract state that fills it."""
    build = Encoder if num_classes is None else partial(Classifier, num_classes=num_classes)
    return nnx.split(nnx.eval_shape(lambda: build(config, layout)))


@cache
def _head_graph(config: EncoderConfig, layout: EncoderLayout, num_classes: int) -> tuple[Any, Any]:
    return nnx.split(nnx.eval_shape(lambda: Head(config, layout, num_classes)))


@dataclass(frozen=True)
class EncoderNetwork:
    """The `Network` of a family of encoders.

    Attributes:
        layout: in what it differs from other families.
    """

    layout: EncoderLayout

    def shapes(self, config: EncoderConfig, num_classes: int | None = None) -> Params:
        """Returns the tree of `jax.ShapeDtypeStruct`s, with a head if classes are given."""
        return nnx.to_pure_dict(_graph(config, self.layout, num_classes)[1])

    def head_shapes(self, config: EncoderConfig, num_classes: int) -> Params:
        """Returns the tree of a head alone."""
        return nnx.to_pure_dict(_head_graph(config, self.layout, num_classes)[1])

    def bind(self, params: Params, config: EncoderConfig, num_classes: int | None = None) -> Any:
        """Returns the module that computes with `params` (for use inside one pure function)."""
        return filled(_graph(config, self.layout, num_classes), params)

    def hidden_states(
        self, params: Params, config: EncoderConfig, block: TokenBlock, dtype: Any = jnp.float32
    ) -> Array:
        """Returns the last hidden states [R, L, D] of a block, without dropout."""
        words = word_embeddings(params, block.tokens_RxL)
        return self.bind(params, config)(words, block, None, only_first=False, dtype=dtype)

    def classify(
        self,
        params: Params,
        words_RxLxD: Array,
        config: EncoderConfig,
        block: TokenBlock,
        dropout: Dropout | None,
        dtype: Any = jnp.float32,
    ) -> Array:
        """Returns float32 logits [R, Q, C] for every segment, given its looked-up word embeddings."""
        num_classes = params["head"]["out"]["bias"].shape[-1]
        return self.bind(params, config, num_classes).logits(words_RxLxD, block, dropout, dtype)

    def head_features(
        self, params: Params, config: EncoderConfig, block: TokenBlock, dtype: Any
    ) -> Array:
        """Returns what a head reads of every segment [R, Q, D], in `dtype`, without dropout."""
        words = word_embeddings(params, block.tokens_RxL)
        return self.bind(params, config).features(words, block, None, dtype)

    def head_logits(
        self, head: Params, config: EncoderConfig, features: Array, dropout: Dropout | None
    ) -> Array:
        """Returns float32 logits [..., C] of a head on features [..., D]."""
        num_classes = head["out"]["bias"].shape[-1]
        module = filled(_head_graph(config, self.layout, num_classes), head)
        return module(features, dropout).astype(jnp.float32)
