"""Hierarchical models: the truth behind noise is recovered, and draws cover it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.stats.shrinkage import (
    common_distribution,
    draw_true_values,
    draw_variances,
)


@pytest.mark.parametrize("prior_df", [3.0, 20.0])
def test_a_planted_distribution_of_variances_is_found(prior_df: float) -> None:
    rng = np.random.default_rng(0)
    true = 4.0 * prior_df / rng.chisquare(prior_df, size=4000)
    df = rng.choice([2.0, 5.0, 30.0], size=4000)
    measured = true * rng.chisquare(df) / df
    scale, found_df = common_distribution(measured, df)
    assert scale == pytest.approx(4.0, rel=0.06)
    assert found_df == pytest.approx(prior_df, rel=0.2)


def test_equal_variances_are_worth_any_number_of_degrees_of_freedom() -> None:
    rng = np.random.default_rng(1)
    df = np.full(300, 4.0)
    # Less spread than χ² has by itself.
    scale, found_df = common_distribution(9.0 * np.sqrt(rng.chisquare(df) / df), df)
    assert np.isinf(found_df) and 7 < scale < 13


def test_few_variances() -> None:
    nan = np.array([np.nan])
    assert common_distribution(nan, np.array([0.0])) == (0.0, np.inf)
    assert common_distribution(np.array([4.0, 0.0]), np.array([3.0, 3.0])) == (4.0, 0.0)


def test_draws_of_variances_are_scaled_inverse_chi_square() -> None:
    variance, df = np.array([4.0, 1.0, 9.0]), np.array([8.0, np.inf, 0.0])
    drawn = draw_variances(variance, df, 20_000, np.random.default_rng(2))
    assert stats.kstest(8.0 * 4.0 / drawn[:, 0], "chi2", args=(8,)).pvalue > 0.001
    assert (drawn[:, 1] == 1).all() and (drawn[:, 2] == 9).all()


def test_draws_shrink_to_the_mean_by_what_is_noise() -> None:
    rng = np.random.default_rng(3)
    m, noise, between = 400, 2.0, 1.0
    true = 5.0 + between * rng.normal(size=m)
    measured = true + noise * rng.normal(size=m)
    own = np.full((4000, m), noise**2)
    drawn, tau = draw_true_values(measured, own[0], own, rng)
    assert tau == pytest.approx(between, abs=0.3)
    share = tau**2 / (tau**2 + noise**2)
    expected = measured.mean() + share * (measured - measured.mean())
    assert drawn.mean(axis=0) == pytest.approx(expected, abs=0.25)
    assert np.mean((drawn.mean(axis=0) - true) ** 2) < 0.5 * np.mean((measured - true) ** 2)


@pytest.mark.parametrize("between", [0.0, 0.5, 5.0])
def test_intervals_of_true_values_cover(between: float) -> None:
    rng = np.random.default_rng(4)
    noise = np.array([0.5, 1.0, 1.0, 2.0, 0.7, 1.5, 1.0, 0.5])
    covered = []
    for _ in range(300):
        true = 1.0 + between * rng.normal(size=8)
        measured = true + noise * rng.normal(size=8)
        own = np.broadcast_to(noise**2, (400, 8))
        drawn, _ = draw_true_values(measured, noise**2, own, rng)
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        covered += list((low <= true) & (true <= high))
    # Where true values do not differ at all, a flat prior on how much they do is cautious.
    assert 0.93 < np.mean(covered) < (1.0 if between == 0 else 0.985)


def test_two_models_are_not_shrunk() -> None:
    rng = np.random.default_rng(5)
    own = np.full((20_000, 2), 1.0)
    drawn, tau = draw_true_values(np.array([0.0, 10.0]), own[0], own, rng)
    assert np.isnan(tau)
    assert drawn.mean(axis=0) == pytest.approx([0, 10], abs=0.05)
    assert drawn.std(axis=0) == pytest.approx([1, 1], abs=0.05)
