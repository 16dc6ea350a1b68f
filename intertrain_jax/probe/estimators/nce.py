"""NCE: how much a checkpoint's own predictions say about the labels."""

from __future__ import annotations

import numpy as np

from intertrain_jax.probe.estimators.arrays import checked, indicators
from intertrain_jax.probe.estimators.estimator import Estimator, Sample


def nce(source_labels_N: np.ndarray, labels_N: np.ndarray, num_classes: int) -> float:
    """Returns the negative conditional entropy (Tran et al. 2019), in nats per example; at most 0.

    Σ_{y,z} P(y, z) log P(y | z) = −H(Y | Z), with Z the source class that the checkpoint's own
    head predicts and P the empirical joint distribution.

    Args:
        source_labels_N: integers that name the predicted source classes.
        labels_N: integers in [0, num_classes).
        num_classes: classes of the task.

    Raises:
        ValueError: the task is a regression, shapes disagree, labels are out of range, or there is
            no example.
    """
    if num_classes == 1:
        raise ValueError("it needs classes, and the task is a regression")
    sources_Nx1, labels_N = checked(np.asarray(source_labels_N)[..., None], labels_N, num_classes)
    joint_CxZ = indicators(labels_N).T @ indicators(sources_Nx1[:, 0])
    given_CxZ = joint_CxZ / joint_CxZ.sum(axis=0)
    seen = joint_CxZ > 0
    return float((joint_CxZ[seen] * np.log(given_CxZ[seen])).sum() / len(labels_N))


def _compute(sample: Sample) -> float:
    sources_N = sample.source_logits_NxZ().argmax(axis=1)
    return nce(sources_N, sample.train_labels, sample.num_classes)


ESTIMATOR = Estimator(
    name="nce",
    title="NCE",
    definition="Negative entropy of the labels given the classes that the checkpoint's head predicts.",
    source="Tran et al. 2019, arXiv 1908.08142",
    units="nats per example",
    compute=_compute,
    regression=False,
    needs_source_head=True,
)
