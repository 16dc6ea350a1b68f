"""Gains from base model and target alone: each regressor on gains that it fits, and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.study.result import Result
from intertrain_jax.study.statistics.regression import REGRESSION, Regressions
from tests.stats.studies import computed, matrix_of, matrix_study, random_gains

BASE = np.array([2.0, -1.0, 0.0, 4.0, -3.0])
SCALE = np.array([1.0, 0.5, 2.0, -1.0])
OFFSET = np.array([3.0, -2.0, 0.0, 1.0])


def bilinear_gains() -> pd.DataFrame:
    values = np.outer(BASE, SCALE) + OFFSET
    return pd.DataFrame(values, [f"m{k}" for k in range(5)], list("abcd"))


@pytest.fixture(scope="module")
def planted() -> Result:
    return computed(REGRESSION, matrix_study(bilinear_gains()))


def found_in(result: Result) -> Regressions:
    found = REGRESSION.of(result)
    assert found is not None
    return found


def test_bilinear_gains_are_fitted_exactly_and_found_again(planted: Result) -> None:
    found = found_in(planted)
    assert found.bilinear.mse == pytest.approx(0.0, abs=1e-8)
    assert found.bilinear.p == pytest.approx(1 / 101), "no shuffle of them is fitted as well"
    size = np.sqrt(np.mean(SCALE**2))
    np.testing.assert_allclose(found.fit.scale, SCALE / size, atol=1e-4)
    np.testing.assert_allclose(found.fit.base, (BASE - BASE.mean()) * size, atol=1e-4)
    np.testing.assert_allclose(found.fit.offset, OFFSET + BASE.mean() * SCALE, atol=1e-4)


def test_the_simple_regressors_are_means_of_rows_and_of_columns() -> None:
    gains = random_gains(5, 6)
    by_kind = {r.kind: r for r in found_in(computed(REGRESSION, matrix_study(gains))).regressors}
    assert list(by_kind) == ["bilinear", "base", "target"]
    rows, columns = gains.sub(gains.mean(axis=1), axis=0), gains - gains.mean()
    assert by_kind["base"].mse == pytest.approx((rows**2).to_numpy().mean())
    assert by_kind["target"].mse == pytest.approx((columns**2).to_numpy().mean())
    for found in by_kind.values():
        assert found.n == 30 and found.shuffles == 100
        assert found.variance == pytest.approx(gains.to_numpy().var())
    assert by_kind["bilinear"].mse < min(by_kind["base"].mse, by_kind["target"].mse)


def test_its_tables_are_of_the_errors_the_targets_and_the_bases(planted: Result) -> None:
    errors, targets, bases = REGRESSION.tables(planted)
    assert [t.name for t in (errors, targets, bases)] == [
        "regression",
        "regression_targets",
        "regression_bases",
    ]
    assert errors.rows["gain"].tolist() == ["(b + t)·t'", "b", "t"]
    assert errors.rows["mse"].tolist() == [r.mse for r in found_in(planted).regressors]
    assert list(targets.rows.columns) == ["target", "scale", "offset"]
    assert targets.rows["target"].tolist() == list("abcd")
    for name in ("scale", "offset"):
        assert targets.rows[name].tolist() == getattr(found_in(planted).fit, name).tolist()
    assert list(bases.rows.columns) == ["model", "base"]
    assert bases.rows["base"].tolist() == found_in(planted).fit.base.tolist()
    assert set(REGRESSION.plain(found_in(planted))) == {"regressors"}


@pytest.mark.parametrize(
    ("gains", "reason"),
    [
        (random_gains(2, 9), "There must be at least 3 base models with a gain, there are 2."),
        (random_gains(5, 1), "There is only one target with a gain."),
        # 3·2 cells, and 3 + 2·2 − 2 parameters: one cell more than those.
        (random_gains(3, 2), None),
        (
            random_gains(3, 2).mask(np.arange(6).reshape(3, 2) == 5),
            "There are no more gains than the bilinear regressor has parameters: 3 base models on 2"
            " targets.",
        ),
        # Empty rows and columns have no parameters.
        (matrix_of({"x": [1, 2, np.nan], "y": [3, 4, np.nan], "z": [5, 7, np.nan]}), None),
    ],
)
def test_what_anything_would_fit_is_not_fitted(gains: pd.DataFrame, reason: str | None) -> None:
    result = computed(REGRESSION, matrix_study(gains))
    assert result.not_computed == ({} if reason is None else {"regression": reason})
    assert all(len(table.rows) == 0 for table in REGRESSION.tables(result)) == (reason is not None)
