"""The page of a target."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from intertrain_jax.site.board import Cell, Model, Target
from intertrain_jax.site.pages.target import detectable, page
from tests.boards import board


def test_the_smallest_gain_that_can_be_told_is_that_of_a_t_test() -> None:
    # Two means of five with a known spread: the difference at which Student's p is 5 %.
    target = Target("t", std=2.0, df=8.0)
    gain = detectable(target, 5)
    t = gain / (2.0 * math.sqrt(2 / 5))
    assert 2 * stats.t.sf(t, 8) == pytest.approx(0.05)
    assert math.isnan(detectable(Target("t"), 5)) and math.isnan(detectable(target, 0))


def test_best_starts_first_and_nothing_where_nothing_is() -> None:
    tiny = board()
    found = page(tiny, tiny.targets[0])
    assert [model.name for model, _, _ in found["best"]] == ["good", "middle", "part"]
    assert (found["count"], found["above"]) == (3, 2)
    assert found["correlation"] is None
    nothing = page(board(models=()), tiny.targets[0])
    assert nothing["count"] == 0 and math.isnan(nothing["mean"])


def test_the_correlation_is_with_the_other_targets() -> None:
    gains = [(0.0, 3.0), (1.0, 2.0), (2.0, 1.0), (3.0, 0.0)]
    models = tuple(
        Model(str(x), average=0.0, cells={"t1": Cell(x), "t2": Cell(y)}) for x, y in gains
    )
    found = page(board(models=models), board().targets[0])["correlation"]
    assert (found.value, found.n) == (-1.0, 4) and found.high < 0


def test_targets_are_sensitive_in_the_order_of_their_largest_gains() -> None:
    tiny = board()
    assert [page(tiny, target)["place"] for target in tiny.targets] == [(1, 2), (2, 2)]
    assert page(board(models=()), tiny.targets[0])["place"] is None
