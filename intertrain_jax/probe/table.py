"""The features of a group of models, on the device as far as they fit, and batches of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from intertrain_jax.data.batches import Batch
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.probe.features import Features

Array = Any
Tree = Any

# Most optimiser steps of one dispatch.
STEPS = 64
# A group's features above this many bytes are not kept on the device but shipped batch by batch.
RESIDENT_BYTES = 4 << 30
# Rows of one dispatch of an evaluation of features that are not kept on the device.
ROWS = 16384


@dataclass(frozen=True)
class Probed:
    """A base model whose features are at hand.

    Attributes:
        config: of the model, for its head's initial values and its dropout rate.
        head: what its file had, if anything.
        features: of the task.
    """

    config: AnyConfig
    head: Tree | None
    features: Features


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class HeadSteps:
    """Up to `STEPS` batches of every seed.

    Attributes:
        rows_TxSxB: rows of the feature table.
        examples_TxSxB: indices into the training split, which dropout hashes.
        labels_TxSxB: float32.
        used_TxSxB: whether a slot holds an example.
        count: batches in use.
    """

    rows_TxSxB: Array
    examples_TxSxB: Array
    labels_TxSxB: Array
    used_TxSxB: Array
    count: Array

    @classmethod
    def blank(cls, seeds: int, batch_size: int) -> HeadSteps:
        """Returns no batches."""
        shape = (STEPS, seeds, batch_size)
        rows, examples = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        return cls(
            rows, examples, np.zeros(shape, np.float32), np.zeros(shape, np.bool_), np.int32(0)
        )


def fits(size: int, group: int) -> bool:
    """Whether the features of a group stay on the device, `size` bytes for each model."""
    return size * group <= RESIDENT_BYTES


class FeatureTable:
    """The features of a group, on the device as far as they fit.

    Args:
        models: up to G.
        group: G.
        sharding: divides models among devices.
    """

    def __init__(self, models: Sequence[Probed], group: int, sharding: Any) -> None:
        self._models, self._group, self._sharding = models, group, sharding
        self.sizes = {split: len(x) for split, x in models[0].features.by_split.items()}
        self._resident: dict[str, Any] = {}
        if fits(sum(x.nbytes for x in models[0].features.by_split.values()), group):
            self._resident = {split: self._put(split, slice(None)) for split in self.sizes}

    def _put(self, split: str, rows: Any) -> Any:
        """Uploads some rows [G, N, D] of a split; idle places are zero."""
        parts = [model.features.by_split[split][rows] for model in self._models]
        table = np.zeros((self._group, *parts[0].shape), parts[0].dtype)
        for place, part in enumerate(parts):
            table[place] = part
        return jax.device_put(table, self._sharding)

    def parts(self, split: str) -> list[Any]:
        """Returns a split's features [G, N, D], in parts of `ROWS` rows where they are not resident."""
        if split in self._resident:
            return [self._resident[split]]
        size = self.sizes[split]
        # The last part is filled up with its own last row, so that there is one program.
        wanted = [np.arange(first, first + ROWS) for first in range(0, size, ROWS)]
        return [self._put(split, np.minimum(rows, size - 1)) for rows in wanted]

    def steps(
        self, batches: Sequence[Sequence[Batch]], labels_N: NDArray[np.float32], batch_size: int
    ) -> tuple[HeadSteps, Any]:
        """Returns batches [T][S] as arrays, and the table that their rows refer to."""
        shape = (STEPS, len(batches[0]), batch_size)
        examples, used = np.zeros(shape, np.int32), np.zeros(shape, np.bool_)
        for t, of_seeds in enumerate(batches):
            for s, batch in enumerate(of_seeds):
                examples[t, s, : len(batch.examples)] = batch.examples
                used[t, s, : len(batch.examples)] = True
        rows, table = examples, self._resident.get("train")
        if table is None:
            table = self._put("train", examples.reshape(-1))
            rows = np.arange(examples.size, dtype=np.int32).reshape(shape)
        steps = HeadSteps(rows, examples, labels_N[examples], used, np.int32(len(batches)))
        return steps, table
