"""Padded batches, as transformers has them: checked and laid out as blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.block import TokenBlock
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.layers import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PaddedBlock(TokenBlock):
    """One example per row; its padding sees what its tokens see, as in transformers."""

    def attention_mask(self, segments_RxQ: Array) -> Array:
        """Returns [R, Q, L]: True where the token is no padding, whoever asks."""
        seen_RxL = self.segments_RxL >= 0
        return jnp.broadcast_to(seen_RxL[:, None, :], (*segments_RxQ.shape, seen_RxL.shape[1]))


def padded_block(
    config: AnyConfig,
    input_ids: ArrayLike,
    attention_mask: ArrayLike | None = None,
    token_type_ids: ArrayLike | None = None,
) -> PaddedBlock:
    """Returns the block of a padded batch [B, L], checked; positions as transformers numbers them.

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
    check_range("input_ids", ids, config.vocab_size)
    check_range("token_type_ids", types, config.type_vocab_size)
    positions = FAMILIES[config.family].positions(ids, config)
    if config.max_length is not None and positions.max() >= config.max_length:
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


def check_range(name: str, ids: np.ndarray[Any, Any], end: int) -> None:
    """Checks that ids are integers in [0, end)."""
    if ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= end:
        found = ids.dtype.name if ids.dtype.kind not in "iu" else f"{ids.min()}..{ids.max()}"
        raise IntertrainError(
            f"{name} must be integers in [0, {end}) for this model, got {found}; use the model's "
            "own tokenizer."
        )
