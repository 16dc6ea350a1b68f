"""Initial values of classification heads: fresh from a seed, or inherited from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.models.draws import draw_linear
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import FAMILIES

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
