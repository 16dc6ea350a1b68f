"""Two models side by side."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.site.board import NAN, Cell, Target
from intertrain_jax.site.pages.compare import difference, page
from tests.boards import board


def test_over_seeds_the_pretrained_models_noise_cancels() -> None:
    tiny = board()
    found = difference(tiny, tiny.models[0], tiny.models[1])
    assert [row[3] for row in found.rows] == [3.0, 1.0] and found.basis == "seeds"
    errors = np.array([2.0, 1.0]) * math.sqrt(2 / 3)
    half = stats.norm.ppf(0.975) * np.sqrt((errors**2).sum()) / 2
    assert (found.mean, found.low, found.high) == pytest.approx((2.0, 2 - half, 2 + half))


def test_without_seeds_it_is_a_paired_t_test_over_targets() -> None:
    targets = tuple(Target(f"t{i}") for i in range(4))
    a, b = [1.0, 2.0, 4.0, 0.0], [0.0, 2.0, 1.0, 1.0]
    models = [
        dataclasses.replace(board().models[0], cells={f"t{i}": Cell(x) for i, x in enumerate(xs)})
        for xs in (a, b)
    ]
    found = difference(board(targets=targets), *models)
    expected = stats.ttest_rel(a, b).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert all(math.isnan(row[4]) for row in found.rows)


def test_models_without_a_common_target_have_no_difference() -> None:
    tiny = board()
    found = difference(tiny, tiny.models[0], tiny.models[3])
    assert found.rows == () and math.isnan(found.mean)


def test_the_data_of_the_script_are_those_of_the_models_with_gains() -> None:
    data = json.loads(page(board())["data"])
    assert data["gains"] == [[4.0, 2.0], [1.0, 1.0], [-1.0, None]]
    assert data["n"] == [[3, 3], [3, 3], [3, 0]]
    assert data["students"][2] == pytest.approx(stats.t.ppf(0.975, 2), abs=1e-3)
    assert NAN not in data["std"] and page(board(models=()))["found"] is None
