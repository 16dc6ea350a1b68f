"""Intervals over models of which some are resampled together: they cover, and plain ones do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.stats.correlation import correlation
from intertrain_jax.stats.lines import fit_line, predict
from intertrain_jax.stats.resampling import resample

# One series of 30 models, some of few, and models alone.
SIZES = np.array([30, 8, 8, 4, 4, 4, *[1] * 40])
CLUSTER = np.repeat(np.arange(len(SIZES)), SIZES)


def sample(rng: np.random.Generator, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """Models of one cluster are nearly the same: it has the information of one model."""
    centre = rng.normal(size=(len(SIZES), 2)) @ np.linalg.cholesky([[1, rho], [rho, 1]]).T
    found = centre[CLUSTER] + 0.05 * rng.normal(size=(len(CLUSTER), 2))
    return found[:, 0], found[:, 1]


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_intervals_cover_where_clusters_hold_one_model_each_and_plain_ones_do_not(
    kind: str,
) -> None:
    rng = np.random.default_rng(0)
    rho = 0.6
    true = rho if kind == "pearson" else 6 / np.pi * np.arcsin(rho / 2)
    covered, plain, trials = 0, 0, 150
    for _ in range(trials):
        x, y = sample(rng, rho)
        found = correlation(x, y, kind, CLUSTER)  # type: ignore[arg-type]
        covered += found.low <= true <= found.high
        naive = correlation(x, y, kind)  # type: ignore[arg-type]
        plain += naive.low <= true <= naive.high
        assert found.value == naive.value and found.clusters == len(SIZES) and naive.clusters == 0
    assert covered / trials >= 0.92
    assert plain / trials < 0.8


def test_slopes_cover_too_and_tests_of_none_keep_their_level() -> None:
    rng = np.random.default_rng(1)
    covered, rejected, line_covered, trials = 0, 0, 0, 150
    for _ in range(trials):
        x, y = sample(rng, 0.0)
        line = fit_line(x, y, CLUSTER)
        covered += line.slope_low <= 0 <= line.slope_high
        rejected += line.p < 0.05
        at = predict(line, 0.5)
        line_covered += at.mean_low <= 0 <= at.mean_high
    assert covered / trials >= 0.92 and rejected / trials <= 0.08
    assert line_covered / trials >= 0.9


def test_clusters_of_one_model_each_are_none() -> None:
    x, y = sample(np.random.default_rng(2), 0.5)
    alone = np.arange(len(x))
    assert correlation(x, y, "pearson", alone) == correlation(x, y, "pearson")
    assert fit_line(x, y, alone) == fit_line(x, y)
    # So are those whose other models have no value.
    first = np.r_[True, CLUSTER[1:] != CLUSTER[:-1]]
    cut = np.where(first, y, np.nan)
    assert correlation(x, cut, "pearson", CLUSTER) == correlation(x, cut, "pearson")


def test_whole_clusters_are_left_out() -> None:
    x, y = sample(np.random.default_rng(3), 0.5)
    found = resample(x, y, CLUSTER)
    assert found is not None
    fits = [stats.linregress(x[k != CLUSTER], y[k != CLUSTER]) for k in range(len(SIZES))]
    slopes = np.array([fit.slope for fit in fits])
    np.testing.assert_allclose(found.slope, slopes)
    np.testing.assert_allclose(found.intercept, [fit.intercept for fit in fits])
    np.testing.assert_allclose(np.tanh(found.transformed), [fit.rvalue for fit in fits])
    jackknife = (len(SIZES) - 1) / len(SIZES) * np.square(slopes - slopes.mean()).sum()
    assert found.line_covariance[0, 0] == pytest.approx(jackknife)


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    """Of what is linear, where it is exact: the intercept on an x without slope's influence."""
    x, y = np.tile([-1.0, 1.0], 10), np.random.default_rng(6).normal(size=20)
    found = resample(x, y, np.repeat(np.arange(10), 2))
    assert found is not None
    pairs = y.reshape(10, 2).mean(axis=1)
    assert found.line_covariance[1, 1] == pytest.approx(pairs.var(ddof=1) / 10)


def test_where_all_differences_are_in_one_cluster_there_is_no_interval() -> None:
    x, y = np.r_[1.0, 2.0, 3.0, np.zeros(5)], np.arange(8.0)
    assert resample(x, y, np.r_[0, 0, 0, 1:6]) is None


def test_too_few_clusters_give_no_interval() -> None:
    x, y = sample(np.random.default_rng(4), 0.5)
    found = correlation(x, y, "pearson", np.minimum(CLUSTER, 2))
    assert found.clusters == 3 and np.isnan([found.p, found.low, found.high]).all()
    line = fit_line(x, y, np.minimum(CLUSTER, 2))
    assert np.isfinite(line.slope) and np.isnan([line.slope_low, line.p]).all()
    assert np.isnan(predict(line, 0.0).mean_low)


def test_one_large_cluster_leaves_few_degrees_of_freedom() -> None:
    x, y = sample(np.random.default_rng(5), 0.5)
    even, uneven = resample(x, y, np.arange(len(x)) % 20), resample(x, y, CLUSTER)
    assert even is not None and uneven is not None
    assert even.df == pytest.approx(19, rel=0.05) and uneven.df < 10
