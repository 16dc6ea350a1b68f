"""One micro-step of one run: a packed block in, its loss and accumulated gradient out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from intertrain_jax.models.block import TokenBlock
from intertrain_jax.models.layers import Dropout, mix_bits, products_in
from intertrain_jax.models.lookup import add_rows
from intertrain_jax.train.objectives import Objective
from intertrain_jax.train.optim import Hyper
from intertrain_jax.train.stacking import stacked_as, unstacked

Array = Any  # a JAX array, or a NumPy array that JAX takes for one
Tree = Any

# Of computation, by a protocol's precision.
DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Segments:
    """The examples of one block, by reference into the token arena: what the host ships.

    Attributes:
        offsets_RxQ: int32, arena position of an example's first token.
        lengths_RxQ: int32, its tokens; 0 marks an unused slot.
        boundaries_RxQ: int32, its leading tokens of token type 0.
        examples_RxQ: int32, its index in its split (the identity that dropout hashes).
        labels_RxQ: float32, class id or regression target.
    """

    offsets_RxQ: Array
    lengths_RxQ: Array
    boundaries_RxQ: Array
    examples_RxQ: Array
    labels_RxQ: Array


def blank_segments(cells: tuple[int, ...]) -> Segments:
    """Returns slots without examples, in arrays of the host; `cells` ends in (R, Q)."""
    offsets, lengths, boundaries, examples = (np.zeros(cells, np.int32) for _ in range(4))
    return Segments(offsets, lengths, boundaries, examples, np.zeros(cells, np.float32))


@dataclass(frozen=True)
class BlockKind:
    """What is compiled into a program, and so the same for all blocks that it takes.

    Attributes:
        objective: what is optimised.
        row_length: L.
        dtype: of computation.
    """

    objective: Objective
    row_length: int
    dtype: Any


def token_block(arena: Array, segments: Segments, row_length: int) -> tuple[TokenBlock, Array]:
    """Gathers a block's tokens out of the arena.

    Segments lie in their row one after another, from column 0.

    Returns:
        The block, and per token [R, L] a uint32 key from its example and position, for dropout.
    """
    ends_RxQ = jnp.cumsum(segments.lengths_RxQ, axis=1)
    starts_RxQ = ends_RxQ - segments.lengths_RxQ
    columns = jnp.arange(row_length, dtype=jnp.int32)
    segment_RxL = jnp.sum(ends_RxQ[:, None, :] <= columns[None, :, None], axis=-1)
    used_RxL = columns[None, :] < ends_RxQ[:, -1:]
    segment_RxL = jnp.where(used_RxL, segment_RxL, 0)

    def of_token(values_RxQ: Array) -> Array:
        return jnp.take_along_axis(values_RxQ, segment_RxL, axis=1)

    positions_RxL = jnp.where(used_RxL, columns[None, :] - of_token(starts_RxQ), 0)
    tokens_RxL = arena[jnp.where(used_RxL, of_token(segments.offsets_RxQ) + positions_RxL, 0)]
    block = TokenBlock(
        tokens_RxL=tokens_RxL.astype(jnp.int32),
        segments_RxL=jnp.where(used_RxL, segment_RxL, -1),
        positions_RxL=positions_RxL,
        types_RxL=(positions_RxL >= of_token(segments.boundaries_RxQ)).astype(jnp.int32) * used_RxL,
        starts_RxQ=starts_RxQ,
    )
    examples = of_token(segments.examples_RxQ).astype(jnp.uint32)
    return block, mix_bits(mix_bits(examples) + positions_RxL.astype(jnp.uint32))


def micro_step(
    gradient: Tree,
    params: Tree,
    step: Array,
    hyper: Hyper,
    segments: Segments,
    share: Array,
    arena: Array,
    kind: BlockKind,
) -> tuple[Tree, Array]:
    """Adds the gradient of one block to a run's accumulated gradient.

    The gradient of looked-up word embeddings is scattered straight into the accumulator, never made
    dense (unless the word embedding gives the output too).

    Args:
        gradient: accumulated so far in this batch; its layers may be stacked.
        params: the run's parameters; as the gradient.
        step: int32, optimiser steps taken; decides dropout together with the run's seed.
        hyper: the run's hyperparameters.
        segments: the block's examples; if all are empty the gradient stays bit-identical.
        share: 1 / examples in the batch, so that the blocks of a batch add up to its mean loss.
        arena: all tokens of the grid, flat.
        kind: of the block.

    Returns:
        The advanced gradient, and this block's share of the batch's mean loss.
    """
    objective, params = kind.objective, unstacked(params)
    block, token_keys = token_block(arena, segments, kind.row_length)
    dropout = Dropout(
        seed=mix_bits(hyper.dropout_seed + step.astype(jnp.uint32)),
        tokens_RxL=token_keys,
        hidden=hyper.hidden_dropout,
        attention=hyper.attention_dropout,
        classifier=hyper.classifier_dropout,
    )
    used_RxQ = segments.lengths_RxQ > 0
    table = params["embeddings"]["word"]
    looked_up_RxS = objective.looked_up(block, segments.labels_RxQ, hyper)

    def loss_of(trained: Tree, words_RxSxD: Array) -> Array:
        whole = trained if objective.table_is_output else with_word_table(trained, table)
        losses = objective.losses(
            whole,
            words_RxSxD,
            block,
            segments.examples_RxQ,
            segments.labels_RxQ,
            hyper,
            dropout,
            kind.dtype,
        )
        return share * jnp.sum(jnp.where(used_RxQ, losses, 0.0))

    trained = params if objective.table_is_output else without_word_table(params)
    with products_in(kind.dtype):
        loss, (gradients, word_gradients) = jax.value_and_grad(loss_of, argnums=(0, 1))(
            trained, table[looked_up_RxS]
        )
    scattered = add_rows(gradient["embeddings"]["word"], looked_up_RxS, word_gradients)
    if objective.table_is_output:
        return add_to(with_word_table(gradient, scattered), gradients), loss
    added = add_to(without_word_table(gradient), gradients)
    return with_word_table(added, scattered), loss


def add_to(total: Tree, part: Tree) -> Tree:
    """Adds a tree to one that may have its layers stacked."""
    return jax.tree.map(jnp.add, total, stacked_as(part, total))


def predict(params: Tree, hyper: Hyper, segments: Segments, arena: Array, kind: BlockKind) -> Array:
    """Returns float32 outputs [R, Q, C] of a block's examples, without dropout."""
    params = unstacked(params)
    block, _ = token_block(arena, segments, kind.row_length)
    with products_in(kind.dtype):
        return kind.objective.outputs(params, block, hyper, kind.dtype)


def without_word_table(params: Tree) -> Tree:
    """Returns the parameter tree less its word embedding table."""
    embeddings = {name: x for name, x in params["embeddings"].items() if name != "word"}
    return {**params, "embeddings": embeddings}


def with_word_table(params: Tree, table: Array) -> Tree:
    """Puts a word embedding table back into a tree that lacks it."""
    return {**params, "embeddings": {**params["embeddings"], "word": table}}
