"""Crossed means: known variances, two samples, missing values, and how often intervals hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.stats.crossed import crossed_difference, crossed_mean, simple_mean


def crossed(rng: np.random.Generator, rows: int, columns: int, noise: float) -> pd.DataFrame:
    values = rng.normal(size=(rows, 1)) + rng.normal(size=columns)
    return pd.DataFrame(values + noise * rng.normal(size=(rows, columns)))


def test_the_variance_is_that_of_both_kinds_of_averages() -> None:
    values = crossed(np.random.default_rng(0), 5, 8, 0.5)
    found = crossed_mean(values)
    rows, columns = values.mean(axis=1).var() / 5, values.mean().var() / 8
    assert found.mean == pytest.approx(values.to_numpy().mean())
    assert found.error**2 == pytest.approx(rows + columns)
    assert found.df == pytest.approx((rows + columns) ** 2 / (rows**2 / 4 + columns**2 / 7))
    half = stats.t.ppf(0.975, found.df) * found.error
    assert (found.low, found.high) == pytest.approx((found.mean - half, found.mean + half))
    assert (found.n, found.units) == (40, (5, 8)) and found.known


def test_intervals_hold_the_truth_with_few_rows_and_missing_values() -> None:
    rng = np.random.default_rng(1)
    held = []
    for _ in range(200):
        values = crossed(rng, 3, 10, 1.0)
        values = values.mask(rng.random(values.shape) < 0.2)
        found = crossed_mean(values)
        held.append(found.low < 0 < found.high)
    assert np.mean(held) > 0.92


def test_one_unit_says_nothing_of_others_and_no_spread_nothing_at_all() -> None:
    values = crossed(np.random.default_rng(0), 1, 8, 0.5)
    assert not crossed_mean(values).known and np.isfinite(crossed_mean(values).mean)
    assert not crossed_mean(values * 0).known
    assert np.isnan(crossed_mean(values * np.nan).mean)
    assert not simple_mean(pd.Series([1.0, np.nan])).known


def test_missing_values_favour_no_unit() -> None:
    """Columns differ by a lot, and one row lacks the best of them."""
    values = pd.DataFrame(np.add.outer([0.0, 1.0, 2.0], [0.0, 0.0, 90.0]))
    values.iloc[2, 2] = np.nan
    assert crossed_mean(values).mean == pytest.approx(31.0)


def test_a_difference_is_welchs_over_rows_and_paired_over_columns() -> None:
    rng = np.random.default_rng(2)
    first, second = crossed(rng, 6, 9, 0.4), crossed(rng, 4, 9, 0.4)
    second.index = pd.Index(range(10, 14))
    column = 50.0 * np.arange(9)
    found = crossed_difference(first + column, second + column)
    parts = [
        first.mean(axis=1).var() / 6,
        second.mean(axis=1).var() / 4,
        (first.mean() - second.mean()).var() / 9,
    ]
    assert found.error**2 == pytest.approx(sum(parts))
    assert found.mean == pytest.approx(first.to_numpy().mean() - second.to_numpy().mean())
    assert found.units == (6, 4, 9)
    assert not crossed_difference(first, second.iloc[:1]).known


def test_a_simple_mean_is_students() -> None:
    values = pd.Series([1.0, 2.0, 4.0, np.nan])
    found = simple_mean(values)
    expected = stats.t.interval(0.95, 2, values.mean(), values.std() / 3**0.5)
    assert (found.low, found.high) == pytest.approx(expected)
