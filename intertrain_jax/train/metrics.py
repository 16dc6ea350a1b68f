"""Scores of a run's predictions on a split."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = Any  # a JAX array, or a NumPy array that JAX takes for one

# Most right answers of a run without a validation, and of one whose outputs were no numbers.
UNSCORED, UNDEFINED = -2, -1


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


def tally_of(logits: Array, labels: Array, used: Array, num_classes: Array) -> Array:
    """Returns int32 [3]: right answers, examples without an answer, and examples without a number.

    What `score_predictions` and `answered` find, counted where the outputs are.

    Args:
        logits: outputs [..., C]; columns beyond the task's classes are ignored.
        labels: class ids [...].
        used: which are of examples [...].
        num_classes: C of the task.
    """
    real_C = jnp.arange(logits.shape[-1]) < num_classes
    undefined = jnp.any(jnp.isnan(logits) & real_C, axis=-1)
    given = jnp.any((logits > -jnp.inf) & real_C, axis=-1)
    answers = jnp.argmax(jnp.where(real_C, logits, -jnp.inf), axis=-1)
    right = given & (answers == labels.astype(answers.dtype))
    return jnp.stack([jnp.sum(x & used, dtype=jnp.int32) for x in (right, ~given, undefined)])


def right_answers(tally: Array) -> Array:
    """Returns what decides which of two validations is better: right answers, or `UNDEFINED`."""
    return jnp.where(tally[2] > 0, UNDEFINED, tally[0])


def score_of_tally(tally: NDArray[np.int32], examples: int) -> float:
    """Returns the accuracy that `score_predictions` gives, from counts over all examples."""
    return float("nan") if tally[2] else int(tally[0]) / examples


def most_right(best: float | None, examples: int) -> int:
    """Returns the right answers of the best validation so far, from its score (see `Progress`)."""
    if best is None:
        return UNSCORED
    return UNDEFINED if best == float("-inf") else round(best * examples)
