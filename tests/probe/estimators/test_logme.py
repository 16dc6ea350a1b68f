"""LogME against its definition written out the long way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from intertrain_jax.probe.estimators.logme import log_maximum_evidence
from tests.probe.estimators.cases import CASES, TOLERANCE, cases, random_case


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
