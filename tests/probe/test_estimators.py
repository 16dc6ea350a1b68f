"""Tests of the estimators, each against its definition written out the long way."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import optimize, stats

from intertrain_jax.probe.estimators import (
    ESTIMATORS,
    h_score,
    leep,
    log_maximum_evidence,
    nce,
)

TOLERANCE = 1e-5


def random_case(n: int, d: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features that say something about the labels; every class has an example where n allows."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % classes)
    features = rng.normal(size=(n, d)) * rng.uniform(0.1, 3.0, d) + rng.normal(size=d)
    return features + rng.normal(size=(classes, d))[labels], labels


def missing_class() -> tuple[np.ndarray, np.ndarray]:
    features, labels = random_case(40, 6, 3, 7)
    return features, np.where(labels == 1, 2, labels)


def constant_features() -> tuple[np.ndarray, np.ndarray]:
    return np.full((30, 5), 0.1), np.arange(30) % 3


def one_constant_feature() -> tuple[np.ndarray, np.ndarray]:
    features, labels = random_case(40, 5, 3, 8)
    features[:, 2] = 0.1
    return features, labels


def repeated_features() -> tuple[np.ndarray, np.ndarray]:
    features, labels = random_case(40, 3, 3, 9)
    return np.hstack([features, features, features @ np.ones((3, 2))]), labels


CASES: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
    "more examples than features": lambda: random_case(60, 7, 3, 0),
    "more features than examples": lambda: random_case(12, 30, 3, 1),
    "as many": lambda: random_case(15, 15, 3, 2),
    "one feature": lambda: random_case(25, 1, 3, 3),
    "two examples": lambda: random_case(2, 4, 2, 4),
    "many classes": lambda: random_case(30, 8, 9, 5),
    "noise": lambda: (np.random.default_rng(6).normal(size=(40, 5)), np.arange(40) % 3),
    "one class missing": missing_class,
    "constant features": constant_features,
    "zero features": lambda: (np.zeros((9, 4)), np.arange(9) % 3),
    "one constant feature": one_constant_feature,
    "repeated features": repeated_features,
    "one class": lambda: (random_case(20, 4, 3, 10)[0], np.zeros(20, int)),
    "one example": lambda: (np.array([[1.0, -2.0, 0.5]]), np.array([1])),
}
cases = pytest.mark.parametrize("case", CASES)


def evidence_by_definition(features: np.ndarray, target: np.ndarray) -> float:
    """The highest density of the target under Normal(0, F Fᵀ/α + I/β), by a general optimiser."""
    n = len(target)
    kernel = features @ features.T
    scale = float(np.trace(kernel)) / n or 1.0
    least = math.log(1e-9 * float((target**2).mean()))

    def loss(logs: np.ndarray) -> float:
        weights, noise = np.exp(logs)
        covariance = weights * kernel / scale + noise * np.eye(n)
        try:
            lower = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:  # a step to where rounding is larger than the noise
            return 1e9
        whitened = np.linalg.solve(lower, target)
        return float(
            np.log(np.diag(lower)).sum() + 0.5 * whitened @ whitened + n / 2 * math.log(2 * math.pi)
        )

    bounds = [(least - 5.0, 12.0), (least, 5.0)]
    found = [
        optimize.minimize(loss, np.array([a, b]), method="L-BFGS-B", bounds=bounds).fun
        for a in np.linspace(-15.0, 5.0, 5)
        for b in (-6.0, -2.0, 1.0)
    ]
    return -min(found) / n


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
def test_logme_is_the_highest_evidence(case: str) -> None:
    features, labels = CASES[case]()
    expected = np.mean(
        [evidence_by_definition(features, (labels == c) * 1.0) for c in np.unique(labels)]
    )
    assert log_maximum_evidence(features, labels, 25) == pytest.approx(expected, abs=TOLERANCE)


def test_logme_satisfies_the_fixed_point_of_its_authors() -> None:
    # α = γ/|m|², β = (N − γ)/|F m − y|², with explicit D×D matrices as in You et al. 2021.
    features, labels = random_case(300, 9, 3, 20)
    n, d = features.shape
    values = []
    for c in range(3):
        target = (labels == c) * 1.0
        alpha = beta = 1.0
        for _ in range(500):
            precision = alpha * np.eye(d) + beta * features.T @ features
            m = beta * np.linalg.solve(precision, features.T @ target)
            gamma = d - alpha * np.trace(np.linalg.inv(precision))
            residual = ((features @ m - target) ** 2).sum()
            alpha, beta = gamma / (m @ m), (n - gamma) / residual
        precision = alpha * np.eye(d) + beta * features.T @ features
        values.append(
            d / 2 * math.log(alpha)
            + n / 2 * math.log(beta / (2 * math.pi))
            - beta / 2 * residual
            - alpha / 2 * (m @ m)
            - np.linalg.slogdet(precision)[1] / 2
        )
    assert log_maximum_evidence(features, labels, 3) == pytest.approx(np.mean(values) / n, abs=1e-9)


def test_logme_of_a_regression_has_one_target() -> None:
    rng = np.random.default_rng(21)
    features = rng.normal(size=(50, 6))
    target = features @ rng.normal(size=6) + rng.normal(size=50)
    assert log_maximum_evidence(features, target, 1) == pytest.approx(
        evidence_by_definition(features, target), abs=TOLERANCE
    )


def test_logme_without_information_is_the_evidence_of_noise() -> None:
    labels = np.arange(30) % 3
    noise = stats.norm.logpdf([1.0] * 10 + [0.0] * 20, scale=math.sqrt(1 / 3)).mean()
    assert log_maximum_evidence(np.zeros((30, 4)), labels, 3) == pytest.approx(noise)


def test_an_exact_fit_is_bounded_and_above_any_other() -> None:
    features, labels = random_case(40, 6, 2, 22)
    exact = np.hstack([features, np.eye(2)[labels]])
    close = np.hstack([features, np.eye(2)[labels] + 0.01 * features[:, :2]])
    values = [log_maximum_evidence(f, labels, 2) for f in (features, close, exact)]
    assert np.isfinite(values).all() and values == sorted(values)
    # The reference's noise has the same bound; its optimiser meets it only roughly.
    expected = [evidence_by_definition(exact, (labels == c) * 1.0) for c in (0, 1)]
    assert values[2] == pytest.approx(np.mean(expected), abs=0.01)


@pytest.mark.parametrize("condition", [1e2, 1e3, 1e4])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_logme_of_ill_conditioned_features(condition: float, offset: float) -> None:
    # Against singular values of the features themselves, where the code takes a Gram matrix's. The
    # labels depend on the weak directions, about which a Gram matrix knows least.
    rng = np.random.default_rng(23)
    n, d = 200, 20
    left = np.linalg.qr(rng.normal(size=(n, d)))[0]
    right = np.linalg.qr(rng.normal(size=(d, d)))[0]
    features = left * np.where(np.arange(d) < 5, 1.0, 1.0 / condition) @ right.T
    features += offset * rng.normal(size=d) / math.sqrt(n)
    target = left[:, 5:].sum(axis=1) + 0.02 * rng.normal(size=n)
    u, s, _ = np.linalg.svd(features, full_matrices=False)
    x = u.T @ target

    def loss(log_t: float) -> float:
        ratio = s**2 / math.exp(log_t)
        q = (x**2 / (1 + ratio)).sum() + ((target - u @ x) ** 2).sum()
        return 0.5 * (math.log(2 * math.pi * q / n) + 1 + np.log1p(ratio).sum() / n)

    starts = np.linspace(-60, 30, 200)
    best = starts[np.argmin([loss(t) for t in starts])]
    expected = -optimize.minimize_scalar(loss, bounds=(best - 1, best + 1), method="bounded").fun
    found = log_maximum_evidence(features, target, 1)
    assert found == pytest.approx(expected, abs=TOLERANCE)
    # The weak directions matter: without them there is far less evidence.
    assert log_maximum_evidence(features @ right[:, :5], target, 1) < found - 0.2


@cases
def test_h_score_is_the_trace_by_definition(case: str) -> None:
    features, labels = CASES[case]()
    expected = h_score_by_definition(features, labels)
    assert h_score(features, labels, 25) == pytest.approx(expected, abs=TOLERANCE)


def test_h_score_shrinks_as_scikit_learn() -> None:
    covariance = pytest.importorskip("sklearn.covariance")
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


def source_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet([0.3] * 5, 40)
    probs[:, 2] = 0.0  # a source class that is never predicted
    return probs / probs.sum(axis=1, keepdims=True), rng.integers(0, 3, 40)


@pytest.mark.parametrize("seed", range(3))
def test_leep_by_loops(seed: int) -> None:
    probs, labels = source_case(seed)
    labels = np.where(labels == 1, 2, labels) if seed == 2 else labels  # class 1 is missing
    n, z = probs.shape
    joint = {
        (y, s): sum(probs[i, s] for i in range(n) if labels[i] == y) / n
        for y in range(3)
        for s in range(z)
    }
    marginal = [sum(joint[y, s] for y in range(3)) for s in range(z)]
    total = 0.0
    for i in range(n):
        total += math.log(
            sum(joint[labels[i], s] / marginal[s] * probs[i, s] for s in range(z) if marginal[s])
        )
    assert leep(probs, labels, 3) == pytest.approx(total / n, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_nce_is_a_difference_of_entropies(seed: int) -> None:
    probs, labels = source_case(seed)
    sources = probs.argmax(axis=1)
    pairs = np.unique(np.stack([sources, labels]), axis=1, return_counts=True)[1]
    expected = stats.entropy(np.bincount(sources)) - stats.entropy(pairs)
    assert nce(sources, labels, 3) == pytest.approx(expected, abs=1e-12)
    # A head that is certain makes LEEP the same thing.
    assert leep(np.eye(5)[sources], labels, 3) == pytest.approx(expected, abs=1e-12)
    # It does not matter how the source classes are called.
    assert nce(9 - 2 * sources, labels, 3) == pytest.approx(expected, abs=1e-12)


def test_a_source_head_that_knows_the_labels_is_perfect_and_one_class_too() -> None:
    labels = np.arange(12) % 3
    assert nce(labels + 4, labels, 3) == leep(np.eye(3)[labels], labels, 3) == 0.0
    uniform = np.full((12, 4), 0.25)
    assert leep(uniform, labels, 3) == pytest.approx(-math.log(3))
    assert leep(uniform, np.ones(12, int), 3) == pytest.approx(0.0)


def test_features_may_be_turned_and_scaled_and_classes_renamed() -> None:
    for n, d in ((60, 8), (10, 25)):
        features, labels = random_case(n, d, 3, n)
        rotation = np.linalg.qr(np.random.default_rng(n).normal(size=(d, d)))[0]
        renamed = np.array([2, 0, 1])[labels]
        for estimate in (log_maximum_evidence, h_score):
            value = estimate(features, labels, 3)
            assert estimate(features @ rotation, labels, 3) == pytest.approx(value, abs=1e-8)
            for scale in (1e-9, 1e12):
                assert estimate(scale * features, labels, 3) == pytest.approx(value, abs=1e-8)
            assert estimate(features, renamed, 3) == pytest.approx(value, abs=1e-8)
            order = np.random.default_rng(1).permutation(n)
            assert estimate(features[order], labels[order], 3) == pytest.approx(value, abs=1e-8)
    probs, labels = source_case(5)
    renamed = np.array([2, 0, 1])[labels]
    assert leep(probs, renamed, 3) == pytest.approx(leep(probs, labels, 3), abs=1e-12)
    assert nce(labels, renamed, 3) == pytest.approx(nce(labels, labels, 3), abs=1e-12)


def test_separable_features_are_better_than_noise() -> None:
    rng = np.random.default_rng(40)
    labels = np.arange(90) % 3
    noise = rng.normal(size=(90, 10))
    separable = noise + 6 * np.eye(10)[labels]
    for estimate in (log_maximum_evidence, h_score):
        assert estimate(separable, labels, 3) > estimate(noise, labels, 3) + 0.5


@pytest.mark.parametrize("estimate", [log_maximum_evidence, h_score, leep, nce])
def test_what_is_no_task_is_an_error(
    estimate: Callable[[np.ndarray, np.ndarray, int], float],
) -> None:
    features = np.zeros(4) if estimate is nce else np.eye(4)
    with pytest.raises(ValueError, match="integers from 0 to 1"):
        estimate(features, np.array([0, 1, 2, 0]), 2)
    with pytest.raises(ValueError, match="integers from 0 to 1"):
        estimate(features, np.array([0, 1, 0.5, 0]), 2)
    with pytest.raises(ValueError, match=r"labels \[N\]"):
        estimate(features, np.array([0, 1]), 2)
    with pytest.raises(ValueError, match="N ≥ 1"):
        estimate(features[:0], np.array([], int), 2)
    if estimate is not log_maximum_evidence:
        with pytest.raises(ValueError, match="regression"):
            estimate(features, np.zeros(4), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_must_be_finite(value: float) -> None:
    features, labels = random_case(10, 3, 2, 50)
    features[4, 1] = value
    for estimate in (log_maximum_evidence, h_score):
        with pytest.raises(ValueError, match="1 of 10 examples"):
            estimate(features, labels, 2)
    with pytest.raises(ValueError, match="targets"):
        log_maximum_evidence(features[:4], np.array([0.0, value, 1.0, 1.0]), 1)


def test_a_zero_target_has_no_evidence_and_odd_rows_are_no_probabilities() -> None:
    with pytest.raises(ValueError, match="zero for every example"):
        log_maximum_evidence(np.eye(3), np.zeros(3), 1)
    for rows in ([[0.5, 0.2]], [[1.5, -0.5]]):
        with pytest.raises(ValueError, match="sum to 1"):
            leep(np.array(rows), np.array([0]), 2)


def test_float32_features_are_widened_first() -> None:
    features, labels = random_case(50, 6, 3, 60)
    narrow = features.astype(np.float32)
    for estimate in (log_maximum_evidence, h_score):
        assert estimate(narrow, labels, 3) == estimate(narrow.astype(np.float64), labels, 3)


def test_the_table_names_every_estimator() -> None:
    assert list(ESTIMATORS) == ["lp", "logme", "hscore", "knn", "leep", "nce"]
    assert {name for name, e in ESTIMATORS.items() if e.needs_source_head} == {"leep", "nce"}
    assert all(e.higher_is_better and e.citation for e in ESTIMATORS.values())
