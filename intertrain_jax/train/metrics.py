"""Scores of a run's predictions on a split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats


def score_predictions(
    logits_NxC: NDArray[np.float32], labels_N: NDArray[np.float32], num_classes: int, metric: str
) -> float:
    """Returns a split's score as a fraction: accuracy, or Spearman's ρ of the first output.

    Args:
        logits_NxC: outputs; columns beyond the task's classes are ignored. All minus infinity is
            no answer, which is wrong.
        labels_N: class ids, or regression targets.
        num_classes: C of the task.
        metric: "accuracy" or "spearman".

    Returns:
        The score; NaN where Spearman's ρ is undefined (constant predictions) or an output is NaN.

    Raises:
        ValueError: for a metric of another name.
    """
    if metric == "accuracy":
        if np.isnan(logits_NxC[:, :num_classes]).any():
            return float("nan")
        right = np.argmax(logits_NxC[:, :num_classes], axis=1) == labels_N
        return float(np.mean(right & answered(logits_NxC, num_classes)))
    if metric == "spearman":
        outputs = logits_NxC[:, 0]
        if np.isnan(outputs).any() or np.ptp(outputs) == 0 or np.ptp(labels_N) == 0:
            return float("nan")
        return float(stats.spearmanr(outputs, labels_N).statistic)
    raise ValueError(f"unknown metric {metric!r}: use 'accuracy' or 'spearman'")


def answered(logits_NxC: NDArray[np.float32], num_classes: int) -> NDArray[np.bool_]:
    """Returns [N] whether there is an answer: any output that is not minus infinity."""
    found: NDArray[np.bool_] = np.any(logits_NxC[:, :num_classes] > -np.inf, axis=1)
    return found
