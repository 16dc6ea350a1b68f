"""What holds of every family in the table: names, shapes, sizes, and what a head is."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.models.block import TokenBlock, word_embeddings
from intertrain_jax.models.families.family import Family, LayerSizes, columns
from intertrain_jax.models.families.table import FAMILIES, family_of
from intertrain_jax.models.hf.keys import expand
from intertrain_jax.models.hf.weights import flatten
from tests.models.tiny_models import CONFIGS, Sizes
from tests.models.tiny_models import KINDS as MAKERS

ROWS, LENGTH, SEGMENTS, CLASSES = 2, 8, 3, 5
# Sizes of which no two are equal, so that none can be taken for another.
ODD = Sizes(width=6, heads=3, head_size=4, layers=2, inner=10, vocab=17, positions=13)
MODEL_TYPES = [(name, kind) for name, family in FAMILIES.items() for kind in family.model_types]

each_kind = pytest.mark.parametrize("kind", MAKERS)


def made(kind: str) -> tuple[Family, Any]:
    """Returns a family and the shape of a tiny model of it."""
    content = MAKERS[kind](ODD)
    family = family_of(content, kind)
    return family, family.config(content, kind)


def abstract_block() -> TokenBlock:
    """Returns the shapes of a block."""
    row = jax.ShapeDtypeStruct((ROWS, LENGTH), jnp.int32)
    return TokenBlock(row, row, row, row, jax.ShapeDtypeStruct((ROWS, SEGMENTS), jnp.int32))


def products(jaxpr: Any) -> int:
    """Counts the multiplications of all matrix products in a program."""
    total = 0
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "dot_general":
            (contracted, _), _ = eqn.params["dimension_numbers"]
            left = eqn.invars[0].aval.shape
            total += prod(eqn.outvars[0].aval.shape) * prod(left[k] for k in contracted)
        for value in eqn.params.values():
            inner = getattr(value, "jaxpr", value)
            total += products(inner) if hasattr(inner, "eqns") else 0
    return total


@each_kind
def test_the_parameters_of_layers_are_those_of_its_matrices(kind: str) -> None:
    family, config = made(kind)
    matrices = [
        prod(leaf.shape)
        for path, leaf in flatten(family.network.shapes(config, None))
        if "layers/" in path and path.endswith("kernel")
    ]
    assert family.layers(config).parameters == sum(matrices)


@each_kind
def test_a_token_costs_one_multiplication_for_each_parameter(kind: str) -> None:
    """Beside attention, where each pair of tokens costs one for each unit, twice."""
    family, config = made(kind)
    sizes, tokens = family.layers(config), ROWS * LENGTH
    program = jax.make_jaxpr(lambda p, b: family.network.hidden_states(p, config, b))
    found = products(program(family.network.shapes(config, None), abstract_block()).jaxpr)
    attention = 2 * sizes.layers * ROWS * LENGTH**2 * sizes.attention
    assert found == tokens * sizes.parameters + attention


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("bert", "google-bert/bert-base-uncased"),
        ("roberta", "FacebookAI/roberta-base"),
        ("distilbert", "distilbert/distilbert-base-uncased"),
        ("t5", "google-t5/t5-small"),
    ],
)
def test_published_sizes_are_those_of_the_model_that_transformers_takes_for_granted(
    name: str, published: str
) -> None:
    from transformers import CONFIG_MAPPING

    family = FAMILIES[name]
    config = family.config(CONFIG_MAPPING[name]().to_dict(), "m")
    assert family.layers(config) == family.published[published]


def test_the_feed_forward_part_has_a_third_matrix_where_it_has_a_gate() -> None:
    assert LayerSizes(2, 3, 5, 7).parameters == 2 * 3 * (4 * 7 + 2 * 5)
    assert LayerSizes(2, 3, 5, 7, matrices=3).parameters == 2 * 3 * (4 * 7 + 3 * 5)


@each_kind
def test_every_output_has_the_shape_that_it_promises(kind: str) -> None:
    family, config = made(kind)
    network, block = family.network, abstract_block()
    params = network.shapes(config, CLASSES)
    words = jax.eval_shape(word_embeddings, params, block.tokens_RxL)
    outputs = jax.eval_shape(
        lambda p, w, b: (
            network.hidden_states({k: v for k, v in p.items() if k != "head"}, config, b),
            network.head_features(
                {k: v for k, v in p.items() if k != "head"}, config, b, jnp.float32
            ),
            network.classify(p, w, config, b, None, jnp.bfloat16),
        ),
        params,
        words,
        block,
    )
    hidden, features, logits = (tuple(x.shape) for x in outputs)
    assert hidden == (ROWS, LENGTH, config.hidden_size)
    assert features == (ROWS, SEGMENTS, config.hidden_size)
    assert logits == (ROWS, SEGMENTS, CLASSES) and outputs[2].dtype == jnp.float32
    head = network.head_shapes(config, CLASSES)
    assert jax.tree.map(lambda x: x.shape, head) == jax.tree.map(lambda x: x.shape, params["head"])
    of_head = jax.eval_shape(lambda h, x: network.head_logits(h, config, x, None), head, outputs[1])
    assert of_head.shape == logits and of_head.dtype == jnp.float32


@each_kind
def test_a_head_is_all_that_classes_change(kind: str) -> None:
    family, config = made(kind)
    bare = dict(flatten(family.network.shapes(config, None)))
    for classes in (1, CLASSES):
        whole = dict(flatten(family.network.shapes(config, classes)))
        added = {path: leaf.shape for path, leaf in whole.items() if path not in bare}
        assert {path.split("/")[0] for path in added} == {"head"}
        assert added["head/out/kernel"] == (config.hidden_size, classes)
        assert added["head/out/bias"] == (classes,)


@each_kind
def test_key_tables_map_both_ways(kind: str) -> None:
    """A name in a file gives a path, and the path gives that name again; no prefix hides another."""
    family, config = made(kind)
    table = family.keys(config)
    layers = config.num_layers, config.num_decoder_layers
    keys = [*expand(table.body, *layers), *table.optional, *table.head]
    assert len({key.tensor for key in keys}) == len({key.path for key in keys}) == len(keys)
    for key in keys:
        assert not any(key.tensor.startswith(start) for start, _ in table.ignored), key
    fresh = {path for path, _ in flatten(family.fill(config))}
    assert fresh == {key.path for key in table.optional}


@each_kind
def test_a_configuration_is_a_value_whose_shape_forgets_dropout(kind: str) -> None:
    _, config = made(kind)
    rates = ("hidden_dropout", "attention_dropout", "classifier_dropout")
    other = replace(config, **dict.fromkeys(rates, 0.35))
    assert other != config and other.shape == config.shape == config.shape.shape
    assert hash(other.shape) == hash(config.shape)
    assert all(getattr(config.shape, rate) == 0.0 for rate in rates)
    assert config.shape.family == config.family and config.initializer_range > 0


@pytest.mark.parametrize(("name", "model_type"), MODEL_TYPES)
def test_classes_of_transformers_are_called_so(name: str, model_type: str) -> None:
    pytest.importorskip("torch", reason="transformers names its models with torch only")
    from transformers.models.auto import modeling_auto as auto

    family = FAMILIES[name]
    stem = family.model_types[model_type]
    headed = (
        auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
        if family.text_to_text
        else auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
    )
    assert headed[model_type] == f"{stem}{family.headed}"
    assert auto.MODEL_MAPPING_NAMES[model_type] == f"{stem}Model"


@pytest.mark.parametrize(("name", "model_type"), MODEL_TYPES)
def test_what_a_file_does_not_say_is_what_transformers_assumes(name: str, model_type: str) -> None:
    from transformers import CONFIG_MAPPING

    family = FAMILIES[name]
    theirs = CONFIG_MAPPING[model_type]().to_dict()
    needed = {*MAKERS["t5" if name == "t5" else name](ODD)}
    if name != "t5":
        needed -= {"type_vocab_size", "layer_norm_eps"}
    else:
        needed -= {"feed_forward_proj", "tie_word_embeddings", "num_decoder_layers"}
        needed -= {"relative_attention_num_buckets", "relative_attention_max_distance"}
    said = {key: value for key, value in theirs.items() if key in needed}
    assert len(said) == len(needed) < len(theirs)
    assert family.config(said, "m") == family.config(theirs, "m")


def test_positions_are_columns_unless_a_family_says_otherwise() -> None:
    config: Any = None
    found = columns(np.array([[7, 7, 1], [1, 1, 1]]), config)
    assert found.tolist() == [[0, 1, 2], [0, 1, 2]]
    assert [name for name, family in FAMILIES.items() if family.positions is not columns] == [
        "roberta"
    ]


@each_kind
def test_only_a_family_of_texts_answers_in_words(kind: str) -> None:
    family, config = made(kind)
    assert family.text_to_text == kind.startswith("t5")
    if not family.text_to_text:
        with pytest.raises(TypeError, match=f"family {kind} does not answer in words"):
            _ = family.texts
        return
    whole = {path for path, _ in flatten(family.shapes(config, 1))}
    tied = {path for path, _ in flatten(family.shapes(config, None))}
    assert whole - tied == {"head/out/kernel"} and tied < whole
    assert family.texts.has_own_head(config) == (kind == "t5-v1.1")


def test_tiny_models_are_of_every_family() -> None:
    assert {made(kind)[0].name for kind in CONFIGS} == set(FAMILIES)
