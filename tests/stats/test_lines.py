"""Lines: against statsmodels, by coverage, and the published probe scores beside average gains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.stats.correlation import correlation
from intertrain_jax.stats.lines import fit_line, predict


def test_equals_statsmodels_with_errors_and_predictions() -> None:
    sm = pytest.importorskip("statsmodels.api", reason="compares with statsmodels")
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, size=25)
    y = 0.5 * x - 1 + rng.normal(size=25)
    x_missing = np.r_[x, np.nan, 4.0]
    line = fit_line(x_missing, np.r_[y, 1.0, np.nan])
    fit = sm.OLS(y, sm.add_constant(x)).fit()
    assert line.n == 25
    assert (line.intercept, line.slope) == pytest.approx(tuple(fit.params))
    assert (line.intercept_error, line.slope_error) == pytest.approx(tuple(fit.bse))
    assert (line.intercept_low, line.intercept_high) == pytest.approx(tuple(fit.conf_int()[0]))
    assert (line.slope_low, line.slope_high) == pytest.approx(tuple(fit.conf_int()[1]))
    assert line.p == pytest.approx(fit.pvalues[1])
    assert line.r == pytest.approx(np.sqrt(fit.rsquared))
    assert line.residual_std == pytest.approx(np.sqrt(fit.mse_resid))
    theirs = fit.get_prediction([[1.0, 7.0]]).summary_frame(alpha=0.05).iloc[0]
    ours = predict(line, 7.0)
    assert (ours.value, ours.mean_low, ours.mean_high, ours.low, ours.high) == pytest.approx(
        tuple(theirs[["mean", "mean_ci_lower", "mean_ci_upper", "obs_ci_lower", "obs_ci_upper"]])
    )


def test_intervals_of_no_slope_cover_zero_at_their_nominal_rate() -> None:
    rng = np.random.default_rng(1)
    lines = [fit_line(rng.normal(size=15), rng.normal(size=15)) for _ in range(500)]
    assert np.mean([line.slope_low <= 0 <= line.slope_high for line in lines]) == pytest.approx(
        0.95, abs=0.02
    )
    assert np.mean([line.p < 0.05 for line in lines]) == pytest.approx(0.05, abs=0.02)


def test_an_exact_line_is_found() -> None:
    x = np.arange(5.0)
    line = fit_line(x, 2 * x + 1)
    assert (line.slope, line.intercept, line.r) == pytest.approx((2, 1, 1))
    assert predict(line, 10.0).high == pytest.approx(21)


@pytest.mark.parametrize("points", [[], [(1, 2)], [(1, 2), (1, 3), (1, 4)]])
def test_what_has_no_line_is_nan(points: list[tuple[float, float]]) -> None:
    line = fit_line([x for x, _ in points], [y for _, y in points])
    assert line.n == len(points) and np.isnan(line.slope) and np.isnan(line.slope_error)
    assert np.isnan(predict(line, 1.0).value)


def test_two_points_have_a_line_without_errors() -> None:
    line = fit_line([0, 1], [1, 3])
    assert (line.slope, line.intercept) == pytest.approx((2, 1))
    assert np.isnan([line.slope_error, line.slope_low, line.p, predict(line, 2.0).low]).all()
    assert predict(line, 2.0).value == pytest.approx(5)


def test_constant_gains_have_a_flat_line_and_no_correlation() -> None:
    line = fit_line([1, 2, 3, 4], [5, 5, 5, 5])
    assert (line.slope, line.intercept) == pytest.approx((0, 5)) and np.isnan(line.r)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="one shape"):
        fit_line([1, 2], [1, 2, 3])


def test_published_probe_scores_predict_average_gains(published: Path) -> None:
    table = pd.read_csv(published / "paper_table4_roberta.csv")
    x, y = table["lp_gain_mnli"], table["avg_gain_general"]
    line = fit_line(x, y)
    assert line.n == 66
    assert line.slope == pytest.approx(0.126, abs=5e-4)
    assert line.intercept == pytest.approx(-1.83, abs=5e-3)
    assert line.slope_low < 0.126 < line.slope_high and line.slope_low > 0.0822
    assert correlation(x, y, "pearson").value == pytest.approx(0.66, abs=5e-3)
    assert correlation(x, y, "spearman").value == pytest.approx(0.51, abs=5e-3)
