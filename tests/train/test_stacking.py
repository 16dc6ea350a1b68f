"""Trees with their layers stacked."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from intertrain_jax.train.stacking import stacked, stacked_as, unstacked
from tests.engine.tiny_grid import FAMILIES, tiny_checkpoint


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_its_layers_stacked_and_apart_again(family: str) -> None:
    params = tiny_checkpoint(family).params
    together = stacked(params)
    assert len(jax.tree.leaves(together)) < len(jax.tree.leaves(params))
    again = unstacked(together)
    assert jax.tree.structure(again) == jax.tree.structure(params)
    jax.tree.map(np.testing.assert_array_equal, again, params)
    assert unstacked(params).keys() == params.keys()


def test_layers_that_differ_stay_apart() -> None:
    one, two = np.ones((2, 3)), np.ones((2, 4))
    for tree in (
        {"0": {"a": one}, "1": {"a": two}},
        {"0": {"a": one}, "1": {"b": one}},
        {"0": one},
    ):
        assert jax.tree.structure(stacked(tree)) == jax.tree.structure(tree)


def test_order_is_by_number() -> None:
    tree = {"layers": {str(i): {"x": np.full(2, i)} for i in range(12)}}
    (values,) = jax.tree.leaves(stacked(tree))
    assert values[:, 0].tolist() == list(range(12))
    assert stacked_as(tree, tree) is tree
    assert jax.tree.structure(stacked_as(tree, stacked(tree))) == jax.tree.structure(stacked(tree))
