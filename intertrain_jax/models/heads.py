"""Initial values of classification heads: fresh from a seed, or inherited from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.models.draws import draw_linear
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.labels import match_labels

Head = dict[str, dict[str, NDArray[np.float32]]]


def init_head(config: AnyConfig, num_classes: int, seed: int) -> Head:
    """Returns a fresh head: kernels normal(0, initializer_range), biases zero.

    The numbers depend on the seed and on nothing that is not the run's own: every layer of the head
    has a stream of its own, and the first classes are the same however many there are.

    Args:
        config: the model's shape; its family says which layers there are.
        num_classes: C; 1 for regression.
        seed: the run's seed, at least 0.
    """
    layers = FAMILIES[config.family].network.head_shapes(config, num_classes)
    return {
        name: draw_linear(inputs, outputs, config.initializer_range, seed, f"head/{name}")
        for name, layer in layers.items()
        for inputs, outputs in (layer["kernel"].shape,)
    }


def inherit_head(
    config: AnyConfig,
    num_classes: int,
    seed: int,
    head: Mapping[str, Mapping[str, NDArray[Any]]] | None,
) -> Head:
    """Returns a fresh head in which every array that the checkpoint has in the same shape is kept.

    Args:
        config: the model's shape.
        num_classes: C; 1 for regression.
        seed: the run's seed, for the arrays that are not kept.
        head: what the checkpoint had, if anything.
    """
    inherited = init_head(config, num_classes, seed)
    for layer, arrays in inherited.items():
        for name, fresh in arrays.items():
            kept = None if head is None else head.get(layer, {}).get(name)
            if kept is not None and kept.shape == fresh.shape:
                arrays[name] = np.asarray(kept, np.float32)
    return inherited


def classes_of(head: Mapping[str, Mapping[str, NDArray[Any]]] | None) -> int:
    """Returns how many classes a head has; 0 where there is none, or one over words."""
    bias = None if head is None else head["out"].get("bias")
    return 0 if bias is None else int(bias.shape[-1])


def arranged_head(
    head: Mapping[str, Mapping[str, NDArray[Any]]] | None,
    names: Sequence[str] | None,
    labels: Sequence[str],
) -> tuple[Any, tuple[str, ...]]:
    """Returns a head with its rows in a task's order, and what there is to say of it.

    Args:
        head: of a checkpoint or of a source model, if it has one.
        names: of its classes, as its config.json or its task has them; None where nobody named them.
        labels: of the task, in its order; fewer than two for a regression, of which nothing is said.
    """
    rows = classes_of(head)
    if head is None or not rows or len(labels) < 2:
        return head, ()
    if rows != len(labels):
        return head, (
            f"its head has {rows} classes, and the task {len(labels)}: its output is fresh",
        )
    match = match_labels(names, labels)
    order = list(match.order)
    out = {"kernel": head["out"]["kernel"][:, order], "bias": head["out"]["bias"][order]}
    return {**head, "out": out}, () if match.note is None else (match.note,)
