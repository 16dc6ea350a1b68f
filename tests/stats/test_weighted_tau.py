"""Kendall's weighted τ against its definition, and what it is for."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import rankdata

from intertrain_jax.stats.weighted_tau import weighted_tau


def by_definition(x: np.ndarray, y: np.ndarray) -> float:
    """Signs of pairs, weighted by both models' ranks from the top; of columns without ties."""

    def one(rank: np.ndarray) -> float:
        right = total = 0.0
        for i, j in combinations(range(len(x)), 2):
            weight = 1.0 / rank[i] + 1.0 / rank[j]
            right += weight * np.sign((x[i] - x[j]) * (y[i] - y[j]))
            total += weight
        return right / total

    return (one(rankdata(-x)) + one(rankdata(-y))) / 2.0


@pytest.mark.parametrize("n", [2, 3, 7, 30])
def test_it_is_its_definition(n: int) -> None:
    x, y = np.random.default_rng(n).normal(size=(2, n))
    found = weighted_tau([*x, np.nan], [*y, 1.0])
    assert (found.kind, found.n) == ("weighted_tau", n)
    assert found.value == pytest.approx(by_definition(x, y))
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(found.p) == (n < 3)


def test_a_mistake_at_the_top_counts_more_than_one_at_the_bottom() -> None:
    right = np.arange(12.0)
    top, bottom = right.copy(), right.copy()
    top[[-1, -2]], bottom[[0, 1]] = top[[-2, -1]], bottom[[1, 0]]
    assert weighted_tau(right, top).value < weighted_tau(right, bottom).value - 0.05


def test_p_is_small_for_an_order_and_never_zero_and_the_same_every_time() -> None:
    x, y = np.random.default_rng(2).normal(size=(2, 20))
    found = weighted_tau(x, x + 0.2 * y)
    assert 0.0009 < found.p < 0.005
    # Of noise too, whatever the order of the rows.
    assert weighted_tau(x, y).p == weighted_tau(x, y).p == weighted_tau(x[::-1], y[::-1]).p


def test_p_is_uniform_without_association() -> None:
    rng = np.random.default_rng(3)
    p = np.array([weighted_tau(*rng.normal(size=(2, 8))).p for _ in range(25)])
    # 25 uniform draws: within four standard deviations.
    assert abs(p.mean() - 0.5) < 0.24 and (p < 0.2).sum() <= 13


def test_ties_are_neither_right_nor_wrong() -> None:
    found = weighted_tau([1, 2, 2, 3], [1, 2, 3, 4])
    assert 0.8 < found.value < 1.0
    assert np.isnan(weighted_tau([1, 1], [1, 2]).value)
    assert weighted_tau([], []).n == 0
