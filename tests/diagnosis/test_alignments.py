"""Alignments of a row are weighed on one scale, over orders as well."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.diagnosis.alignments import Best, align, moved_back
from intertrain_jax.diagnosis.column_order import ColumnOrder
from intertrain_jax.diagnosis.shifts import Ints, fit_columns

CENTRES = np.array([15.0, 30.0, 45.0, 60.0, 75.0, 90.0])


def table() -> np.ndarray:
    return CENTRES + np.random.default_rng(0).normal(0, 0.5, (40, 6))


def best(row: np.ndarray, order: ColumnOrder | None = None) -> Best | None:
    density = fit_columns(table()).log_densities(row[None])
    (found,) = align(density, row[None], order or ColumnOrder.own(6))
    return found.best()


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("shifted", [0, 2, 3, 4, 5, -1]),
        ("shifted", [1, 2, 3, 4, 5, -1]),
        ("shifted", [-1, 0, 1, 2, 3, 4]),
        ("swapped", [0, 4, 2, 3, 1, 5]),
        ("permuted", [1, 3, 2, 5, 4, 0]),
    ],
)
def test_what_moved_is_put_back(kind: str, source: list[int]) -> None:
    truth = table()[5]
    row = np.array([truth[at] if at >= 0 else np.nan for at in source])
    found = best(row)
    assert found is not None and found.kind == kind and found.confidence > 0.95
    kept = np.array([at in source for at in range(6)])
    np.testing.assert_array_equal(moved_back(row, found.source), np.where(kept, truth, np.nan))


def test_a_sound_row_is_likelier_as_it_stands() -> None:
    found = best(table()[5])
    assert found is None or found.evidence < 0


def test_two_orders_share_the_confidence() -> None:
    truth = table()[5]
    row = np.append(truth[1:], np.nan)
    first: Ints = np.arange(6)
    # The second order agrees but for the first column, which a row that lacks it does not show.
    second = np.array([1, 0, 2, 3, 4, 5])
    near = np.array([first, second])
    one = best(row)
    both = best(row, ColumnOrder(first, 3, near, np.array([0.5, 0.5])))
    assert one is not None and both is not None
    np.testing.assert_array_equal(moved_back(row, both.source), moved_back(row, one.source))
    assert both.evidence < one.evidence


def test_ties_are_no_evidence() -> None:
    row = table()[5]
    row[3] = row[2]
    found = best(row)
    assert found is None or found.confidence < 0.99 or found.evidence < np.log(1e6)
    assert found is None or (moved_back(row, found.source)[[0, 1, 4, 5]] == row[[0, 1, 4, 5]]).all()
