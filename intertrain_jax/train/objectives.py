"""What a run optimises and how it decides: by a classification head, or text to text.

An objective is static: lanes that share a program share it. What differs between the runs of a grid
(classes, label texts) is in their hyperparameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from intertrain_jax.models.block import TokenBlock, word_embeddings
from intertrain_jax.models.families.family import AnyConfig, Network, TextNetwork
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.heads import inherit_head, init_head
from intertrain_jax.models.layers import Dropout, mix_bits
from intertrain_jax.train.optim import Hyper

Array = Any  # a JAX array, or a NumPy array that JAX takes for one
Tree = Any

_MASKED_LOGIT = -1e9
# Keys of a text's tokens begin here, far from those of its input's tokens.
_TEXT_POSITION = 0x40000000


@dataclass(frozen=True)
class Classification:
    """A classification head: cross entropy, or squared error for a regression.

    On what the family's network gives a head to read of every segment.

    Attributes:
        config: the model's shape.
        num_outputs: C, outputs of the head: the most classes of any task.
    """

    config: AnyConfig
    num_outputs: int

    @property
    def network(self) -> Network:
        """What computes."""
        return FAMILIES[self.config.family].network

    # Whether the word embedding is also what gives the output, so that its gradient is dense.
    table_is_output = False
    # [C, T] of the label texts that every lane has.
    answers_shape = None

    def parameter_shapes(self) -> Tree:
        """Returns the tree of `jax.ShapeDtypeStruct`s of a lane's parameters."""
        return self.saved_shapes(self.num_outputs)

    def saved_shapes(self, num_classes: int) -> Tree:
        """Returns the tree of what is saved of a source run of a task."""
        return self.network.shapes(self.config, num_classes)

    def start_head(
        self, num_classes: int, seed: int, inherit: bool, body: Tree, old: Tree | None
    ) -> dict[str, Tree]:
        """Returns {"head": initial head}, widened with zeros to the outputs of a lane.

        Args:
            num_classes: of the task; 1 for a regression.
            seed: the run's seed.
            inherit: keep what the base model's head has in the same shape.
            body: the base model's other parameters.
            old: the base model's head, if it has one.
        """
        if inherit:
            head: Tree = inherit_head(self.config, num_classes, seed, old)
        else:
            head = init_head(self.config, num_classes, seed)
        extra = self.num_outputs - num_classes
        out = {
            "kernel": np.pad(head["out"]["kernel"], ((0, 0), (0, extra))),
            "bias": np.pad(head["out"]["bias"], (0, extra)),
        }
        return {"head": {**head, "out": out}}

    def saved_params(self, params: Tree, num_classes: int) -> Tree:
        """Returns a lane's parameters with the head narrowed to the outputs that its task has."""
        out = params["head"]["out"]
        cut = {
            "kernel": out["kernel"][:, :num_classes].copy(),
            "bias": out["bias"][:num_classes].copy(),
        }
        return {**params, "head": {**params["head"], "out": cut}}

    def looked_up(self, block: TokenBlock, labels_RxQ: Array, hyper: Hyper) -> Array:
        """Returns the token ids [R, S] whose embeddings `losses` takes."""
        return block.tokens_RxL

    def losses(
        self,
        params: Tree,
        words_RxSxD: Array,
        block: TokenBlock,
        examples_RxQ: Array,
        labels_RxQ: Array,
        hyper: Hyper,
        dropout: Dropout,
        dtype: Any,
    ) -> Array:
        """Returns cross entropy over the run's own classes, or squared error, per example [R, Q].

        Args:
            params: a lane's parameters.
            words_RxSxD: embeddings of `looked_up`.
            block: tokens and segments.
            examples_RxQ: index of every segment's example, for dropout.
            labels_RxQ: class ids or regression targets, float32.
            hyper: the run's hyperparameters.
            dropout: keys of the block's tokens, and rates.
            dtype: of computation.
        """
        logits_RxQxC = self.network.classify(
            params, words_RxSxD, self.config, block, dropout, dtype
        )
        return example_losses(logits_RxQxC, labels_RxQ, hyper)

    def outputs(self, params: Tree, block: TokenBlock, hyper: Hyper, dtype: Any) -> Array:
        """Returns the head's outputs, float32 [R, Q, C], without dropout."""
        words = word_embeddings(params, block.tokens_RxL)
        return self.network.classify(params, words, self.config, block, None, dtype)

    def features(self, params: Tree, block: TokenBlock, dtype: Any) -> Array:
        """Returns what the head reads of every segment [R, Q, D], without dropout.

        Args:
            params: the body's parameters.
            block: tokens and segments.
            dtype: of computation.
        """
        return self.network.head_features(params, self.config, block, dtype)

    def head_outputs(self, head: Tree, features_BxD: Array, dropout: Dropout | None) -> Array:
        """Returns the head's outputs, float32 [B, C], on features that were computed before.

        Args:
            head: the head's parameters.
            features_BxD: of `features`.
            dropout: keys [B] of the examples' first tokens, and rates; None for none.
        """
        return self.network.head_logits(head, self.config, features_BxD, dropout)


