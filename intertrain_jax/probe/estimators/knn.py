"""The k-nearest-neighbour estimator: how often the nearest examples have the right label."""

from __future__ import annotations

from typing import Literal

import numpy as np

from intertrain_jax.probe.estimators.arrays import checked
from intertrain_jax.probe.estimators.estimator import Estimator

Metric = Literal["cosine", "euclidean"]

# Similarities are compared in steps of 2⁻⁴⁰ of their range: well above the rounding of a dot
# product, so that equal examples tie whatever order their products were summed in.
_STEPS = 2.0**40
# Similarities in memory at once.
_BLOCK = 2**21


def nearest_neighbours(
    train_NxD: np.ndarray,
    train_labels_N: np.ndarray,
    eval_MxD: np.ndarray | None,
    eval_labels_M: np.ndarray | None,
    num_classes: int,
    k: int = 5,
    metric: Metric = "cosine",
) -> float:
    """Returns the score of k-nearest-neighbour prediction (Cover and Hart 1967), in percent.

    Classification: the accuracy of the majority among the k nearest training examples; of classes
    with equally many votes, the one with the nearest neighbour wins. Regression: Spearman's ρ
    (times 100) of their mean target with the true one, NaN where either is constant.

    Args:
        train_NxD, train_labels_N: examples to find neighbours among; labels are integers in
            [0, num_classes), or numbers where `num_classes` is 1.
        eval_MxD, eval_labels_M: examples to predict; None for both leaves each training example
            out in turn.
        num_classes: classes of the task; 1 is regression.
        k: neighbours, or all examples where there are fewer.
        metric: see `neighbour_indices`.

    Raises:
        ValueError: shapes disagree, a value is not finite or out of range, only one of
            `eval_MxD` and `eval_labels_M` is None, or there is no neighbour.
    """
    if (eval_MxD is None) != (eval_labels_M is None):
        raise ValueError("features and labels to evaluate on must both be given, or neither")
    train_NxD, train_labels_N = checked(train_NxD, train_labels_N, num_classes)
    if eval_MxD is None or eval_labels_M is None:
        eval_labels_M = train_labels_N
    else:
        eval_MxD, eval_labels_M = checked(eval_MxD, eval_labels_M, num_classes)
    labels_MxK = train_labels_N[neighbour_indices(train_NxD, eval_MxD, k, metric)]
    if num_classes == 1:
        predicted_M = labels_MxK.mean(axis=1)
        if np.ptp(predicted_M) == 0 or np.ptp(eval_labels_M) == 0:
            return float("nan")
        from scipy import stats  # takes as long as all else that names and help of estimators need

        return 100.0 * float(stats.spearmanr(predicted_M, eval_labels_M).statistic)
    predicted_M = _majority(labels_MxK, num_classes)
    return 100.0 * float((predicted_M == eval_labels_M).mean())


def neighbour_indices(
    train_NxD: np.ndarray, eval_MxD: np.ndarray | None, k: int, metric: Metric
) -> np.ndarray:
    """Returns [M, min(k, candidates)] indices of training examples, the nearest first.

    Equally near examples come in the order of their indices; equal means within about 1e-12 of
    the range of similarities. Memory does not grow with M · N.

    Args:
        train_NxD: float64 candidates.
        eval_MxD: float64 examples whose neighbours are asked for, or None for those of each
            training example among the others.
        k: neighbours, at least one.
        metric: "cosine" (a zero vector has similarity 0 with everything) or "euclidean".

    Raises:
        ValueError: widths disagree, k is below one, the metric is unknown, or there is no
            candidate.
    """
    others = len(train_NxD) - (eval_MxD is None)
    if k < 1 or others < 1:
        raise ValueError(f"k must be ≥ 1 with an example to choose, got k={k} of {others} examples")
    queries_MxD = train_NxD if eval_MxD is None else eval_MxD
    if queries_MxD.shape[1] != train_NxD.shape[1]:
        raise ValueError(f"train has {train_NxD.shape[1]} features and eval {queries_MxD.shape[1]}")
    if metric == "cosine":
        train_NxD, queries_MxD = _unit_rows(train_NxD), _unit_rows(queries_MxD)
        penalty_N = np.zeros(len(train_NxD))
    elif metric == "euclidean":
        # Distances do not depend on the origin and their order not on the scale; rounding does.
        centre_D = train_NxD.mean(axis=0)
        train_NxD, queries_MxD = train_NxD - centre_D, queries_MxD - centre_D
        longest = max(_norms(train_NxD).max(), _norms(queries_MxD).max()) or 1.0
        train_NxD, queries_MxD = train_NxD / longest, queries_MxD / longest
        penalty_N = 0.5 * _norms(train_NxD) ** 2
    else:
        raise ValueError(f"unknown metric {metric!r}: use 'cosine' or 'euclidean'")

    n, k = len(train_NxD), min(k, others)
    found_MxK = np.empty((len(queries_MxD), k), dtype=np.int64)
    rows = max(1, _BLOCK // n)
    for start in range(0, len(queries_MxD), rows):
        block_BxD = queries_MxD[start : start + rows]
        similarity_BxN = block_BxD @ train_NxD.T - penalty_N
        # One integer per candidate, larger where it is nearer and then where its index is lower:
        # no two are equal, so that the choice of k does not depend on how they are selected.
        key_BxN = np.rint(similarity_BxN * _STEPS).astype(np.int64) * n - np.arange(n)
        if eval_MxD is None:
            own_B = np.arange(len(block_BxD))
            key_BxN[own_B, start + own_B] = np.iinfo(np.int64).min
        near_BxK = np.argpartition(key_BxN, n - k, axis=1)[:, n - k :]
        order_BxK = np.argsort(-np.take_along_axis(key_BxN, near_BxK, 1), axis=1)
        found_MxK[start : start + rows] = np.take_along_axis(near_BxK, order_BxK, 1)
    return found_MxK


def _majority(labels_MxK: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns [M] the most frequent label of each row, of several the first in the row."""
    m = len(labels_MxK)
    cells_MxK = np.arange(m)[:, None] * num_classes + labels_MxK
    votes_MC = np.bincount(cells_MxK.ravel(), minlength=m * num_classes)
    winner_M = votes_MC[cells_MxK].argmax(axis=1)
    return np.asarray(labels_MxK[np.arange(m), winner_M])


def _norms(rows_NxD: np.ndarray) -> np.ndarray:
    """Returns [N] lengths."""
    return np.asarray(np.sqrt(np.einsum("nd,nd->n", rows_NxD, rows_NxD)))


def _unit_rows(rows_NxD: np.ndarray) -> np.ndarray:
    """Returns rows scaled to length one, zero rows as they are."""
    norms_N = _norms(rows_NxD)
    return np.asarray(rows_NxD / np.where(norms_N > 0, norms_N, 1.0)[:, None])


ESTIMATOR = Estimator(
    name="knn",
    title="k nearest neighbours",
    definition="Test score of the majority, or the mean, of the five nearest training examples.",
    source="Cover and Hart 1967, doi 10.1109/TIT.1967.1053964",
    units="percent",
    compute=lambda s: nearest_neighbours(
        s.train_NxD, s.train_labels, s.test_MxD, s.test_labels, s.num_classes
    ),
)
