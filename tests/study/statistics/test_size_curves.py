"""Curves over train sizes, from the records of one grid at each of them."""

from __future__ import annotations

import pytest

from intertrain_jax.study.statistics.size_curves import size_curves, sized_gains
from tests.stats.studies import sized_store


def test_curves_over_train_sizes() -> None:
    stores = [sized_store(50, 5.0), sized_store(200, 2.0), sized_store(800, -1.0)]
    curves = size_curves(sized_gains(stores))
    assert {(c.varied, c.name) for c in curves} == {("both", "a"), ("both", "b")}
    for curve in curves:
        assert [(p.size, p.mean, p.n) for p in curve.curve.points] == [
            (50, pytest.approx(5.0), 2),
            (200, pytest.approx(2.0), 2),
            (800, pytest.approx(-1.0), 2),
        ]
    assert size_curves(sized_gains(stores[:1])) == ()


def test_further_base_models_have_curves_of_the_target_alone() -> None:
    stores = [sized_store(50, 5.0, ("other",)), sized_store(200, 2.0, ("other",))]
    curves = size_curves(sized_gains(stores))
    assert {(c.varied, c.name, c.fixed) for c in curves} == {
        ("target", "a", None),
        ("target", "b", None),
    }
