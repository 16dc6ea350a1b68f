"""What every model reads: a packed block of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
from flax import nnx

from intertrain_jax.models.layers import Array

Params = dict[str, Any]


def filled(split: tuple[Any, Any], params: Params) -> Any:
    """Returns the module of a (static graph, abstract state) pair that computes with `params`.

    For use inside one pure function.
    """
    graph, abstract = split
    state = jax.tree.map(lambda x: x, abstract)
    nnx.replace_by_pure_dict(state, params)
    return nnx.merge(graph, state)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TokenBlock:
    """R rows of L tokens; a row holds one or more segments (examples) that do not see each other.

    Attributes:
        tokens_RxL: int32 token ids.
        segments_RxL: int32, the segment of a token within its row, from 0; -1 on padding.
        positions_RxL: int32, position of a token within its segment, from 0.
        types_RxL: int32 token types.
        starts_RxQ: int32, column of the first token of every segment (any value where unused).
    """

    tokens_RxL: Array
    segments_RxL: Array
    positions_RxL: Array
    types_RxL: Array
    starts_RxQ: Array

    def attention_mask(self, segments_RxQ: Array) -> Array:
        """Returns [R, Q, L]: True where a query of the given segment may see the token."""
        return segments_RxQ[:, :, None] == self.segments_RxL[:, None, :]


def word_embeddings(params: Params, tokens: Array) -> Array:
    """Looks up word embeddings [..., D]; apart from the rest, so that their gradient stays sparse."""
    return params["embeddings"]["word"][tokens]
