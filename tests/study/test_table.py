"""Rows that many tables share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from intertrain_jax.stats.averages import MaxGain
from intertrain_jax.stats.coefficients import COEFFICIENTS, coefficients
from intertrain_jax.stats.correlation import correlation
from intertrain_jax.stats.lines import fit_line
from intertrain_jax.study.table import correlation_note, correlation_row, line_row, rows_of

X, Y = [1.0, 2.0, 3.0, 4.0, 6.0], [1.0, 3.0, 2.0, 5.0, 4.0]


def test_a_row_per_dataclass() -> None:
    table = rows_of([MaxGain("a", 1.5, "x", 3), MaxGain("b", np.nan, None, 0)])
    expected = pd.DataFrame(
        {"target": ["a", "b"], "gain": [1.5, np.nan], "base": ["x", None], "n": [3, 0]}
    )
    pd.testing.assert_frame_equal(table, expected)
    assert len(rows_of(())) == 0


def test_a_correlation_is_a_row_that_says_what_it_is_of() -> None:
    found = correlation(X, Y, "pearson")
    assert correlation_row("probe and gain", found) == {
        "of": "probe and gain",
        "n": 5,
        "value": found.value,
        "p": found.p,
        "low": found.low,
        "high": found.high,
        "clusters": 0,
    }


def test_a_note_explains_the_coefficients_that_are_there_once_each() -> None:
    every = coefficients(X, Y)
    plain = correlation_note([every["pearson"], every["spearman"]])
    assert plain == "n pairs, p two-sided, interval at 95 % by Fisher's transformation."
    tau = COEFFICIENTS["weighted_tau"].note
    assert tau and correlation_note([*every.values(), *every.values()]) == f"{plain} {tau}"


def test_a_line_is_a_row_without_what_only_predictions_need() -> None:
    line = fit_line(X, Y)
    row = line_row(line)
    hidden = {name: getattr(line, name) for name in ("df", "centre", "centre_error")}
    assert set(hidden).isdisjoint(row) and {**row, **hidden} == vars(line)
