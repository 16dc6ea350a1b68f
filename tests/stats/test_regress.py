"""Regressors: planted structure is found, its absence is not, held-out cells are held out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.stats.regress import Kind, fit_regressor, regression

KINDS: tuple[Kind, ...] = ("base", "target", "bilinear")


def frame(values: np.ndarray) -> pd.DataFrame:
    m, n = values.shape
    return pd.DataFrame(values, [f"m{i}" for i in range(m)], [f"t{j}" for j in range(n)])


def planted(kind: Kind, noise: float, missing: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    base, offset, scale = rng.normal(size=24), 3 * rng.normal(size=10), rng.normal(1, 1, 10)
    values = {
        "base": base[:, None] + np.zeros(10),
        "target": np.zeros((24, 1)) + offset,
        "bilinear": base[:, None] * scale + offset,
    }[kind]
    values = values + noise * rng.normal(size=values.shape)
    return frame(np.where(rng.random(values.shape) < missing, np.nan, values))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_planted_structure_is_found(kind: Kind, missing: float) -> None:
    gains = planted(kind, 0.0, missing, 0)
    fit = fit_regressor(gains, kind)
    assert fit.mse < 1e-24
    assert fit.n == gains.notna().to_numpy().sum()
    # Also where cells are missing.
    truth = planted(kind, 0.0, 0.0, 0)
    pd.testing.assert_frame_equal(fit.predict(), truth, atol=1e-11)
    found = regression(gains, kind, seed=1)
    assert found.held_out_mse < 1e-20
    assert found.held_out_n + found.not_held_out == found.n
    assert found.p == pytest.approx(1 / 21)
    assert found.shuffled_mean > 0.5 * found.variance


def test_the_paper_s_coefficients_follow_from_the_gauge() -> None:
    gains = planted("bilinear", 0.0, 0.2, 2)
    fit = fit_regressor(gains, "bilinear")
    t, t_prime = fit.offset / fit.scale, fit.scale
    theirs = (fit.base.to_numpy()[:, None] + t.to_numpy()) * t_prime.to_numpy()
    assert theirs == pytest.approx(fit.predict().to_numpy())
    assert fit.base.mean() == pytest.approx(0, abs=1e-12)
    assert (fit.scale**2).mean() == pytest.approx(1)


def test_on_a_complete_matrix_offsets_are_averages() -> None:
    gains = planted("bilinear", 1.0, 0.0, 3)
    fit = fit_regressor(gains, "bilinear")
    assert fit.offset.to_numpy() == pytest.approx(gains.mean().to_numpy())
    assert (fit.parameters, fit.n) == (24 + 2 * 10 - 2, 240)


@pytest.mark.parametrize("kind", ["base", "target"])
def test_one_sided_regressors_are_means(kind: Kind) -> None:
    gains = planted("bilinear", 1.0, 0.3, 4)
    fit = fit_regressor(gains, kind)
    means = gains.mean(axis=1 if kind == "base" else 0)
    found = fit.base if kind == "base" else fit.offset
    assert found.to_numpy() == pytest.approx(means.to_numpy())
    deviation = gains.sub(means, axis=0) if kind == "base" else gains - means
    assert fit.mse == pytest.approx(np.nanmean(deviation.to_numpy() ** 2))
    assert fit.parameters == len(means)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_fitted_no_better_than_shuffled_noise(kind: Kind) -> None:
    rng = np.random.default_rng(5)
    found = [
        regression(frame(rng.normal(size=(12, 8))), kind, seed=i, shuffles=19) for i in range(20)
    ]
    p = np.array([f.p for f in found])
    # Uniform over 1/20, 2/20, ..., 1.
    assert abs(p.mean() - 0.525) < 0.15
    assert (p <= 0.1).mean() < 0.25
    # Overfitting shows: held-out cells are predicted worse than by a constant.
    assert np.mean([f.mse for f in found]) < 1.0
    assert np.mean([f.held_out_mse / f.held_out_variance for f in found]) > 1.0


def test_the_target_regressor_cannot_explain_what_the_bilinear_one_can() -> None:
    gains = planted("bilinear", 0.5, 0.1, 6)
    found = {kind: regression(gains, kind, seed=0) for kind in KINDS}
    assert found["bilinear"].mse < 0.3 < found["target"].mse < found["base"].mse
    assert found["bilinear"].held_out_mse < found["target"].held_out_mse
    # Noise alone has a variance of 0.25.
    assert 0.25 < found["bilinear"].held_out_mse < 0.6


def test_the_held_out_error_has_its_spread_over_fold_seeds() -> None:
    gains = planted("bilinear", 2.0, 0.0, 6)
    found = regression(gains, "bilinear", seed=0, shuffles=2)
    errors = [regression(gains, "bilinear", seed=k, shuffles=2).held_out_mse for k in range(30)]
    # Five divisions give a standard deviation within a factor of 2.5 in 99 % of cases.
    assert np.std(errors) / 3 < found.held_out_spread < 3 * np.std(errors)


def test_a_column_of_one_cell_is_never_held_out() -> None:
    gains = planted("bilinear", 0.5, 0.0, 7)
    gains.iloc[1:, 0] = np.nan
    gains.iloc[2, 1:] = np.nan
    gains.iloc[2, 4] = 1.0
    found = regression(gains, "bilinear", seed=0)
    assert found.not_held_out == 2
    assert np.isfinite(found.held_out_mse)


def test_equal_seeds_give_equal_results() -> None:
    gains = planted("bilinear", 1.0, 0.2, 8)
    assert regression(gains, "bilinear", seed=3) == regression(gains, "bilinear", seed=3)
    assert regression(gains, "bilinear", seed=3) != regression(gains, "bilinear", seed=4)


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(IntertrainError, match="all gains are missing"):
        fit_regressor(frame(np.full((3, 3), np.nan)), "base")
    with pytest.raises(ValueError, match="at least two"):
        regression(planted("base", 1.0, 0.0, 0), "base", seed=0, folds=1)
