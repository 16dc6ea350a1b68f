"""Tests of correlations: against scipy, and their intervals against simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.stats.correlation import CONFIDENCE, correlation, fisher_interval


def test_pearson_equals_scipy_with_its_interval() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=30)
    y = x + rng.normal(size=30)
    ours, theirs = correlation(x, y, "pearson"), stats.pearsonr(x, y)
    interval = theirs.confidence_interval(CONFIDENCE)
    assert (ours.n, ours.value, ours.p) == (30, theirs.statistic, theirs.pvalue)
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_intervals_cover_the_true_coefficient(kind: str) -> None:
    rng = np.random.default_rng(1)
    true = 0.6
    # Spearman's coefficient of a bivariate normal with Pearson's `true`.
    expected = true if kind == "pearson" else 6 / math.pi * math.asin(true / 2)
    draws = rng.multivariate_normal([0, 0], [[1, true], [true, 1]], (800, 40))
    found = [correlation(d[:, 0], d[:, 1], kind) for d in draws]  # type: ignore[arg-type]
    covered = np.mean([c.low <= expected <= c.high for c in found])
    assert abs(covered - CONFIDENCE) < 0.02


def test_pairs_with_a_missing_value_do_not_count() -> None:
    x = [1.0, 2.0, np.nan, 4.0, 5.0, 3.0]
    y = [2.0, 1.0, 3.0, 9.0, np.nan, 4.0]
    kept = [0, 1, 3, 5]
    found = correlation(x, y, "spearman")
    assert found.n == 4
    assert found.value == pytest.approx(
        stats.spearmanr([x[i] for i in kept], [y[i] for i in kept]).statistic
    )


@pytest.mark.parametrize("pairs", [[], [(1, 2)], [(1, 2), (1, 5), (1, 7)]])
def test_what_has_no_correlation_is_nan(pairs: list[tuple[float, float]]) -> None:
    x, y = [a for a, _ in pairs], [b for _, b in pairs]
    found = correlation(x, y, "pearson")
    assert found.n == len(pairs)
    assert all(math.isnan(v) for v in (found.value, found.p, found.low, found.high))


def test_few_pairs_have_a_coefficient_and_no_interval() -> None:
    found = correlation([1, 2, 4], [1, 3, 2], "pearson")
    assert not math.isnan(found.value) and not math.isnan(found.p)
    assert math.isnan(found.low) and math.isnan(found.high)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="one shape"):
        correlation([1, 2], [1, 2, 3], "pearson")


def test_a_perfect_correlation_has_a_point_for_an_interval() -> None:
    assert fisher_interval(1.0, 9, "spearman") == (1.0, 1.0)
