"""Tensors by name become arrays in a tree, and back: each is used once, ignored, or an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tiny_models import CONFIGS, ENCODERS, ModelFactory, Tensors

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import FAMILIES, family_of
from intertrain_jax.models.hf.tensors import (
    Wanted,
    flatten,
    params_from_tensors,
    tensors_from_params,
)

NAME = "the model"


def config_of(kind: str) -> AnyConfig:
    """Returns a tiny shape."""
    return family_of(CONFIGS[kind], kind).config(CONFIGS[kind], kind)


def tensors_of(models: ModelFactory, kind: str, classes: int | None = None) -> Tensors:
    """Returns the tensors of a file of that kind."""
    return models.tensors(models.config(kind), classes)


@pytest.mark.parametrize("kind", CONFIGS)
def test_there_and_back_every_bit_is_the_same(models: ModelFactory, kind: str) -> None:
    config, tensors = config_of(kind), tensors_of(models, kind, 3)
    params, head, report = params_from_tensors(config, tensors, NAME)
    back = tensors_from_params(config, params, head)
    own_head = "lm_head.weight" in tensors or kind in ENCODERS
    assert set(back) == set(tensors) if own_head else set(back) >= set(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(back[name], tensor)
    # The report accounts for every tensor once, and says where it is now.
    named = [used.name for used in report.used] + [name for name, _ in report.ignored]
    assert sorted(named) == sorted(tensors)
    arrays = dict(flatten({**params, "head": head or {}}))
    assert {used.path for used in report.used} == set(arrays) - {p for p, _ in report.initialised}
    for used in report.used:
        assert used.shape == tensors[used.name].shape and used.dtype == "float32"
        assert arrays[used.path].size == tensors[used.name].size


@pytest.mark.parametrize("kind", CONFIGS)
def test_no_tensor_of_the_body_can_be_left_out_or_be_of_another_shape(
    models: ModelFactory, kind: str
) -> None:
    config, tensors = config_of(kind), tensors_of(models, kind)
    table = FAMILIES[config.family].keys(config)
    optional = {key.tensor for key in table.optional}
    body = [name for name in tensors if name.removeprefix(table.prefix) not in optional]
    head = {key.tensor for key in table.head}
    assert len(body) > 20
    for name in set(body) - head:
        with pytest.raises(IntertrainError) as caught:
            params_from_tensors(config, {n: x for n, x in tensors.items() if n != name}, NAME)
        assert f"must have the tensor '{name}'" in str(caught.value)
        longer = {**tensors, name: np.zeros((*tensors[name].shape, 1), np.float32)}
        with pytest.raises(IntertrainError) as caught:
            params_from_tensors(config, longer, NAME)
        assert f"tensor '{name}' must have the shape {list(tensors[name].shape)}" in str(
            caught.value
        )


Change = Callable[[np.ndarray], Any]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.astype(np.int8), "must hold floating-point numbers, got int8"),
        (lambda x: x > 0, "must hold floating-point numbers, got bool"),
        (lambda x: x * np.float32(1e30), "whose squares are numbers, too, got"),
        (lambda x: x * np.float32(-1e30), "whose squares are numbers, too, got"),
    ],
    ids=["whole numbers", "truths", "too large", "too small"],
)
def test_numbers_that_cannot_be_weights_are_named(
    models: ModelFactory, change: Change, message: str
) -> None:
    tensors = tensors_of(models, "bert")
    name = "bert.encoder.layer.1.output.dense.weight"
    tensors[name] = change(tensors[name])
    with pytest.raises(IntertrainError, match=message) as caught:
        params_from_tensors(config_of("bert"), tensors, NAME)
    assert f"'{name}'" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_left_to_what_computes(models: ModelFactory, bad: float) -> None:
    tensors = tensors_of(models, "bert")
    name = next(iter(tensors))
    tensors[name].flat[0] = bad
    params, _, _ = params_from_tensors(config_of("bert"), tensors, NAME)
    found = [array for _, array in flatten(params) if not np.isfinite(array).all()]
    assert len(found) == 1 and not np.isfinite(found[0].flat[0])


@pytest.mark.parametrize("wrapper", ["module.", "model.", "module._orig_mod.", "0.auto_model."])
def test_what_wraps_a_model_is_taken_off(models: ModelFactory, wrapper: str) -> None:
    config, tensors = config_of("roberta"), tensors_of(models, "roberta")
    wrapped = {wrapper + name: tensor for name, tensor in tensors.items()}
    expected, _, _ = params_from_tensors(config, tensors, NAME)
    params, _, _ = params_from_tensors(config, wrapped, NAME)
    for (path, array), (other, same) in zip(flatten(expected), flatten(params), strict=True):
        assert path == other
        np.testing.assert_array_equal(array, same)


def test_an_adapter_is_called_so(models: ModelFactory) -> None:
    tensors = tensors_of(models, "bert")
    query = next(name for name in tensors if name.endswith("query.weight"))
    tensors[query.replace("query.", "query.base_layer.")] = tensors.pop(query)
    tensors[query.replace("query.", "query.lora_A.default.")] = np.zeros((1, 6), np.float32)
    with pytest.raises(IntertrainError, match=r"holds an adapter \(LoRA\) .* merge it"):
        params_from_tensors(config_of("bert"), tensors, NAME)


def test_two_spellings_of_one_tensor_are_not_chosen_from(models: ModelFactory) -> None:
    tensors = tensors_of(models, "bert")
    name = next(iter(tensors))
    with pytest.raises(IntertrainError, match="are the same one; remove one of them"):
        params_from_tensors(config_of("bert"), {**tensors, f"module.{name}": tensors[name]}, NAME)


def test_the_output_of_a_text_to_text_model_is_its_own_or_the_words(models: ModelFactory) -> None:
    config, tensors = config_of("t5-v1.1"), tensors_of(models, "t5-v1.1")
    _, own, _ = params_from_tensors(config, tensors, NAME)
    assert own is not None
    np.testing.assert_array_equal(own["out"]["kernel"], tensors["lm_head.weight"].T)
    without = {name: x for name, x in tensors.items() if name != "lm_head.weight"}
    _, tied, report = params_from_tensors(config, without, NAME)
    assert tied is not None and [path for path, _ in report.initialised] == ["head"]
    np.testing.assert_array_equal(tied["out"]["kernel"], tensors["shared.weight"].T)
    with pytest.raises(IntertrainError, match=r"'lm_head\.weight'.*weights of its own"):
        params_from_tensors(config, without, NAME, Wanted(tied=False))
    _, none, report = params_from_tensors(config, without, NAME, Wanted(texts=False, tied=False))
    assert none is None and [path for path, _ in report.absent] == ["head"]


def test_an_encoder_alone_is_enough_where_no_texts_are_wanted(models: ModelFactory) -> None:
    config, tensors = config_of("t5"), tensors_of(models, "t5")
    alone = {name: x for name, x in tensors.items() if not name.startswith("decoder.")}
    with pytest.raises(IntertrainError, match=r"must have the tensor 'decoder\."):
        params_from_tensors(config, alone, NAME)
    params, _, report = params_from_tensors(config, alone, NAME, Wanted(texts=False))
    assert report.absent == (("decoder", "the file has none; it gives no texts"),)
    assert not any(path.startswith("decoder") for path, _ in flatten(params))
    assert set(tensors_from_params(config, params, None)) == set(alone)
    # Half a decoder is a broken file, whatever is wanted.
    first = next(name for name in tensors if name.startswith("decoder."))
    with pytest.raises(IntertrainError, match=r"must have the tensor 'decoder\."):
        params_from_tensors(config, {**alone, first: tensors[first]}, NAME, Wanted(texts=False))


def test_paths_are_those_of_leaves_in_order() -> None:
    tree = {"b": {"y": 1, "x": {"deep": 2}}, "a": 3, "empty": {}}
    assert list(flatten(tree)) == [("b/y", 1), ("b/x/deep", 2), ("a", 3)]
