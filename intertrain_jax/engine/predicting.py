"""Answers of one trained classifier on texts: the forward pass of evaluation, without lanes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.encoded import EncodedSplit, EncodedTask
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.environment import lane_mesh, prepare_process
from intertrain_jax.models.fits import check_words
from intertrain_jax.models.heads import classes_of
from intertrain_jax.models.hf.weights import Checkpoint, load_checkpoint
from intertrain_jax.models.labels import class_names
from intertrain_jax.train.arena import (
    Chunk,
    build_arena,
    chunked,
    compiler_options,
    forward_shapes,
)
from intertrain_jax.train.hyper import blank_hyper
from intertrain_jax.train.objectives import Classification
from intertrain_jax.train.step import BlockKind, Segments, predict

# Dispatches that are under way while another one is being read.
_AHEAD = 2


@dataclass(frozen=True)
class Predictor:
    """A trained classifier, or a regression, on the devices.

    Attributes:
        name: what the user calls it.
        directory: of its files, the tokenizer among them.
        labels: names of its classes in the order of its outputs; None for a regression.
        max_length: the most tokens that it reads; None where any length can be computed.
        objective: what computes.
        params: its arrays, on the devices.
        mesh: these.
    """

    name: str
    directory: Path
    labels: tuple[str, ...] | None
    max_length: int | None
    objective: Classification
    params: Any
    mesh: Mesh

    def outputs(self, texts: EncodedSplit) -> NDArray[np.float32]:
        """Returns the head's outputs [N, C] in the order of the texts, in float32.

        Args:
            texts: tokenised with the model's own tokenizer.

        Raises:
            IntertrainError: a token is none of the model's words.
        """
        classes = self.objective.num_outputs
        if not len(texts):
            return np.zeros((0, classes), np.float32)
        check_words(self.objective.config, self.name, int(np.max(texts.tokens, initial=0)))
        key, everywhere = ("", "texts"), NamedSharding(self.mesh, PartitionSpec())
        arena = build_arena({key: _only(texts)}, everywhere)
        view = arena.views[key, "test"]
        by_row = NamedSharding(self.mesh, PartitionSpec(None, self.mesh.axis_names[0]))
        programs: dict[BlockShape, Any] = {}
        found_NxC = np.empty((len(texts), classes), np.float32)
        pending: list[tuple[Chunk, Any]] = []
        for chunk in chunked(view, forward_shapes(view.lengths, self.mesh)):
            if chunk.shape not in programs:
                kind = BlockKind(self.objective, chunk.shape.length, jnp.float32)
                programs[chunk.shape] = jax.jit(
                    partial(_blocks, kind=kind), compiler_options=compiler_options(self.mesh)
                )
            segments = jax.device_put(chunk.segments, by_row)
            sent = programs[chunk.shape](self.params, arena.tokens, segments, np.int32(chunk.count))
            pending.append((chunk, sent))
            if len(pending) > _AHEAD:
                _collect(found_NxC, *pending.pop(0))
        for chunk, sent in pending:
            _collect(found_NxC, chunk, sent)
        return found_NxC


def load_predictor(reference: str, revision: str | None = None) -> Predictor:
    """Loads a model that answers with a classification head.

    Args:
        reference: the model.
        revision: of a hub model.

    Raises:
        IntertrainError: it cannot be loaded, has no head, or answers in another way.
    """
    prepare_process()
    checkpoint = load_checkpoint(reference, revision, texts=False)
    classes = _classes(checkpoint, reference)
    mesh = lane_mesh("auto")
    params = {**checkpoint.params, "head": checkpoint.head}
    labels = class_names(checkpoint.hf_config, classes)
    return Predictor(
        reference,
        checkpoint.directory,
        None if classes == 1 else labels or tuple(f"LABEL_{i}" for i in range(classes)),
        checkpoint.config.max_length,
        Classification(checkpoint.config, classes),
        jax.device_put(params, NamedSharding(mesh, PartitionSpec())),
        mesh,
    )


def _classes(checkpoint: Checkpoint, name: str) -> int:
    """Returns the outputs of a model's head, checked that it has a whole one."""
    config, head = checkpoint.config, checkpoint.head
    if checkpoint.hf_config.get("problem_type") == "multi_label_classification":
        raise IntertrainError(
            f"Model '{name}' must give one label to a text, but its config.json says that it may give"
            " several (multi_label_classification); use transformers for it."
        )
    classes = classes_of(head)
    if not classes or head is None:
        raise IntertrainError(
            f"Model '{name}' must have a classification head to predict labels, but has none (it is of"
            f" family {config.family}). Give a finetuned classifier; one that answers in words is used"
            " by ij.load_model(...).generate."
        )
    wanted = Classification(config, classes).network.head_shapes(config, classes)
    missing = [layer for layer in wanted if layer not in head]
    if missing:
        raise IntertrainError(
            f"Model '{name}' must have a whole classification head, but its file has no layer"
            f" {missing[0]!r} of it. Finetune it first."
        )
    return classes


def _only(texts: EncodedSplit) -> EncodedTask:
    """Returns texts as the test split of a task that has no other."""
    none = EncodedSplit(
        np.zeros(0, texts.tokens.dtype), np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0)
    )
    return EncodedTask("texts", 1, False, "accuracy", (), none, none, texts, "")


def _blocks(params: Any, tokens: Any, segments: Segments, count: Any, kind: BlockKind) -> Any:
    """Returns outputs [T, R, Q, C] of the first `count` blocks."""
    classes = kind.objective.num_outputs
    hyper = replace(blank_hyper(), num_classes=np.int32(classes))

    def one(t: Any, out: Any) -> Any:
        block = jax.tree.map(lambda x: x[t], segments)
        return out.at[t].set(predict(params, hyper, block, tokens, kind))

    blank = jnp.zeros((*segments.lengths_RxQ.shape, classes), jnp.float32)
    return jax.lax.fori_loop(0, count, one, blank)


def _collect(found_NxC: NDArray[np.float32], chunk: Chunk, sent: Any) -> None:
    """Waits for a dispatch and puts its outputs into their rows."""
    examples = chunk.examples[: chunk.count]
    used = examples >= 0
    found_NxC[examples[used]] = np.asarray(sent)[: chunk.count][used]
