"""Symmetry of the square part of a matrix, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.study.statistics.symmetry import SYMMETRY
from tests.stats.studies import computed, matrix_of, matrix_study

SQUARE = matrix_of({"a": [0, 1, 2], "b": [3, 0, 4], "c": [5, 6, 0]})


def test_the_share_of_the_symmetric_part() -> None:
    found = computed(SYMMETRY, matrix_study(SQUARE)).statistics["symmetry"]
    symmetric = np.sqrt(2 * (2.0**2 + 3.5**2 + 5.0**2))
    skew = np.sqrt(2 * (1.0**2 + 1.5**2 + 1.0**2))
    assert (found.n, found.pairs, found.missing_pairs) == (3, 3, 0)
    assert (found.symmetric, found.skew) == pytest.approx((symmetric, skew))
    assert found.value == pytest.approx((symmetric - skew) / (symmetric + skew))


@pytest.mark.parametrize(("sign", "value"), [(1.0, 1.0), (-1.0, -1.0)])
def test_both_ends_of_its_range(sign: float, value: float) -> None:
    upper = np.triu(SQUARE.to_numpy(), 1)
    gains = SQUARE * 0.0 + upper + sign * upper.T
    assert computed(SYMMETRY, matrix_study(gains)).statistics["symmetry"].value == value


def test_rows_and_columns_that_are_not_both_do_not_count() -> None:
    wider = SQUARE.assign(d=[9.0, -9.0, 9.0])[["d", "c", "a", "b"]]
    wider.loc["x"] = 7.0
    found = computed(SYMMETRY, matrix_study(wider)).statistics["symmetry"]
    expected = computed(SYMMETRY, matrix_study(SQUARE)).statistics["symmetry"]
    assert (found.n, found.value) == (3, pytest.approx(expected.value))


def test_too_few_names_of_both_kinds_are_counted() -> None:
    result = computed(SYMMETRY, matrix_study(SQUARE.rename(index={"a": "x"})))
    assert result.not_computed == {
        "symmetry": "Only 2 names are both a base model and a target; 3 are needed."
    }
