"""Hierarchical models of variances: planted distributions are found, likelihoods are scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.stats.shrinkage import (
    cell_distributions,
    common_distribution,
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
    variance, df = np.tile([4.0, 1.0, 9.0], (20_000, 1)), np.tile([8.0, np.inf, 0.0], (20_000, 1))
    drawn = draw_variances(variance, df, np.random.default_rng(2))
    assert stats.kstest(8.0 * 4.0 / drawn[:, 0], "chi2", args=(8,)).pvalue > 0.001
    assert (drawn[:, 1] == 1).all() and (drawn[:, 2] == 9).all()


def planted(prior_df: float, targets: int, cells: int, rng: np.random.Generator) -> np.ndarray:
    """Variances [N, B] over three seeds of cells whose true ones have d₀ and scales 1, 2, 3, ..."""
    scale = np.arange(1.0, targets + 1)[:, None] * np.ones(cells)
    if np.isfinite(prior_df):
        scale = scale * prior_df / rng.chisquare(prior_df, size=scale.shape)
    return scale * rng.chisquare(2, size=scale.shape) / 2


def test_likelihoods_of_cells_are_those_of_f_distributions() -> None:
    rng = np.random.default_rng(6)
    variance = planted(3.0, 4, 9, rng)
    df = rng.integers(0, 4, size=variance.shape).astype(float)
    found = cell_distributions(variance, df)
    known = df > 0

    def likelihood(prior_df: float, scale: np.ndarray) -> float:
        ratio = stats.f(df[known], prior_df).logpdf((variance / scale[:, None])[known])
        return float(ratio.sum() - np.log(scale) @ known.sum(axis=1))

    ours = found.log_likelihood[1:]
    theirs = np.array(
        [likelihood(d, s) for d, s in zip(found.df[1:], found.scale[1:], strict=True)]
    )
    assert ours - ours[0] == pytest.approx(theirs - theirs[0], abs=1e-6)
    # The most likely scales are.
    for factor in (0.99, 1.01):
        assert likelihood(found.df[9], factor * found.scale[9]) < theirs[8]
    # What is almost infinite is near what is.
    assert found.log_likelihood[0] - ours[-1] == pytest.approx(
        stats.chi2(df[known]).logpdf((variance * df / found.scale[0][:, None])[known]).sum()
        + np.log(df[known]).sum()
        - np.log(found.scale[0]) @ known.sum(axis=1)
        - theirs[-1],
        abs=1e-6,
    )


@pytest.mark.parametrize("prior_df", [1.5, 8.0, np.inf])
def test_planted_cells_are_found_and_probable(prior_df: float) -> None:
    found = cell_distributions(
        planted(prior_df, 6, 300, np.random.default_rng(7)), np.full((6, 300), 2.0)
    )
    scale, _, best = found.most_likely()
    assert scale == pytest.approx(np.arange(1.0, 7.0), rel=0.3)
    assert 1.0 / best == pytest.approx(1.0 / prior_df, rel=0.25, abs=0.02)
    probability = found.probability()
    assert probability.sum() == pytest.approx(1.0)
    assert probability @ (1.0 / found.df) == pytest.approx(1.0 / prior_df, rel=0.25, abs=0.02)


def test_few_cells_leave_their_distribution_open() -> None:
    found = cell_distributions(
        planted(np.inf, 1, 6, np.random.default_rng(8)), np.full((1, 6), 2.0)
    )
    probability = found.probability()
    assert 0.05 < probability[found.df < 8].sum() < 0.9


def test_targets_that_never_vary_have_no_scale_and_change_nothing() -> None:
    variance = planted(3.0, 3, 9, np.random.default_rng(9))
    df = np.full((3, 9), 2.0)
    variance[1] = 0.0
    found, without = cell_distributions(variance, df), cell_distributions(variance[::2], df[::2])
    assert (found.scale[:, 1] == 0).all()
    assert found.probability() == pytest.approx(without.probability())
    assert found.scale[:, ::2] == pytest.approx(without.scale)
