"""Numbers as they are written everywhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.report import numbers
from intertrain_jax.stats.correlation import Correlation

NAN = float("nan")


@pytest.mark.parametrize("missing", [None, NAN, np.float64("nan"), pd.NA])
def test_what_is_missing_is_a_dash(missing: object) -> None:
    assert numbers.number(missing, numbers.GAIN) == numbers.GAP
    assert numbers.interval(missing, 1.0, numbers.GAIN) == "[–, +1.00]"


def test_numbers_intervals_and_terms() -> None:
    assert numbers.number(1.005, numbers.SHORT_GAIN) == "+1.0"
    assert numbers.known_interval(-1.0, 2.0, numbers.SLOPE) == "[-1.000, 2.000]"
    assert numbers.known_interval(NAN, 2.0, numbers.SLOPE) == "(no interval)"
    assert (numbers.added(-0.5), numbers.added(0.5)) == ("− 0.50", "+ 0.50")
    assert (numbers.share(0.004), numbers.share(0.5)) == ("<1 %", "50 %")
    assert numbers.count(12345) == "12,345"


def test_a_coefficient_has_what_is_known_of_it() -> None:
    assert numbers.coefficient(Correlation("pearson", 9, 0.5, 0.1, 0.1, 0.8)) == "0.50 [0.10, 0.80]"
    assert numbers.coefficient(Correlation("pearson", 3, 0.5, 0.1, NAN, NAN)) == "0.50"
    assert numbers.coefficient(Correlation("pearson", 1, NAN, NAN, NAN, NAN)) == "undefined"


def test_a_cell_that_rounds_to_nothing_has_no_sign() -> None:
    assert [numbers.cell_text(v, True) for v in (0.04, -0.04, -1.25, NAN)] == [
        "0.0",
        "0.0",
        "-1.2",
        "",
    ]
    assert numbers.cell_text(61.26, False) == "61.3"


def test_no_p_value_is_zero() -> None:
    assert numbers.p_value(0.0) == "p < 1e-300"
    assert numbers.p_value(0.0312) == "p = 0.03"


def test_only_what_is_certain_has_a_p_value_of_one() -> None:
    found = [numbers.p_value(p) for p in (0.94, 0.951, 0.9999, 1.0)]
    assert found == ["p = 0.9", "p > 0.9", "p > 0.9", "p = 1"]
