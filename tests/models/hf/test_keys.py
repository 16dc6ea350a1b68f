"""The key tables name every parameter once, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from tiny_models import CONFIGS

from intertrain_jax.models.families.table import family_of
from intertrain_jax.models.hf.keys import Key, expand
from intertrain_jax.models.hf.tensors import flatten


@pytest.mark.parametrize("hf_config", CONFIGS.values(), ids=CONFIGS)
def test_a_table_covers_the_parameter_tree_exactly(hf_config: dict[str, Any]) -> None:
    family = family_of(hf_config, "tiny")
    config = family.config(hf_config, "tiny")
    table = family.keys(config)
    shapes = family.shapes(config, 3 if table.head else None)
    head = shapes.pop("head", {})
    layers = config.num_layers, config.num_decoder_layers
    body = [*expand(table.body, *layers), *table.optional]
    for keys, tree in ((body, shapes), (list(table.head), head)):
        assert sorted(key.path for key in keys) == sorted(path for path, _ in flatten(tree))
        assert len({key.tensor for key in keys}) == len(keys)


@pytest.mark.parametrize("hf_config", CONFIGS.values(), ids=CONFIGS)
def test_the_body_lies_under_the_roots(hf_config: dict[str, Any]) -> None:
    family = family_of(hf_config, "tiny")
    keys = family.keys(family.config(hf_config, "tiny"))
    assert all(key.tensor.startswith(keys.roots) for key in (*keys.body, *keys.optional))
    assert not any(key.tensor.startswith(keys.roots) for key in keys.head)


def test_layers_are_numbered_from_0() -> None:
    keys = expand((Key("w", "a"), Key("l.{layer}.w", "layers/{layer}/b", transposed=True)), 2)
    assert keys == [
        Key("w", "a"),
        Key("l.0.w", "layers/0/b", transposed=True),
        Key("l.1.w", "layers/1/b", transposed=True),
    ]
