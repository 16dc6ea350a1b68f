"""The estimators of a ranking, applied to one model's features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from intertrain_jax.probe.estimators import h_score, leep, log_maximum_evidence, nce
from intertrain_jax.probe.features import Features
from intertrain_jax.probe.neighbours import nearest_neighbours
from intertrain_jax.train.objectives import Classification


def estimate(
    names: Sequence[str],
    features: Features,
    labels: Mapping[str, NDArray[np.float32]],
    num_classes: int,
    objective: Classification,
    head: Any,
) -> tuple[dict[str, float | None], tuple[str, ...]]:
    """Returns the value of every named estimator but "lp", and notes on those without a value.

    LogME, H-score, LEEP and NCE judge the train split; k-nearest-neighbour is the test score of
    neighbours from the train split.

    Args:
        names: of estimators.
        features: of the model.
        labels: by split.
        num_classes: of the task; 1 for a regression.
        objective: the shape of the model's head.
        head: what the checkpoint came with, for LEEP and NCE.
    """
    train, train_labels = features.by_split["train"], labels["train"]
    regression = num_classes == 1
    known = train_labels if regression else train_labels.astype(np.int64)
    test_labels = labels["test"] if regression else labels["test"].astype(np.int64)
    values: dict[str, float | None] = {}
    notes = []
    for name in names:
        if name == "lp":
            continue
        try:
            if name in ("leep", "nce"):
                values[name] = _from_head(name, train, known, num_classes, objective, head)
            elif name == "knn":
                values[name] = nearest_neighbours(
                    train, known, features.by_split["test"], test_labels, num_classes
                )
            else:
                value_of = {"logme": log_maximum_evidence, "hscore": h_score}[name]
                values[name] = value_of(train, known, num_classes)
        except ValueError as error:
            values[name] = None
            notes.append(f"{name}: {error}")
        value = values[name]
        if value is not None and not np.isfinite(value):
            values[name] = None
            notes.append(f"{name}: not defined here")
    return values, tuple(notes)


def _from_head(
    name: str,
    train_NxD: NDArray[Any],
    labels_N: NDArray[Any],
    num_classes: int,
    objective: Classification,
    head: Any,
) -> float:
    """Computes an estimator from what the checkpoint's own head says."""
    if head is None or head["out"]["bias"].shape[-1] < 2:
        raise ValueError("the checkpoint has no head of its own that tells classes apart")
    logits_NxZ = np.asarray(objective.head_outputs(head, train_NxD.astype(np.float32), None))
    if name == "nce":
        return nce(logits_NxZ.argmax(axis=1), labels_N, num_classes)
    return leep(np.asarray(jax.nn.softmax(logits_NxZ, axis=-1)), labels_N, num_classes)
