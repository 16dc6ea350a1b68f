"""Coefficients wherever a ranking meets gains."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.stats.coefficients import COEFFICIENTS, coefficients
from intertrain_jax.stats.correlation import correlation

X = np.array([3.0, 1.0, np.nan, 4.0, 1.5, 9.0, 2.6])


def test_each_is_computed_under_its_name() -> None:
    y = np.array([2.0, 7.0, 1.0, 8.0, 2.5, np.nan, 1.8])
    found = coefficients(X, y)
    assert list(found) == list(COEFFICIENTS)
    assert all(found[name].kind == name and found[name].n == 5 for name in found)
    assert found["pearson"] == correlation(X, y, "pearson")
    assert found["spearman"] == correlation(X, y, "spearman")


@pytest.mark.parametrize("name", COEFFICIENTS)
def test_agreement_is_one_reversal_minus_one_and_a_constant_nothing(name: str) -> None:
    compute = COEFFICIENTS[name].compute
    assert compute(X, 2.0 * X + 1.0).value == pytest.approx(1.0)
    assert compute(X, -X).value == pytest.approx(-1.0)
    assert np.isnan(compute(X, np.ones(7)).value) and compute(X, np.ones(7)).n == 6
    assert np.isnan(compute(X[:1], X[:1]).value)
