"""The public Python entry: a loaded model that turns token ids into hidden states and logits."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.bert import EncoderConfig, Params, TokenBlock, word_embeddings
from intertrain_jax.models.heads import inherit_head
from intertrain_jax.models.hf_weights import LoadReport, load_checkpoint
from intertrain_jax.models.layers import Array
from intertrain_jax.models.zoo import FAMILIES


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PaddedBlock(TokenBlock):
    """One example per row; its padding sees what its tokens see, as in transformers."""

    def attention_mask(self, segments_RxQ: Array) -> Array:
        """Returns [R, Q, L]: True where the token is no padding, whoever asks."""
        seen_RxL = self.segments_RxL >= 0
        return jnp.broadcast_to(seen_RxL[:, None, :], (*segments_RxQ.shape, seen_RxL.shape[1]))


@dataclass(frozen=True)
class Model:
    """A base model with its weights on the device.

    Attributes:
        reference: what it was loaded from.
        config: the encoder's shape.
        params: nested dict of float32 arrays; with "head" if there is one.
        fingerprint: hash of configuration and weights, as loaded.
        report: what became of every tensor of the file.
    """

    reference: str
    config: EncoderConfig
    params: Params
    fingerprint: str
    report: LoadReport

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


def load_model(ref: str, revision: str | None = None) -> Model:
    """Loads a model from a hub id, a directory, `package:<name>/<folder>` or `quickstart`.

    Raises:
        IntertrainError: it is not there, not supported, or its tensors do not fit its config.json.
    """
    checkpoint = load_checkpoint(ref, revision)
    head = {} if checkpoint.head is None else {"head": checkpoint.head}
    params = jax.tree.map(jnp.asarray, {**checkpoint.params, **head})
    return Model(ref, checkpoint.config, params, checkpoint.fingerprint, checkpoint.report)


def padded_block(
    config: EncoderConfig,
    input_ids: ArrayLike,
    attention_mask: ArrayLike | None = None,
    token_type_ids: ArrayLike | None = None,
) -> PaddedBlock:
    """Returns the block of a padded batch [B, L], checked; positions as transformers numbers them.

    BERT counts columns. RoBERTa counts the tokens that are not the padding token, whatever the mask
    says, and gives padding tokens the position of its padding id.

    Raises:
        IntertrainError: an array has another shape, or an id is out of range.
    """
    ids = np.asarray(input_ids)
    mask = np.ones_like(ids) if attention_mask is None else np.asarray(attention_mask)
    types = np.zeros_like(ids) if token_type_ids is None else np.asarray(token_type_ids)
    if ids.ndim != 2 or not ids.size or mask.shape != ids.shape or types.shape != ids.shape:
        raise IntertrainError(
            "input_ids, attention_mask and token_type_ids must have the same shape [B, L], at "
            f"least [1, 1], got {ids.shape}, {mask.shape} and {types.shape}; pad the batch first."
        )
    _check_range("input_ids", ids, config.vocab_size)
    _check_range("token_type_ids", types, config.type_vocab_size)
    if config.family == "roberta":
        real = ids != config.pad_token_id
        positions = np.where(real, np.cumsum(real, axis=1), 0) - 1
    else:
        positions = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
    if positions.max() >= config.max_length:
        raise IntertrainError(
            f"input_ids must have at most {config.max_length} tokens in a row, for that many have "
            f"position embeddings, got {positions.max() + 1}; truncate the batch."
        )
    return PaddedBlock(
        tokens_RxL=jnp.asarray(ids, jnp.int32),
        segments_RxL=jnp.asarray(np.where(mask, 0, -1), jnp.int32),
        positions_RxL=jnp.asarray(positions, jnp.int32),
        types_RxL=jnp.asarray(types, jnp.int32),
        starts_RxQ=jnp.zeros((len(ids), 1), jnp.int32),
    )


def _check_range(name: str, ids: np.ndarray[Any, Any], end: int) -> None:
    if ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= end:
        found = ids.dtype.name if ids.dtype.kind not in "iu" else f"{ids.min()}..{ids.max()}"
        raise IntertrainError(
            f"{name} must be integers in [0, {end}) for this model, got {found}; use the model's "
            "own tokenizer."
        )


def _body(params: Mapping[str, Any]) -> Params:
    return {key: value for key, value in params.items() if key != "head"}


def _full_precision() -> AbstractContextManager[Any]:
    """GPUs and TPUs multiply float32 matrices with fewer bits unless they are told not to."""
    return jax.default_matmul_precision("float32")


@partial(jax.jit, static_argnums=1)
def _hidden_states(params: Params, config: EncoderConfig, block: PaddedBlock) -> Array:
    with _full_precision():
        states: Array = FAMILIES[config.family].hidden_states(params, config, block)
    return states


@partial(jax.jit, static_argnums=1)
def _logits(params: Params, config: EncoderConfig, block: PaddedBlock) -> Array:
    words_RxLxD = word_embeddings(params, block.tokens_RxL)
    classify = FAMILIES[config.family].classify
    with _full_precision():
        logits_RxQxC: Array = classify(params, words_RxLxD, config, block, None)
    return logits_RxQxC[:, 0]