@dataclass(frozen=True)
class TextToText:
    """The label's text, teacher-forced; decided by what is generated, or by the likeliest text.

    Attributes:
        config: the model's shape.
        num_outputs: C, the most classes of any task.
        length: T, tokens of the longest label text with its end token.
        decision: generate a text and compare, or score every label's text.
        own_head: whether the output has weights of its own (v1.1, or what a probe trains).
    """

    config: AnyConfig
    num_outputs: int
    length: int
    decision: Literal["generate", "score"]
    own_head: bool

    @property
    def network(self) -> TextNetwork:
        """What computes."""
        return FAMILIES[self.config.family].texts

    @property
    def table_is_output(self) -> bool:
        """Whether the word embedding is also what gives the output, so that its gradient is dense."""
        return not self.own_head

    @property
    def answers_shape(self) -> tuple[int, int]:
        """[C, T] of the label texts that every lane has."""
        return self.num_outputs, self.length

    def parameter_shapes(self) -> Tree:
        """Returns the tree of `jax.ShapeDtypeStruct`s of a lane's parameters."""
        return self.network.shapes(self.config, self.own_head)

    def saved_shapes(self, num_classes: int) -> Tree:
        """Returns the tree of what is saved of a source run: all of it, whatever the task."""
        return self.parameter_shapes()

    def start_head(
        self, num_classes: int, seed: int, inherit: bool, body: Tree, old: Tree | None
    ) -> dict[str, Tree]:
        """Returns {"head": `lm_head`} where it has weights of its own; nothing in it is random.

        The output of a tied model that gets its own begins as the word embedding.
        """
        if not self.own_head:
            return {}
        return {
            "head": old or {"out": {"kernel": np.ascontiguousarray(body["embeddings"]["word"].T)}}
        }

    def saved_params(self, params: Tree, num_classes: int) -> Tree:
        """Returns a lane's parameters as they are."""
        return params

    def looked_up(self, block: TokenBlock, labels_RxQ: Array, hyper: Hyper) -> Array:
        """Returns the token ids [R, L + Q·T] of the inputs and of the texts before them."""
        inputs = self.network.decoder_inputs(self._texts(labels_RxQ, hyper), self.config)
        flat = inputs.reshape(inputs.shape[0], -1)
        return jnp.concatenate([block.tokens_RxL, flat.astype(block.tokens_RxL.dtype)], axis=1)

    def losses(
        self,
        params: Tree,
        words_RxSxD: Array,
        block: TokenBlock,
        examples_RxQ: Array,
        labels_RxQ: Array,
        hyper: Hyper,
        dropout: Dropout,
        dtype: Any,
    ) -> Array:
        """Returns the mean cross entropy of the tokens of every example's label text [R, Q].

        Args: as in `Classification.losses`.
        """
        rows, length = block.tokens_RxL.shape
        segments = labels_RxQ.shape[1]
        model = self.network.bind(params, self.config)
        encoded = model.encode(words_RxSxD[:, :length], block, dropout, dtype)
        words_RxQxTxD = words_RxSxD[:, length:].reshape(rows, segments, self.length, -1)
        places = jnp.arange(self.length, dtype=jnp.uint32) + jnp.uint32(_TEXT_POSITION)
        keys = mix_bits(mix_bits(examples_RxQ.astype(jnp.uint32))[..., None] + places)
        of_texts = replace(dropout, tokens_RxL=keys.reshape(rows, -1))
        decoded = model.decode(words_RxQxTxD, encoded, block, of_texts)
        log_probs = jax.nn.log_softmax(model.logits(decoded, self.config), axis=-1)
        texts = self._texts(labels_RxQ, hyper)
        return -_picked(log_probs, texts) / jnp.maximum(jnp.sum(texts >= 0, axis=-1), 1)

    def outputs(self, params: Tree, block: TokenBlock, hyper: Hyper, dtype: Any) -> Array:
        """Returns, float32 [R, Q, C], every label text's log probability, or 0 if it was generated.

        Where another text was generated, all outputs are minus infinity.
        """
        encoded = self.network.encode(params, self.config, block, dtype)
        answers_CxT = hyper.answers_CxT
        real = jnp.arange(self.num_outputs) < hyper.num_classes
        if self.decision == "generate":
            texts = self.network.generate(params, self.config, block, encoded, self.length)
            padded = jnp.where(answers_CxT < 0, self.config.pad_token_id, answers_CxT)
            equal = jnp.all(texts[:, :, None] == padded, axis=-1)
            return jnp.where(equal & real, 0.0, -jnp.inf)

        def score(answer_T: Array) -> Array:
            texts = jnp.broadcast_to(answer_T, (*block.starts_RxQ.shape, self.length))
            inputs = self.network.decoder_inputs(texts, self.config)
            logits = self.network.text_logits(params, self.config, block, encoded, inputs)
            return _picked(jax.nn.log_softmax(logits, axis=-1), texts)

        scores_RxQxC = jnp.moveaxis(jax.lax.map(score, answers_CxT), 0, -1)
        return jnp.where(real, scores_RxQxC, _MASKED_LOGIT)

    def _texts(self, labels_RxQ: Array, hyper: Hyper) -> Array:
        """Returns the label texts [R, Q, T], -1 where there is no token."""
        return hyper.answers_CxT[labels_RxQ.astype(jnp.int32)]


