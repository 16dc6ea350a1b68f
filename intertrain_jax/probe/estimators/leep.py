"""LEEP: how well a checkpoint's own class probabilities foretell the labels."""

from __future__ import annotations

import numpy as np

from intertrain_jax.probe.estimators.arrays import checked, indicators
from intertrain_jax.probe.estimators.estimator import Estimator, Sample


def leep(source_probs_NxZ: np.ndarray, labels_N: np.ndarray, num_classes: int) -> float:
    """Returns LEEP (Nguyen et al. 2020), in nats per example; at most 0.

    mean over n of log Σ_z P(y_n | z) θ(x_n)_z, with θ the probabilities that the checkpoint's own
    head gives its source classes, and P(y | z) = P(y, z) / P(z) their empirical joint
    distribution with the labels, P(y, z) = mean over n of θ(x_n)_z [y_n = y].

    Args:
        source_probs_NxZ: θ, each row summing to 1.
        labels_N: integers in [0, num_classes).
        num_classes: classes of the task.

    Raises:
        ValueError: the task is a regression, shapes disagree, labels are out of range, there is no
            example, or a row holds no probabilities.
    """
    if num_classes == 1:
        raise ValueError("it needs classes, and the task is a regression")
    probs_NxZ, labels_N = checked(source_probs_NxZ, labels_N, num_classes)
    # Probabilities in half precision sum to one only so far.
    if (probs_NxZ < 0).any() or (abs(probs_NxZ.sum(axis=1) - 1.0) > 1e-2).any():
        raise ValueError("every row of source probabilities must be ≥ 0 and sum to 1")
    probs_NxZ = probs_NxZ / probs_NxZ.sum(axis=1, keepdims=True)
    used_NxZ = probs_NxZ[:, probs_NxZ.any(axis=0)]
    joint_CxZ = indicators(labels_N).T @ used_NxZ
    given_CxZ = joint_CxZ / joint_CxZ.sum(axis=0)
    row_N = np.unique(labels_N, return_inverse=True)[1]
    return float(np.log((given_CxZ[row_N] * used_NxZ).sum(axis=1)).mean())


def _compute(sample: Sample) -> float:
    logits_NxZ = sample.source_logits_NxZ().astype(np.float64)
    weights_NxZ = np.exp(logits_NxZ - logits_NxZ.max(axis=1, keepdims=True))
    probs_NxZ = weights_NxZ / weights_NxZ.sum(axis=1, keepdims=True)
    return leep(probs_NxZ, sample.train_labels, sample.num_classes)


ESTIMATOR = Estimator(
    name="leep",
    title="LEEP",
    definition="Mean log likelihood of the labels given the probabilities of the checkpoint's own head.",
    source="Nguyen et al. 2020, arXiv 2002.12462",
    units="nats per example",
    compute=_compute,
    regression=False,
    needs_source_head=True,
)
