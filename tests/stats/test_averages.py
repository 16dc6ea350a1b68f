"""Averages of gains: complete matrices agree, missing cells are compared fairly and counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.stats.averages import average_gains, count_significant, max_gains
from intertrain_jax.stats.gains import GainMatrices, benjamini_hochberg


def matrix(values: object) -> pd.DataFrame:
    frame = pd.DataFrame(values, dtype=float)
    frame.index = pd.Index([f"m{i}" for i in range(len(frame))], name="base")
    frame.columns = pd.Index([f"t{j}" for j in range(frame.shape[1])])
    return frame


def random_matrix(m: int, n: int, missing: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(m, 1)) + rng.normal(size=n) + rng.normal(size=(m, n))
    values[rng.random((m, n)) < missing] = np.nan
    return matrix(values)


def test_max_gain_names_its_model_and_counts() -> None:
    gains = matrix([[1, np.nan, 2, 0], [3, np.nan, 2, -1], [np.nan, np.nan, -4, -2]])
    found = max_gains(gains.iloc[::-1])
    assert [(f.target, f.base, f.n) for f in found] == [
        ("t0", "m1", 2), ("t1", None, 0), ("t2", "m0", 3), ("t3", "m0", 3),
    ]  # fmt: skip
    assert [f.gain for f in found] == pytest.approx([3, np.nan, 2, 0], nan_ok=True)


@pytest.mark.parametrize("how", ["common", "additive"])
def test_a_complete_matrix_has_plain_averages(how: str) -> None:
    gains = random_matrix(7, 5, 0.0, 0)
    found = average_gains(gains, how)  # type: ignore[arg-type]
    assert found.series().to_numpy() == pytest.approx(gains.mean(axis=1).to_numpy())
    assert found.targets == tuple(gains.columns) and found.left_out == ()
    assert {model.n for model in found.models} == {5}


def test_common_averages_over_the_targets_that_all_have() -> None:
    gains = matrix([[1, 2, 9, 5], [3, 5, np.nan, 6], [np.nan] * 4])
    found = average_gains(gains, "common")
    assert found.targets == ("t0", "t1", "t3") and found.left_out == ("t2",)
    assert found.series().to_numpy() == pytest.approx([8 / 3, 14 / 3, np.nan], nan_ok=True)
    assert [model.n for model in found.models] == [3, 3, 0]


def test_nothing_in_common_has_no_average() -> None:
    found = average_gains(matrix([[1, np.nan], [np.nan, 2]]), "common")
    assert found.targets == () and found.series().isna().all()


def test_additive_recovers_planted_effects_from_half_the_cells() -> None:
    rng = np.random.default_rng(1)
    rows, columns = rng.normal(size=12), 10 * rng.normal(size=9)
    gains = matrix(np.where(rng.random((12, 9)) < 0.5, rows[:, None] + columns, np.nan))
    found = average_gains(gains, "additive")
    assert found.left_out == ()
    assert found.series().to_numpy() == pytest.approx(rows + columns.mean(), abs=1e-10)
    assert [model.n for model in found.models] == list(gains.notna().sum(axis=1))


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_additive_errors_equal_statsmodels(missing: float) -> None:
    sm = pytest.importorskip("statsmodels.api", reason="compares with statsmodels")
    gains = random_matrix(8, 6, missing, 2)
    rows, columns = np.nonzero(gains.notna().to_numpy())
    # Indicators of models, and of targets but the first.
    design = np.hstack([np.eye(8)[rows], np.eye(6)[columns][:, 1:]])
    fit = sm.OLS(gains.to_numpy()[rows, columns], design).fit()
    found = average_gains(gains, "additive")
    assert found.residual_std == pytest.approx(np.sqrt(fit.mse_resid))
    for model, indicator in zip(found.models, np.eye(8), strict=True):
        theirs = fit.t_test(np.r_[indicator, np.full(5, 1 / 6)])
        assert model.gain == pytest.approx(theirs.effect[0])
        assert model.error == pytest.approx(theirs.sd[0, 0])
        assert (model.low, model.high) == pytest.approx(tuple(theirs.conf_int()[0]))


def test_blocks_that_share_no_target_are_not_compared() -> None:
    nan = np.nan
    gains = matrix([[nan, nan, 50], [1, 2, nan], [2, 4, nan], [nan, 5, nan]])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        found = average_gains(gains.iloc[order], "additive")
        assert found.targets == ("t0", "t1") and found.left_out == ("t2",)
        assert found.series().isna().to_dict() == {
            "m0": True,
            "m1": False,
            "m2": False,
            "m3": False,
        }


def test_intervals_cover_at_their_nominal_rate() -> None:
    rng = np.random.default_rng(3)
    known = rng.random((6, 8)) < 0.8
    known[:, 0] = True
    covered = []
    for _ in range(500):
        gains = matrix(np.where(known, rng.normal(size=(6, 8)), np.nan))
        covered += [m.low <= 0 <= m.high for m in average_gains(gains, "additive").models]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_an_average_of_few_cells_has_no_error() -> None:
    (one,) = average_gains(matrix([[1, 3]]), "additive").models
    assert one.gain == 2 and np.isnan([one.error, one.low, one.high]).all()


def test_significant_cells_are_counted_two_ways() -> None:
    p = matrix([[0.001, 0.04, np.nan], [0.5, 0.0001, np.nan]])
    mean = matrix([[2, 1, 1], [-1, -3, np.nan]])
    signs = matrix([[1, 1, np.nan], [0, -1, np.nan]])
    n = matrix([[5, 5, 1], [5, 5, 0]])
    found = count_significant(GainMatrices(mean, p, n, 5, signs, p, benjamini_hochberg(p)))
    assert (found.tested, found.untested) == (4, 1)
    assert (found.two_std_above, found.two_std_below) == (2, 1)
    assert (found.adjusted_above, found.adjusted_below) == (1, 1)


def test_random_patterns_of_missing_cells_equal_least_squares() -> None:
    rng = np.random.default_rng(5)
    for _ in range(1000):
        m, n = rng.integers(2, 9, size=2)
        # Often barely connected, which is where a cut-off errs.
        known = rng.random((m, n)) < rng.uniform(0.25, 1.0)
        gains = matrix(np.where(known, rng.normal(size=(m, n)), np.nan))
        found = average_gains(gains, "additive")
        columns = list(found.targets)
        block = gains.loc[found.series().notna().to_numpy(), columns]
        if not len(block):
            continue
        rows, cells = np.nonzero(block.notna().to_numpy())
        design = np.hstack([np.eye(len(block))[rows], np.eye(len(columns))[cells]])
        fit = np.linalg.lstsq(design, block.to_numpy()[rows, cells], rcond=1e-9)[0]
        averages = fit[: len(block)] + fit[len(block) :].mean()
        np.testing.assert_allclose(found.series().dropna(), averages, atol=1e-8)