Objective = Classification | TextToText


def example_losses(logits_RxQxC: Array, labels_RxQ: Array, hyper: Hyper) -> Array:
    """Returns cross entropy over the run's own classes, or squared error, per example [R, Q]."""
    num_outputs = logits_RxQxC.shape[-1]
    real = jnp.arange(num_outputs) < hyper.num_classes
    log_probs = jax.nn.log_softmax(jnp.where(real, logits_RxQxC, _MASKED_LOGIT), axis=-1)
    picked = jax.nn.one_hot(labels_RxQ.astype(jnp.int32), num_outputs, dtype=log_probs.dtype)
    entropy = -jnp.sum(jnp.where(picked > 0, log_probs, 0.0), axis=-1)
    return jnp.where(hyper.regression, jnp.square(logits_RxQxC[..., 0] - labels_RxQ), entropy)


def _picked(log_probs_RxQxTxV: Array, texts_RxQxT: Array) -> Array:
    """Returns the log probability of whole texts [R, Q]."""
    picked = jnp.take_along_axis(
        log_probs_RxQxTxV, jnp.maximum(texts_RxQxT, 0)[..., None], axis=-1
    )[..., 0]
    return jnp.sum(jnp.where(texts_RxQxT >= 0, picked, 0.0), axis=-1)
