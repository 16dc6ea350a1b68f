"""Posterior draws of variances: sums are those of cells drawn one by one, and cover what is true."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.stats.shrinkage import cell_distributions
from intertrain_jax.stats.variance_posterior import (
    draw_cells,
    draw_sums,
    shrunk,
    variance_posterior,
)

DF = 2.0


def cells(
    prior_df: float, targets: int, models: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """True variances [N, B] of cells, and their estimates over three seeds."""
    scale = np.linspace(1.0, 2.0, targets)[:, None]
    true = scale * prior_df / rng.chisquare(prior_df, size=(targets, models))
    return true, true * rng.chisquare(DF, size=true.shape) / DF


def test_sums_are_distributed_as_those_of_cells_drawn_one_by_one() -> None:
    rng = np.random.default_rng(0)
    weight = rng.random((3, 4))
    variance, df = rng.random((3, 4)) + 0.5, np.array([[0.0, 2, 2, 4], [2, 2, 2, 2], [4, 0, 0, 2]])
    hyper = np.array([[3.0]]), np.array([[1.0, 2.0, 3.0, 4.0]])
    sums = draw_sums(hyper, weight, variance, df, 4000, rng)
    assert sums.shape == (1, 4000, 3)
    for m in range(3):
        repeated = np.tile(hyper[0], (4000, 1)), np.tile(hyper[1], (4000, 1))
        alone = draw_cells(repeated, variance[m], df[m], rng) @ weight[m]
        assert stats.ks_2samp(sums[0, :, m], alone).pvalue > 0.001
    # Given what they share, sums are independent.
    order = stats.spearmanr(sums[0]).statistic
    assert np.abs(order - np.eye(3)).max() < 0.06


@pytest.mark.parametrize("prior_df", [2.0, 20.0])
def test_draws_cover_true_variances(prior_df: float) -> None:
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(40):
        true, measured = cells(prior_df, 5, 8, rng)
        df = np.full(true.shape, DF)
        posterior = variance_posterior(cell_distributions(measured, df))
        own_df, scale = posterior.draw(400, rng)
        for b in range(8):
            drawn = draw_cells((own_df, scale), measured[:, b], df[:, b], rng)
            low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
            covered += list((low <= true[:, b]) & (true[:, b] <= high))
    assert np.mean(covered) == pytest.approx(0.9, abs=0.045)


def test_scales_are_known_by_no_more_than_all_targets_say() -> None:
    rng = np.random.default_rng(2)
    _, measured = cells(1e6, 4, 6, rng)
    posterior = variance_posterior(cell_distributions(measured, np.full(measured.shape, DF)))
    assert posterior.probability.sum() == pytest.approx(1.0)
    assert np.isfinite(np.concatenate(posterior.draw(50, rng), axis=1)).all()
    (_, targets), *_ = posterior.targets
    assert (targets.information <= 4 * 6 * DF).all()


def test_shrunk_by_hand() -> None:
    variance, df = np.array([4.0, 1.0, 9.0]), np.array([2.0, 6.0, 0.0])
    assert shrunk(variance, df, 2.0, 2.0) == pytest.approx([3.0, 1.25, 2.0])
    assert shrunk(variance, df, 2.0, np.inf) == pytest.approx([2.0, 2.0, 2.0])
    assert shrunk(variance, df, 7.0, 0.0) == pytest.approx([4.0, 1.0, 7.0])


def test_one_target_has_no_distribution_of_targets() -> None:
    """Its scale is as uncertain as its own cells leave it, and no more."""
    rng = np.random.default_rng(3)
    variance = rng.chisquare(4, size=(200, 1, 8)) / 4
    draws = [
        variance_posterior(cell_distributions(own, np.full((1, 8), 4.0))).draw(400, rng)[1]
        for own in variance
    ]
    scale = np.array(draws)
    assert np.median(scale) == pytest.approx(1.0, abs=0.15)
    # Of a χ² with the 32 degrees of freedom of all cells it would be 1.9.
    assert np.quantile(scale, 0.995) < 4.0
