"""Initial values of classification heads: fresh from a seed, or inherited from a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.base import stream

if TYPE_CHECKING:
    from intertrain_jax.models.zoo import AnyConfig

Head = dict[str, dict[str, NDArray[np.float32]]]


def init_head(config: AnyConfig, num_classes: int, seed: int) -> Head:
    """Returns a fresh head: kernels normal(0, initializer_range), biases zero.

    The numbers depend on the seed and on nothing that is not the run's own. Every class draws from
    where the class before it stopped, so the first classes are the same however many there are.

    Args:
        config: the encoder; RoBERTa's head has a dense layer before its output.
        num_classes: C; 1 for regression.
        seed: the run's seed, at least 0.
    """
    width = config.hidden_size
    head = {"out": _linear(config, width, num_classes, seed, "head/out")}
    if config.family == "roberta":
        head["dense"] = _linear(config, width, width, seed, "head/dense")
    return head


def inherit_head(
    config: AnyConfig,
    num_classes: int,
    seed: int,
    head: Mapping[str, Mapping[str, NDArray[Any]]] | None,
) -> Head:
    """Returns a fresh head in which every array that the checkpoint has in the same shape is kept.

    Args:
        config: the encoder.
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


def init_pooler(config: AnyConfig) -> dict[str, NDArray[np.float32]]:
    """Returns BERT's pooler for checkpoints that lack it: always the same, as part of the base."""
    return _linear(config, config.hidden_size, config.hidden_size, 0, "pooler")


def _linear(
    config: AnyConfig, inputs: int, outputs: int, seed: int, name: str
) -> dict[str, NDArray[np.float32]]:
    kernel_CxD = stream(seed, name).standard_normal((outputs, inputs)) * config.initializer_range
    return {
        "kernel": np.ascontiguousarray(kernel_CxD.T, np.float32),
        "bias": np.zeros(outputs, np.float32),
    }
