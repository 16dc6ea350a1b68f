"""Rows with cells under wrong columns: told apart by kind, put back, and told from sound ones."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.diagnosis.misplaced import Examined, Misplaced, find_misplaced

# Columns that are far apart, so that it is plain where a score belongs.
CENTRES = np.array([15.0, 30.0, 45.0, 60.0, 75.0, 90.0])
OWN = list(range(6))


def table(rows: int = 40) -> np.ndarray:
    """Returns sound rows."""
    return CENTRES + np.random.default_rng(0).normal(0, 0.5, (rows, 6))


def only(scores: np.ndarray) -> Misplaced:
    """Returns the one row that is found."""
    (found,) = find_misplaced(scores).misplaced
    return found


def test_a_sound_table_has_none_and_keeps_its_order() -> None:
    scores = table()
    scores[3, 1] = np.nan
    scores[7, 2] = 45.0 + 8.0
    found = find_misplaced(scores)
    assert found.misplaced == ()
    assert found.order.columns.tolist() == OWN and found.order.rows == 0
    np.testing.assert_allclose(found.columns.centre, CENTRES, atol=0.5)


def test_a_row_that_lacks_a_score_is_shifted() -> None:
    scores, truth = table(), table()
    scores[5] = [*truth[5, :2], *truth[5, 3:], np.nan]
    found = only(scores)
    assert (found.row, found.kind) == (5, "shifted")
    assert found.evidence > np.log(100) and found.confidence > 0.95
    truth[5, 2] = np.nan
    np.testing.assert_array_equal(found.repaired(scores[5]), truth[5])


def test_two_exchanged_cells_are_swapped() -> None:
    scores, truth = table(), table()
    scores[8, [1, 4]] = scores[8, [4, 1]]
    found = only(scores)
    assert (found.row, found.kind) == (8, "swapped")
    assert found.source.tolist() == [0, 4, 2, 3, 1, 5]
    assert found.confidence > 0.95
    np.testing.assert_array_equal(found.repaired(scores[8]), truth[8])


# Two cycles of three columns, against the order in which rows are shifted.
DISORDER = [2, 0, 1, 5, 3, 4]


def in_disorder() -> tuple[np.ndarray, np.ndarray]:
    """Returns a table whose third row is in disorder, and what that row should be.

    Its columns are eight spreads apart: were they farther, one exchange would explain enough. They are
    narrow, as a cell that moves must fit much better than one that fits nowhere.
    """
    centres = 50.0 + 0.08 * np.arange(6)
    scores = (table(200) - CENTRES) / 50.0 + centres
    scores[2] = centres[DISORDER]
    return scores, centres


def test_cells_that_neither_a_shift_nor_an_exchange_puts_right_are_permuted() -> None:
    scores, truth = in_disorder()
    found = only(scores)
    assert (found.row, found.kind) == (2, "permuted")
    assert found.source.tolist() == DISORDER
    assert found.evidence > np.log(100) and 0.5 < found.confidence <= 1.0
    np.testing.assert_array_equal(found.repaired(scores[2]), truth)


def test_rows_come_in_order_and_do_not_spoil_the_fit_of_the_columns() -> None:
    scores = table(16)
    for row in (13, 4, 9):
        scores[row, [0, 5]] = scores[row, [5, 0]]
    found = find_misplaced(scores)
    assert [misplaced.row for misplaced in found.misplaced] == [4, 9, 13]
    sound = np.delete(scores, [4, 9, 13], axis=0)
    np.testing.assert_allclose(found.columns.centre, np.median(sound, axis=0))


def test_far_cells_that_no_other_column_explains_stay_where_they_are() -> None:
    scores = table()
    scores[6] = 120.0 + np.arange(6)
    assert find_misplaced(scores).misplaced == ()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ([0, 1, 2], [1.0, 2.0, np.nan]),
        ([1, 0, 2], [2.0, 1.0, np.nan]),
        ([1, 2, 2], [np.nan, 1.0, 2.0]),
        ([-1, 1, 2], [np.nan, 2.0, np.nan]),
        ([2, 0, 1], [2.0, np.nan, 1.0]),
    ],
)
def test_a_repaired_row_has_each_score_where_it_belongs(
    source: list[int], expected: list[float]
) -> None:
    row = np.array([1.0, 2.0, np.nan])
    misplaced = Misplaced(0, "shifted", np.array(source), 9.0, 1.0)
    np.testing.assert_array_equal(misplaced.repaired(row), expected)


def test_columns_alone_are_fitted_without_a_search() -> None:
    scores = table()
    scores[8, [1, 4]] = scores[8, [4, 1]]
    found = Examined.without_search(scores)
    assert found.misplaced == () and found.order.columns.tolist() == OWN
    np.testing.assert_allclose(found.columns.centre, np.median(scores, axis=0))
