"""The estimators of a ranking, applied to one model's features."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.probe.estimators import ESTIMATORS
from intertrain_jax.probe.estimators.estimator import Sample
from intertrain_jax.probe.features import Features
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

    Args:
        names: of estimators.
        features: of the model.
        labels: by split.
        num_classes: of the task; 1 for a regression.
        objective: the shape of the model's head.
        head: what the checkpoint came with, for the estimators that need it.
    """
    sample = sample_of(features, labels, num_classes, objective, head)
    values: dict[str, float | None] = {}
    notes = []
    for name in names:
        compute = ESTIMATORS[name].compute
        if compute is None:
            continue
        try:
            value = compute(sample)
            note = None if np.isfinite(value) else "not defined here"
        except ValueError as error:
            note = str(error)
        values[name] = None if note else value
        notes += [f"{name}: {note}"] if note else []
    return values, tuple(notes)


def timed_estimate(*given: Any) -> tuple[dict[str, float | None], tuple[str, ...], float]:
    """Returns what `estimate` does, and the seconds that it took."""
    began = time.monotonic()
    values, notes = estimate(*given)
    return values, notes, time.monotonic() - began


def sample_of(
    features: Features,
    labels: Mapping[str, NDArray[np.float32]],
    num_classes: int,
    objective: Classification,
    head: Any,
) -> Sample:
    """Returns what estimators may look at; see `estimate`."""
    train_NxD = features.by_split["train"]

    @cache
    def source_logits() -> np.ndarray:
        return np.asarray(objective.head_outputs(head, train_NxD.astype(np.float32), None))

    known = {k: v if num_classes == 1 else v.astype(np.int64) for k, v in labels.items()}
    several = head is not None and head["out"]["bias"].shape[-1] >= 2
    return Sample(
        train_NxD,
        known["train"],
        features.by_split["test"],
        known["test"],
        num_classes,
        source_logits if several else None,
    )
