"""Units: what looks like fractions, gains or another metric is refused, and what may be right is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.readers.csv import Frame
from intertrain_jax.readers.units import check_gains, check_scores

FILE = Frame(pd.DataFrame(), "mine")
NAN = np.nan


def table_of(rows: list[list[float]], columns: str = "", names: str = "") -> pd.DataFrame:
    """Returns a table of models m0, m1, … on targets t0, t1, …, or of other names."""
    targets = columns.split() or [f"t{k}" for k in range(len(rows[0]))]
    return pd.DataFrame(
        rows, index=names.split() or [f"m{k}" for k in range(len(rows))], columns=targets
    )


FINE = {
    "gaps": ([[0.5, 60.0, NAN]], ""),
    "nothing": ([[NAN]], ""),
    "a single negative score": ([[-0.5, 0.5]], ""),
    "a collapsed run": ([[0.5, 60.0], [50.0, 60.0]], ""),
    "a column that is all 0": ([[0.0, 60.0], [0.0, 61.0]], ""),
    "a row that is all 0": ([[0.0, 0.0], [50.0, 61.0]], ""),
    "a weak column": ([[0.0, 60.0], [0.1, 61.0], [0.9, 59.0]], ""),
    "a weak row": ([[0.0, 0.05, 0.6], [60.0, 50.0, 40.0], [61.0, 52.0, 41.0]], ""),
    "Matthews' correlation": ([[0.55, 60.0], [-0.02, 61.0], [0.48, 59.0]], "cola rte"),
    "a correlation that is named": ([[0.55, 60.0], [0.62, 61.0], [0.48, 59.0]], "my_mcc rte"),
    "weak correlations in percent": ([[-3.0, 80.0], [60.0, 81.0], [-1.0, 70.0]], "stsb rte"),
    "the ends": ([[0.0, 100.0], [100.0, 50.0]], ""),
    "a small score far from others": ([[0.5, 60.0]] + [[90.0 + k, 61.0] for k in range(5)], ""),
}
WRONG = {
    "all fractions": ([[0.0, 0.9, NAN]], "", "all are between 0 and 1. Multiply them by 100"),
    "a target": ([[0.5, 60.0], [0.6, 61.0]], "", "those of target 't0' are between 0 and 1"),
    "a base": ([[0.5, 0.4], [60.0, 61.0]], "", "those of base model 'm0' are between 0 and 1"),
    "a cell": (
        [[60.0, 61.0], [61.0, 70.0], [0.605, 62.0], [59.0, 63.0]],
        "",
        "row 'm2', column 't0' has 0.605, where all others have 59 to 61",
    ),
    "above": ([[60.0, 101.5], [61.0, 70.0]], "", "row 'm0', column 't1' has 101.5"),
    "per mille": ([[605.0, 701.0], [612.0, 640.0]], "", "So do 3 other cells"),
    "a negative accuracy": (
        [[60.0, 50.0], [61.0, -3.2]] + [[60.0, 50.0]] * 9,
        "rte cb",
        "'m1', column 'cb' has -3.2",
    ),
    "gains": (
        [[0.0, 0.0], [1.5, -2.0], [-3.0, 2.0]],
        "",
        "look like gains, as 2 of 6 are negative",
    ),
    "gains on one target": ([[0.0], [-2.0], [3.0]], "", "look like gains"),
}


@pytest.mark.parametrize("case", FINE)
def test_what_may_be_percent_is_let_through(case: str) -> None:
    rows, columns = FINE[case]
    check_scores(FILE, table_of(rows, columns))


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_percent_is_refused_with_its_place(case: str) -> None:
    rows, columns, message = WRONG[case]
    with pytest.raises(IntertrainError, match=message) as caught:
        check_scores(FILE, table_of(rows, columns))
    assert str(caught.value).startswith("file 'mine': ") and "\n" not in str(caught.value)


def test_the_user_may_vouch_for_small_scores_only() -> None:
    for case in ("all fractions", "a target", "a base", "a cell"):
        check_scores(FILE, table_of(*WRONG[case][:2]), sure=True)
    for case in ("above", "gains", "a negative accuracy"):
        with pytest.raises(IntertrainError):
            check_scores(FILE, table_of(*WRONG[case][:2]), sure=True)


def test_what_is_let_through_but_odd_is_said() -> None:
    (note,) = check_scores(FILE, table_of(*FINE["Matthews' correlation"]))
    assert note.startswith(
        "All scores of target 'cola' lie between -1 and 1 and are read as percent"
    )
    assert check_scores(FILE, table_of(*FINE["the ends"])) == ()


@pytest.mark.parametrize(
    ("rows", "names", "message"),
    [
        ([[60.0, 70.0], [50.0, 90.0]], "", "none is negative and half are above 65.0. Name"),
        ([[1.0, 2.0], [-1.0, 0.0]], "PT b", "row 'PT' is not 0. .*--pretrained PT"),
        ([[1.0, -120.0]], "", "row 'm0', column 't1' has -120"),
    ],
)
def test_scores_are_no_gains(rows: list[list[float]], names: str, message: str) -> None:
    with pytest.raises(IntertrainError, match=message):
        check_gains(FILE, table_of(rows, names=names))


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ([[0.0, 0.0], [1.0, -1.5]], "PT b"),
        ([[30.0, -0.5], [40.0, 2.0]], ""),
        ([[NAN]], ""),
        ([[2.0]], ""),
    ],
)
def test_gains_are_gains(rows: list[list[float]], names: str) -> None:
    assert check_gains(FILE, table_of(rows, names=names)) == ()


def test_small_gains_are_points_and_that_is_said() -> None:
    assert "read as points" in check_gains(FILE, table_of([[0.02, -0.01]]))[0]
