"""The hidden order of columns: paths through weights, moves of segments, and the whole search."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest

from intertrain_jax.diagnosis import column_order as co
from intertrain_jax.diagnosis.shifts import fit_columns


def length_of(weights: np.ndarray, order: np.ndarray) -> float:
    return float(sum(weights[a, b] for a, b in pairwise(order)))


def weights_of(seed: int, length: int = 6) -> np.ndarray:
    weights = np.random.default_rng(seed).normal(size=(length, length))
    np.fill_diagonal(weights, -np.inf)
    return weights


def test_the_greedy_path_takes_the_largest_edges_and_visits_every_column() -> None:
    order = [3, 0, 4, 1, 2]
    weights = np.zeros((5, 5))
    for size, (a, b) in enumerate(pairwise(order), 1):
        weights[a, b] = size
    np.fill_diagonal(weights, -np.inf)
    assert co.greedy_path(weights).tolist() == order


@pytest.mark.parametrize("seed", range(5))
def test_moves_are_worth_what_the_path_then_gains(seed: int) -> None:
    weights, order = weights_of(seed), np.random.default_rng(seed).permutation(6)
    weights[np.isinf(weights)] = 0.0
    changes = co._changes(weights, order)
    before = length_of(weights, order)
    for move, change in enumerate(changes):
        after = co._moved(order, move)
        assert sorted(after) == list(range(6))
        assert length_of(weights, after) - before == pytest.approx(change, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_an_improved_path_is_no_worse_and_near_the_best(seed: int) -> None:
    weights = weights_of(seed)
    greedy = co.greedy_path(weights)
    found = length_of(weights, co.improve_path(weights, greedy))
    best = max(length_of(weights, np.array(order)) for order in permutations(range(6)))
    assert length_of(weights, greedy) <= found + 1e-9 and found <= best + 1e-9
    assert found >= 0.9 * best


def shifted_table(order: np.ndarray, count: int) -> np.ndarray:
    """Returns 60 rows, of which the first `count` lack one score and are shifted along an order."""
    rng = np.random.default_rng(1)
    length = len(order)
    scores = np.linspace(10, 95, length) + rng.normal(0, 0.3, (60, length))
    for row in range(count):
        at = row % (length - 3)
        moved = scores[row, order]
        moved[at:-1] = moved[at + 1 :].copy()
        scores[row, order] = moved
    return scores


def inferred(scores: np.ndarray) -> co.ColumnOrder:
    columns = fit_columns(scores)
    return co.infer_order(columns, scores, columns.log_densities(scores))


def test_shifted_rows_tell_the_order() -> None:
    order = np.array([5, 2, 7, 0, 3, 6, 1, 4])
    found = inferred(shifted_table(order, 12))
    assert found.columns.tolist() == order.tolist()
    assert found.rows == 12
    assert found.near[0].tolist() == order.tolist()
    assert found.probability.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("count", [0, 2])
def test_too_few_rows_leave_the_table_s_own_order(count: int) -> None:
    found = inferred(shifted_table(np.array([5, 2, 7, 0, 3, 6, 1, 4]), count))
    assert found.rows == 0 and found.columns.tolist() == list(range(8))


def test_rows_shifted_in_the_table_s_own_order_leave_it_as_it_is() -> None:
    found = inferred(shifted_table(np.arange(8), 12))
    assert found.columns.tolist() == list(range(8))
    # As likely as its own is not enough: an order is chosen from very many.
    assert found.rows == 0
