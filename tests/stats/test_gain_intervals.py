"""Intervals of gains: by hand, and that they cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.stats.gain_intervals import gain_intervals, sampling_errors
from intertrain_jax.stats.noise import fit_noise
from tests.stats.noisy import STD, gains_of, scores


def test_sampling_errors_are_binomial() -> None:
    rng = np.random.default_rng(6)
    table = pd.DataFrame([[80.0, 50.0]], ["m"], ["cb", "other"])
    found = sampling_errors(table, pd.Series({"other": 50.0, "cb": 70.0}), {"cb": 56})
    correct = rng.binomial(56, [0.8, 0.7], size=(40_000, 2)) / 0.56
    assert found.loc["m", "cb"] == pytest.approx(np.std(correct[:, 0] - correct[:, 1]), rel=0.02)
    assert np.isnan(found.loc["m", "other"])


@pytest.mark.parametrize("sampled", [False, True])
def test_intervals_of_no_gain_cover_zero_at_their_nominal_rate(sampled: bool) -> None:
    rng = np.random.default_rng(7)
    # Three seeds of PT and two models: few degrees of freedom.
    table = scores(np.full((3, 8), 70.0), 3, rng)
    gains, n_base, n_pretrained = gains_of(table)
    sampling = pd.DataFrame(1.0, gains.index, gains.columns) if sampled else None
    covered, p = [], []
    for _ in range(500):
        values = 70.0 + STD[:, None] * rng.normal(size=(3, 8, 3))
        table["score"] = values.ravel()
        means = values.mean(axis=2)
        gains.iloc[:, :] = means[1:] - means[0]
        if sampled:
            # One deviation per cell, the same for all its seeds.
            gains += rng.normal(size=gains.shape)
        found = gain_intervals(gains, n_base, n_pretrained, fit_noise(table), "PT", sampling)
        covered.append(((found.low <= 0) & (found.high >= 0)).to_numpy().mean())
        p.append((found.p < 0.05).to_numpy().mean())
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)
    assert np.mean(p) == pytest.approx(1 - np.mean(covered))


def test_intervals_by_hand() -> None:
    noise = fit_noise(scores(np.full((4, 8), 70.0), 5, np.random.default_rng(8)))
    target = noise.targets[4]
    gains = pd.DataFrame({"unknown": [1.0, 1.0], "t4": [2.0, np.nan]}, ["a", "b"])
    n_base = pd.DataFrame({"t4": [3, 5], "unknown": [1, 1]}, ["a", "b"])
    found = gain_intervals(gains, n_base, pd.Series({"t4": 20, "unknown": 20}), noise, "PT")
    error = target.std * np.sqrt(1 / 3 + 1 / 20)
    assert found.seed_error.loc["a", "t4"] == pytest.approx(error)
    interval = stats.t.interval(0.95, target.std_df, 2.0, error)
    assert (found.low.loc["a", "t4"], found.high.loc["a", "t4"]) == pytest.approx(interval)
    assert found.p.loc["a", "t4"] == pytest.approx(2 * stats.t.sf(2 / error, target.std_df))
    for frame in (found.seed_error, found.low, found.p):
        assert frame.isna().loc[["a", "b"], "unknown"].all() and np.isnan(frame.loc["b", "t4"])
    assert found.sampling_error.isna().all().all()


def test_unstable_cells_have_the_degrees_of_freedom_of_one_and_not_of_both() -> None:
    """Cochran's: 1/ν is the mean over the two cells, weighted by what they add to the variance."""
    rng = np.random.default_rng(3)
    table = scores(np.full((12, 8), 70.0), 4, rng)
    factor = pd.Series(np.exp(1.5 * rng.normal(size=12 * 8))).repeat(4).to_numpy()
    table["score"] = 70.0 + factor * rng.normal(size=len(table))
    noise = fit_noise(table)
    assert noise.cell_df < 4
    gains = pd.DataFrame({"t4": [2.0]}, ["m03"])
    found = gain_intervals(gains, gains * 0 + 4, pd.Series({"t4": 4}), noise, "PT")
    cells = [noise.of_cells([base], ["t4"]) for base in ("m03", "PT")]
    part = np.array([cell.variance.item() / 4 for cell in cells])
    weight, share = part / part.sum(), np.array([cell.share.item() for cell in cells])
    one_over = weight @ [1 / cell.own_df.item() for cell in cells]
    one_over += (weight @ share) ** 2 / cells[0].target_df.item()
    interval = stats.t.interval(0.95, 1 / one_over, 2.0, np.sqrt(part.sum()))
    assert (found.low.iloc[0, 0], found.high.iloc[0, 0]) == pytest.approx(interval)


def test_test_sets_add_to_the_interval_by_satterthwaite() -> None:
    noise = fit_noise(scores(np.full((2, 8), 70.0), 3, np.random.default_rng(16)))
    target = noise.targets[4]
    gains = pd.DataFrame({"t4": [2.0]}, ["a"])
    found = gain_intervals(gains, gains * 0 + 3, pd.Series({"t4": 3}), noise, "PT", gains * 0 + 0.7)
    seeds, test = target.std**2 * 2 / 3, 0.49
    df = (seeds + test) ** 2 / (seeds**2 / target.std_df)
    interval = stats.t.interval(0.95, df, 2.0, np.sqrt(seeds + test))
    assert (found.low.iloc[0, 0], found.high.iloc[0, 0]) == pytest.approx(interval)
    assert found.sampling_error.iloc[0, 0] == 0.7
