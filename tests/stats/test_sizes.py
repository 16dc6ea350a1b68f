"""Sizes: planted slopes, and curves over the same units at every size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.stats.sizes import size_curve, size_effects

SIZES = {f"d{i}": int(n) for i, n in enumerate(np.geomspace(100, 400_000, 12))}


def planted(noise: float) -> pd.DataFrame:
    """Sources gain with the logarithm of their size, targets spread with its inverse."""
    rng = np.random.default_rng(0)
    log = np.log(list(SIZES.values()))
    values = np.outer(log - log.mean(), 1 / log) + noise * rng.normal(size=(12, 12))
    return pd.DataFrame(values, list(SIZES), list(SIZES)).sample(frac=1, random_state=1)


def test_planted_effects_are_found() -> None:
    source, target, std, spread = size_effects(planted(0.0), SIZES)
    assert [(e.of, e.measure) for e in (source, target, std, spread)] == [
        ("source", "average"), ("target", "average"), ("target", "std"), ("target", "range"),
    ]  # fmt: skip
    assert source.pearson_log.value == pytest.approx(1.0)
    assert source.spearman.value == pytest.approx(1.0)
    assert source.pearson.value < 0.9
    assert std.spearman.value == pytest.approx(-1.0) == spread.spearman.value
    assert abs(target.pearson.value) < 1e-6 or target.pearson.p > 0.05


def test_equals_scipy_where_cells_and_sizes_are_missing() -> None:
    gains = planted(0.3)
    gains.iloc[3, :11] = np.nan
    known = {name: size for name, size in SIZES.items() if name != "d5"}
    source, _, std, spread = size_effects(gains, known)
    assert source.pearson.n == 11
    names = [name for name in gains.columns if name in known]
    assert spread.pearson_log.value == pytest.approx(
        stats.pearsonr(
            np.log([known[name] for name in names]), (gains.max() - gains.min())[names]
        ).statistic
    )
    assert std.spearman.n == 11


def test_a_curve_averages_the_same_units_at_every_size() -> None:
    rows = [
        (50, "a", 1.0), (50, "a", 3.0), (50, "b", 4.0), (50, "c", 9.0),
        (800, "b", 6.0), (800, "a", 3.0), (800, "c", np.nan),
        (200, "a", 0.0), (200, "b", 1.0),
    ]  # fmt: skip
    curve = size_curve(pd.DataFrame(rows, columns=["size", "unit", "gain"]))
    assert curve.units == ("a", "b") and curve.left_out == ("c",)
    assert [(p.size, p.n, p.mean) for p in curve.points] == [
        (50, 2, 3.0), (200, 2, 0.5), (800, 2, 4.5),
    ]  # fmt: skip
    interval = stats.ttest_1samp([2.0, 4.0], 0).confidence_interval(0.95)
    assert (curve.points[0].low, curve.points[0].high) == pytest.approx(
        (interval.low, interval.high)
    )


def test_a_size_without_gains_is_shown_as_such() -> None:
    rows = [(50, "a", 1.0), (50, "b", 2.0), (100, "a", np.nan)]
    curve = size_curve(pd.DataFrame(rows, columns=["size", "unit", "gain"]))
    assert [(p.size, p.n) for p in curve.points] == [(50, 2), (100, 0)]
    assert np.isnan(curve.points[1].mean) and curve.left_out == ()


def test_one_unit_has_no_interval() -> None:
    curve = size_curve(pd.DataFrame({"size": [1, 2], "unit": "a", "gain": [0.5, 1.5]}))
    assert [p.mean for p in curve.points] == [0.5, 1.5] and np.isnan(curve.points[0].low)


def test_intervals_of_no_gain_cover_zero_at_their_nominal_rate() -> None:
    rng = np.random.default_rng(2)
    units = np.repeat([f"u{i}" for i in range(10)], 3)
    covered = []
    for _ in range(500):
        table = pd.DataFrame({"size": 100, "unit": units, "gain": rng.normal(size=30)})
        (point,) = size_curve(table).points
        covered.append(point.low <= 0 <= point.high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)
