"""Offsets and swaps in single rows: what is found, and what it is worth against the row as it stands."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.diagnosis.shifts import best_gains, find_offsets, find_swaps, fit_columns

# Columns that are far apart, so that it is plain where a score belongs.
CENTRES = np.array([20.0, 40.0, 60.0, 80.0, 95.0])
OWN = np.arange(5)


def table() -> np.ndarray:
    """Returns 40 sound rows."""
    return CENTRES + np.random.default_rng(0).normal(0, 0.5, (40, 5))


def offsets_of(row: np.ndarray, order: np.ndarray = OWN) -> tuple[list[int], float]:
    """Returns where each cell of a row belongs, and the gain of that."""
    log_density = fit_columns(table()).log_densities(row[None])
    found = find_offsets(log_density, row[None], order[None], furthest=4)
    again = best_gains(log_density, row[None], order[None], furthest=4)
    np.testing.assert_allclose(found.gain, again, rtol=1e-9, atol=1e-9)
    if found.gain[0, 0] > 1.0:
        # The best offsets are one of all that the sum is over.
        assert found.total[0, 0] >= found.gain[0, 0] - 1e-9
    return found.source[0, 0].tolist(), float(found.gain[0, 0])


def test_columns_are_fitted_robustly() -> None:
    scores = table()
    scores[:5] = 0.0
    scores[5, 0] = np.nan
    columns = fit_columns(scores)
    np.testing.assert_allclose(columns.centre, CENTRES, atol=0.5)
    assert ((columns.scale > 0.2) & (columns.scale < 1.2)).all()
    assert np.isnan(columns.distances(scores)[5, 0])


def test_a_column_of_ties_has_a_scale() -> None:
    scores = table()
    scores[:, 2] = 60.0
    columns = fit_columns(scores)
    assert columns.scale[2] == pytest.approx(0.5 * np.median(columns.scale), rel=0.3)
    assert (fit_columns(np.ones((4, 3))).scale > 0).all()


def test_the_density_of_a_cell_is_highest_in_its_own_column_and_nothing_where_empty() -> None:
    scores = table()
    scores[3, 1] = np.nan
    density = fit_columns(scores).log_densities(scores)
    assert (density[3, 1] == 0).all()
    whole = np.delete(density, 3, axis=0)
    assert (whole.argmax(axis=2) == OWN).all()


def test_a_sound_row_is_best_as_it_stands() -> None:
    source, gain = offsets_of(CENTRES)
    assert source == OWN.tolist() and gain == pytest.approx(0.0, abs=1e-9)


def test_a_missing_score_shifts_those_after_it() -> None:
    source, gain = offsets_of(np.array([20.0, 60.0, 80.0, 95.0, np.nan]))
    assert source == [0, 2, 3, 4, 4] and gain > 10
    # The last cell may keep its score, and the row then repeats itself.
    source, _ = offsets_of(np.array([40.0, 60.0, 80.0, 95.0, 95.0]))
    assert source == [1, 2, 3, 4, 4]


def test_two_missing_scores_add_up() -> None:
    source, gain = offsets_of(np.array([20.0, 80.0, 95.0, np.nan, np.nan]))
    assert source[:3] == [0, 3, 4] and gain > 10


def test_rows_are_shifted_along_the_order_that_is_given() -> None:
    order = np.array([4, 2, 0, 1, 3])
    row = np.full(5, np.nan)
    row[order[:4]] = CENTRES[order[1:]]
    source, gain = offsets_of(row, order)
    assert gain > 10
    assert [source[c] for c in order[:4]] == order[1:].tolist()
    assert offsets_of(row)[1] < gain


def test_the_best_swap_is_found_and_a_sound_row_has_none() -> None:
    rows = np.array([CENTRES, CENTRES[[0, 3, 2, 1, 4]], CENTRES[[4, 1, 2, 3, 0]]])
    swaps = find_swaps(fit_columns(table()).log_densities(rows), rows)
    assert swaps.pair[1:].tolist() == [[1, 3], [0, 4]]
    assert swaps.gain[0] < 0 < 10 < swaps.gain[1:].min()
    assert (swaps.total >= swaps.gain).all()


def test_cells_that_are_empty_are_not_swapped() -> None:
    row = CENTRES[[0, 3, 2, 1, 4]].copy()
    row[3] = np.nan
    swaps = find_swaps(fit_columns(table()).log_densities(row[None]), row[None])
    assert 3 not in swaps.pair[0] and swaps.gain[0] < 0
