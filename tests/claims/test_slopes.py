"""Slopes: those of a fit to each pair of units, with what is missing left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.claims.slopes import curve, slopes

SIZES = [50, 100, 200, 400]


def rows_of() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [["a b", "c"], ["t0", "t1", "t2"], SIZES, [0, 1]], names=["model", "target", "size", "seed"]
    )
    return pd.DataFrame({"gain": rng.normal(size=len(index))}, index=index).reset_index()


def test_slopes_are_those_of_each_pair_per_doubling() -> None:
    rows = rows_of()
    found = slopes(rows, ("model", "target"), "size")
    assert found.shape == (2, 3) and list(found.index) == ["a b", "c"]
    for (model, target), own in rows.groupby(["model", "target"]):
        expected = np.polyfit(np.log2(own["size"]), own["gain"], 1)[0]
        assert found.loc[model, target] == pytest.approx(expected)


def test_a_pair_needs_half_of_the_sizes() -> None:
    rows = rows_of()
    one = (rows["model"] == "c") & (rows["target"] == "t1")
    found = slopes(rows[~(one & (rows["size"] > 50))], ("model", "target"), "size")
    assert np.isnan(found.loc["c", "t1"]) and found.notna().to_numpy().sum() == 5
    two = rows[~(one & (rows["size"] > 100))]
    gains = two[one[two.index]].groupby("size")["gain"].mean()
    found = slopes(two, ("model", "target"), "size")
    assert found.loc["c", "t1"] == pytest.approx(gains[100] - gains[50])
    assert slopes(rows[rows["size"] == 50], ("model", "target"), "size").empty


def test_a_curve_is_the_mean_over_units_with_its_interval() -> None:
    rows = rows_of()
    found = curve(rows, "size", "target").set_index("size")
    means = rows.groupby(["size", "target"])["gain"].mean().groupby("size").mean()
    assert found["mean"].to_dict() == pytest.approx(means.to_dict())
    assert (found["low"] < found["mean"]).all() and (found["mean"] < found["high"]).all()
