"""The public Python entry: loaded models that turn token ids into hidden states, logits and texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.block import Params, word_embeddings
from intertrain_jax.models.families.family import AnyConfig, TextConfig
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.heads import inherit_head
from intertrain_jax.models.hf.tensors import LoadReport
from intertrain_jax.models.hf.weights import load_checkpoint
from intertrain_jax.models.layers import Array, products_in
from intertrain_jax.models.padded import PaddedBlock, check_range, padded_block


@dataclass(frozen=True)
class Model:
    """An encoder with its weights on the device.

    Attributes:
        reference: what it was loaded from.
        config: the encoder's shape.
        params: nested dict of float32 arrays; with "head" if there is one.
        fingerprint: hash of configuration and weights, as loaded.
        report: what became of every tensor of the file.
    """

    reference: str
    config: AnyConfig
    params: Params = field(repr=False)
    fingerprint: str
    report: LoadReport = field(repr=False)

    def hidden_states(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike | None = None,
        token_type_ids: ArrayLike | None = None,
    ) -> Array:
        """Returns the last hidden states, float32 [B, L, D].

        Args:
            input_ids: [B, L] token ids.
            attention_mask: [B, L], 1 on tokens and 0 on padding; None means no padding.
            token_type_ids: [B, L]; None means all 0.

        Raises:
            IntertrainError: an array has another shape, or an id is out of range.
        """
        block = padded_block(self.config, input_ids, attention_mask, token_type_ids)
        return _hidden_states(_body(self.params), self.config, block)

    def logits(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike | None = None,
        token_type_ids: ArrayLike | None = None,
    ) -> Array:
        """Returns the head's logits, float32 [B, C]; arguments as in `hidden_states`.

        Raises:
            IntertrainError: the model has no head, an array has another shape, or an id is out of
                range.
        """
        if "head" not in self.params:
            raise IntertrainError(
                f"Model '{self.reference}' must have a classification head to give logits, but its "
                "file has none; use model.with_head(num_classes, seed)."
            )
        block = padded_block(self.config, input_ids, attention_mask, token_type_ids)
        return _logits(self.params, self.config, block)

    def with_head(self, num_classes: int, seed: int = 0, *, inherit: bool = False) -> Model:
        """Returns the same model with a head for `num_classes` classes.

        Args:
            num_classes: C; 1 for regression.
            seed: fixes the head's initial values.
            inherit: keep the arrays of the present head whose shapes match.
        """
        head = inherit_head(
            self.config, num_classes, seed, self.params.get("head") if inherit else None
        )
        params = {**_body(self.params), "head": jax.tree.map(jnp.asarray, head)}
        return replace(self, params=params)


@dataclass(frozen=True)
class TextModel:
    """A text-to-text model with its weights on the device.

    Attributes:
        reference: what it was loaded from.
        config: the model's shape.
        params: nested dict of float32 arrays; with "head" if the output is not the word embedding.
        fingerprint: hash of configuration and weights, as loaded.
        report: what became of every tensor of the file.
    """

    reference: str
    config: TextConfig
    params: Params = field(repr=False)
    fingerprint: str
    report: LoadReport = field(repr=False)

    def encode(self, input_ids: ArrayLike, attention_mask: ArrayLike | None = None) -> Array:
        """Returns the encoder's output, float32 [B, L, D].

        Args:
            input_ids: [B, L] token ids.
            attention_mask: [B, L], 1 on tokens and 0 on padding; None means no padding.

        Raises:
            IntertrainError: an array has another shape, or an id is out of range.
        """
        block = padded_block(self.config, input_ids, attention_mask)
        return _hidden_states(_body(self.params), self.config, block)

    def logits(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike | None = None,
        decoder_input_ids: ArrayLike | None = None,
    ) -> Array:
        """Returns the scores of every next token, float32 [B, T, V]; arguments as in `encode`.

        Args:
            input_ids: [B, L] token ids.
            attention_mask: [B, L], 1 on tokens and 0 on padding; None means no padding.
            decoder_input_ids: [B, T] the answer so far, the start token first; None is that alone.

        Raises:
            IntertrainError: an array has another shape, or an id is out of range.
        """
        self._check_answers()
        block = padded_block(self.config, input_ids, attention_mask)
        rows = block.tokens_RxL.shape[0]
        if decoder_input_ids is None:
            inputs = np.full((rows, 1), self.config.start_token_id)
        else:
            inputs = np.asarray(decoder_input_ids)
        if inputs.ndim != 2 or len(inputs) != rows or not inputs.size:
            raise IntertrainError(
                f"decoder_input_ids must have the shape [B, T] with B = {rows}, as input_ids has, "
                f"got {inputs.shape}; give one row for every input."
            )
        check_range("decoder_input_ids", inputs, self.config.vocab_size)
        ids = jnp.asarray(inputs, jnp.int32)[:, None]
        return _text_logits(self.params, self.config, block, ids)

    def generate(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike | None = None,
        max_new_tokens: int = 20,
    ) -> Array:
        """Returns greedy texts, int32 [B, max_new_tokens]: up to the end token, then padding.

        Raises:
            IntertrainError: an array has another shape, or an id is out of range.
        """
        self._check_answers()
        block = padded_block(self.config, input_ids, attention_mask)
        return _generate(self.params, self.config, block, max_new_tokens)

    @property
    def answers(self) -> bool:
        """Whether it can give texts: its file is not one of an encoder alone."""
        texts = FAMILIES[self.config.family].texts
        wanted = texts.shapes(self.config, texts.has_own_head(self.config))
        return wanted.keys() <= self.params.keys()

    def _check_answers(self) -> None:
        if not self.answers:
            raise IntertrainError(
                f"Model '{self.reference}' must have a decoder and an output to give texts, but its file"
                " is one of an encoder alone; use model.encode, or choose a whole model."
            )


def load_model(ref: str | Path, revision: str | None = None) -> Model | TextModel:
    """Loads a model from a hub id, a directory, `package:<name>/<folder>` or `quickstart`.

    Returns:
        A `Model`, or a `TextModel` of a family that answers in words, such as T5.

    Raises:
        IntertrainError: it is not there, not supported, or its tensors do not fit its config.json.
    """
    ref = str(ref)
    checkpoint = load_checkpoint(ref, revision, texts=False)
    head = {} if checkpoint.head is None else {"head": checkpoint.head}
    params = jax.tree.map(jnp.asarray, {**checkpoint.params, **head})
    if FAMILIES[checkpoint.config.family].text_to_text:
        config: Any = checkpoint.config
        return TextModel(ref, config, params, checkpoint.fingerprint, checkpoint.report)
    return Model(ref, checkpoint.config, params, checkpoint.fingerprint, checkpoint.report)


def _body(params: Mapping[str, Any]) -> Params:
    return {key: value for key, value in params.items() if key != "head"}


@partial(jax.jit, static_argnums=1)
def _hidden_states(params: Params, config: AnyConfig, block: PaddedBlock) -> Array:
    with products_in(jnp.float32):
        return FAMILIES[config.family].network.hidden_states(params, config, block)


@partial(jax.jit, static_argnums=1)
def _logits(params: Params, config: AnyConfig, block: PaddedBlock) -> Array:
    network = FAMILIES[config.family].network
    words_RxLxD = word_embeddings(params, block.tokens_RxL)
    with products_in(jnp.float32):
        return network.classify(params, words_RxLxD, config, block, None)[:, 0]


@partial(jax.jit, static_argnums=1)
def _text_logits(params: Params, config: TextConfig, block: PaddedBlock, inputs: Array) -> Array:
    texts = FAMILIES[config.family].texts
    with products_in(jnp.float32):
        encoded = texts.encode(params, config, block)
        return texts.text_logits(params, config, block, encoded, inputs)[:, 0]


@partial(jax.jit, static_argnums=(1, 3))
def _generate(params: Params, config: TextConfig, block: PaddedBlock, length: int) -> Array:
    texts = FAMILIES[config.family].texts
    with products_in(jnp.float32):
        encoded = texts.encode(params, config, block)
        return texts.generate(params, config, block, encoded, length)[:, 0]
