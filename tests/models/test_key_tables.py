"""The key tables name every parameter once, in both directions."""

from __future__ import annotations

import pytest
from tiny_models import SIZES

from intertrain_jax.models.hf_weights import flatten
from intertrain_jax.models.key_tables import Key, expand
from intertrain_jax.models.zoo import FAMILIES


@pytest.mark.parametrize("name", FAMILIES)
def test_a_table_covers_the_parameter_tree_exactly(name: str) -> None:
    family = FAMILIES[name]
    config = family.config({"model_type": name, **SIZES}, name)
    shapes = family.shapes(config, 3)
    head = shapes.pop("head")
    body = [*expand(family.keys.body, config.num_layers), *family.keys.pooler]
    for keys, tree in ((body, shapes), (list(family.keys.head), head)):
        assert sorted(key.path for key in keys) == sorted(path for path, _ in flatten(tree))
        assert len({key.tensor for key in keys}) == len(keys)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_body_lies_under_the_roots(name: str) -> None:
    keys = FAMILIES[name].keys
    assert all(key.tensor.startswith(keys.roots) for key in (*keys.body, *keys.pooler))
    assert not any(key.tensor.startswith(keys.roots) for key in keys.head)


def test_layers_are_numbered_from_0() -> None:
    keys = expand((Key("w", "a"), Key("l.{layer}.w", "layers/{layer}/b", transposed=True)), 2)
    assert keys == [
        Key("w", "a"),
        Key("l.0.w", "layers/0/b", transposed=True),
        Key("l.1.w", "layers/1/b", transposed=True),
    ]
