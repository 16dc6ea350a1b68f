"""The H-score against its definition written out the long way."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.probe.estimators.hscore import h_score
from tests.probe.estimators.cases import CASES, TOLERANCE, cases, random_case


def h_score_by_definition(features: np.ndarray, labels: np.ndarray) -> float:
    """The trace of explicit matrices; the shrinkage is Ledoit and Wolf's Lemma 3.2 to 3.5."""
    n, d = features.shape
    if n == 1:
        return 0.0
    centred = features - features.mean(axis=0)
    covariance = centred.T @ centred / n
    mean = np.trace(covariance) / d
    squared_distance = np.linalg.norm(covariance - mean * np.eye(d)) ** 2 / d
    errors = [np.linalg.norm(np.outer(row, row) - covariance) ** 2 / d for row in centred]
    squared_error = min(np.sum(errors) / n**2, squared_distance)
    shrinkage = squared_error / squared_distance if squared_distance > 1e-20 else 0.0
    shrunk = (1 - shrinkage) * covariance + shrinkage * mean * np.eye(d)
    means = np.array([features[labels == label].mean(axis=0) for label in labels])
    between = np.atleast_2d(np.cov(means, rowvar=False))
    if np.ptp(features, axis=0).max() == 0:
        return 0.0
    inverse = np.linalg.pinv(shrunk, rcond=1e-12, hermitian=True)
    return float(np.trace(inverse @ ((1 - shrinkage) * between)))


@cases
def test_h_score_is_the_trace_by_definition(case: str) -> None:
    features, labels = CASES[case]()
    expected = h_score_by_definition(features, labels)
    assert h_score(features, labels, 25) == pytest.approx(expected, abs=TOLERANCE)


def test_h_score_shrinks_as_scikit_learn() -> None:
    covariance = pytest.importorskip("sklearn.covariance", reason="compares with scikit-learn")
    for n, d in ((200, 5), (20, 40)):
        features, labels = random_case(n, d, 4, n)
        shrunk, shrinkage = covariance.ledoit_wolf(features)
        means = np.array([features[labels == label].mean(axis=0) for label in labels])
        between = np.cov(means, rowvar=False)
        expected = (1 - shrinkage) * np.trace(np.linalg.solve(shrunk, between))
        assert h_score(features, labels, 4) == pytest.approx(expected, abs=1e-9)


def test_h_score_of_one_class_or_constant_features_is_zero() -> None:
    features, labels = random_case(20, 4, 2, 30)
    assert h_score(features, np.ones(20, int), 2) == pytest.approx(0.0, abs=1e-12)
    assert h_score(np.full((20, 4), 0.1), labels, 2) == 0.0
    assert h_score(features[:1], labels[:1], 2) == 0.0


def test_h_score_of_one_feature_is_not_shrunk() -> None:
    for seed in range(20):
        features, labels = random_case(11, 1, 2, seed)
        means = np.array([features[labels == label].mean() for label in labels])
        expected = means.var(ddof=1) / features.var()
        assert h_score(features, labels, 2) == pytest.approx(expected)
