"""Every tensor of a file is used, ignored with a reason, or an error; and the fingerprint."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny_models import ENCODERS, ModelFactory, Tensors

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.hf.tensors import flatten, params_from_tensors, tensors_from_params
from intertrain_jax.models.hf.weights import Checkpoint, fingerprint_of, load_checkpoint

WORD = "bert.embeddings.word_embeddings.weight"
Changed = Callable[..., Path]


def _same(a: Any, b: Any) -> None:
    a, b = dict(flatten(a)), dict(flatten(b))
    assert a.keys() == b.keys()
    for path in a:
        np.testing.assert_array_equal(a[path], b[path])


def _equal(a: Checkpoint, b: Checkpoint) -> None:
    _same(a.params, b.params)
    assert a.fingerprint == b.fingerprint


@pytest.mark.parametrize("model_type", [*ENCODERS, "xlm-roberta"])
@pytest.mark.parametrize("classes", [None, 3])
def test_a_model_loads_whole(models: ModelFactory, model_type: str, classes: int | None) -> None:
    directory = models(model_type, classes)
    checkpoint = load_checkpoint(str(directory))
    tensors = load_file(directory / "model.safetensors")
    report = checkpoint.report
    assert {used.name for used in report.used} == set(tensors)
    assert (report.ignored, report.initialised) == ((), ())
    assert checkpoint.directory == directory
    shapes = FAMILIES[checkpoint.config.family].shapes(checkpoint.config, classes)
    head = {} if checkpoint.head is None else {"head": checkpoint.head}
    ours = {**checkpoint.params, **head}
    assert jax.tree.map(lambda leaf: leaf.shape, ours) == jax.tree.map(lambda s: s.shape, shapes)
    assert {leaf.dtype for _, leaf in flatten(ours)} == {np.dtype(np.float32)}
    assert (checkpoint.head is None) == (classes is None)
    back = tensors_from_params(checkpoint.config, checkpoint.params, checkpoint.head)
    _same(back, tensors)


def test_kernels_are_transposed(models: ModelFactory) -> None:
    directory = models("bert")
    tensors = load_file(directory / "model.safetensors")
    up = load_checkpoint(str(directory)).params["layers"]["1"]["up"]["kernel"]
    np.testing.assert_array_equal(up, tensors["bert.encoder.layer.1.intermediate.dense.weight"].T)


def _without_prefix(tensors: Tensors) -> None:
    for name in [name for name in tensors if name.startswith("bert.")]:
        tensors[name.removeprefix("bert.")] = tensors.pop(name)


def _wrapped(*wrappers: str) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        for name in list(tensors):
            tensors["".join(wrappers) + name] = tensors.pop(name)

    return change


def _old_norm_names(tensors: Tensors) -> None:
    for name in [name for name in tensors if "LayerNorm" in name]:
        old = name.replace("weight", "gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        tensors[old] = tensors.pop(name)


def _to(dtype: Any) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        tensors.update({name: array.astype(dtype) for name, array in tensors.items()})

    return change


def _nothing(_: Tensors) -> None:
    pass


@pytest.mark.parametrize(
    "change",
    [
        _without_prefix,
        _old_norm_names,
        _to(np.float64),
        _wrapped("module."),
        _wrapped("module.", "_orig_mod."),
        _wrapped("model."),
    ],
)
def test_other_spellings_are_the_same_model(changed: Changed, change: Any) -> None:
    ours, plain = load_checkpoint(str(changed(change))), load_checkpoint(str(changed(_nothing)))
    _equal(ours, plain)
    assert ours.report.ignored == ()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_becomes_float32(changed: Changed, dtype: Any) -> None:
    def rounded(tensors: Tensors) -> None:
        _to(dtype)(tensors)
        _to(np.float32)(tensors)

    half = load_checkpoint(str(changed(_to(dtype))))
    _equal(half, load_checkpoint(str(changed(rounded))))
    assert {used.dtype for used in half.report.used} == {np.dtype(dtype).name}


@pytest.mark.parametrize(
    ("model_type", "name", "why"),
    [
        ("bert", "bert.embeddings.position_ids", "buffer of position numbers"),
        ("bert", "cls.predictions.decoder.weight", "language-modelling head"),
        ("bert", "cls.seq_relationship.bias", "next-sentence head"),
        ("bert", "qa_outputs.weight", "head of another task"),
        ("roberta", "roberta.embeddings.position_ids", "buffer of position numbers"),
        ("roberta", "roberta.pooler.dense.weight", "does not use the pooler"),
        ("roberta", "lm_head.decoder.weight", "language-modelling head"),
    ],
)
def test_ignored_tensors_are_listed_with_why(
    changed: Changed, model_type: str, name: str, why: str
) -> None:
    def add(tensors: Tensors) -> None:
        tensors[name] = np.zeros((2, 2), np.float32)

    checkpoint = load_checkpoint(str(changed(add, model_type)))
    ((ignored, reason),) = checkpoint.report.ignored
    assert ignored == name
    assert why in reason
    _equal(checkpoint, load_checkpoint(str(changed(_nothing, model_type))))


def test_half_a_head_is_ignored(changed: Changed) -> None:
    checkpoint = load_checkpoint(str(changed(lambda t: t.pop("classifier.dense.bias"), "roberta")))
    assert checkpoint.head is None
    assert len(checkpoint.report.ignored) == 3


def test_a_missing_pooler_is_initialised_alike_every_time(changed: Changed) -> None:
    def drop(tensors: Tensors) -> None:
        for name in [name for name in tensors if "pooler" in name]:
            del tensors[name]

    first, second = load_checkpoint(str(changed(drop))), load_checkpoint(str(changed(drop)))
    assert [path for path, _ in first.report.initialised] == ["pooler"]
    assert first.params["pooler"]["kernel"].std() > 0
    _equal(first, second)


def _reshaped(tensors: Tensors) -> None:
    tensors[WORD] = tensors[WORD][:-1].copy()


def _transposed(tensors: Tensors) -> None:
    name = "bert.encoder.layer.0.output.dense.weight"
    tensors[name] = tensors[name].T.copy()


def _third_layer(tensors: Tensors) -> None:
    name = "bert.encoder.layer.1.output.dense.bias"
    tensors[name.replace("layer.1", "layer.2")] = tensors[name].copy()


def _adapter(tensors: Tensors) -> None:
    tensors["bert.encoder.layer.0.adapter.weight"] = np.zeros(2, np.float32)


def _quantised(tensors: Tensors) -> None:
    tensors[WORD] = tensors[WORD].astype(np.int8)


def _twice(tensors: Tensors) -> None:
    tensors[WORD.removeprefix("bert.")] = tensors[WORD].copy()


def _overflowing(tensors: Tensors) -> None:
    """A norm makes zeros of it, which are finite and wrong."""
    tensors[WORD][3, 2] = -1e30


def _head_shape(tensors: Tensors) -> None:
    tensors["classifier.bias"] = np.zeros(4, np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop(WORD), rf"must have the tensor '{WORD}' of shape \[13, 6\].*none"),
        (lambda t: t.pop("bert.pooler.dense.bias"), r"'bert\.pooler\.dense\.bias' of shape \[6\]"),
        (
            lambda t: t.pop("bert.encoder.layer.1.output.dense.weight"),
            r"'bert\.encoder\.layer\.1\.output\.dense\.weight' of shape \[6, 5\]",
        ),
        (_reshaped, rf"'{WORD}' must have the shape \[13, 6\].*got \[12, 6\]"),
        (_transposed, r"layer\.0\.output\.dense\.weight'.*\[6, 5\].*got \[5, 6\]"),
        (_third_layer, r"layer\.2\.output\.dense\.bias' is no part of a bert model of 2 layers"),
        (_adapter, "adapter.weight' is no part"),
        (_quantised, f"'{WORD}' must hold floating-point numbers, got int8"),
        (_overflowing, f"'{WORD}' must hold numbers whose squares are numbers, too, got 1e\\+30"),
        (_twice, f"'{WORD}' and 'embeddings.word_embeddings.weight'|are the same one"),
        (_head_shape, r"'classifier\.weight' must have the shape \[4, 6\].*got \[3, 6\]"),
    ],
)
def test_what_does_not_fit_is_an_error_of_one_line(
    changed: Changed, change: Any, message: str
) -> None:
    directory = changed(change)
    with pytest.raises(IntertrainError, match=message) as caught:
        load_checkpoint(str(directory))
    assert str(directory) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_fingerprint_does_not_know_where_the_files_are(
    models: ModelFactory, tmp_path: Path
) -> None:
    directory = models("roberta", 2)
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy)
    (copy / "README.md").write_text("something else")
    _equal(load_checkpoint(str(directory)), load_checkpoint(str(copy)))


def test_the_fingerprint_changes_with_every_array_and_with_the_config(
    models: ModelFactory,
) -> None:
    checkpoint = load_checkpoint(str(models("roberta", 2)))
    config, params, head = checkpoint.config, checkpoint.params, checkpoint.head
    tensors = tensors_from_params(config, params, head)
    prints = {checkpoint.fingerprint, fingerprint_of(config, params, None)}
    for name, tensor in tensors.items():
        other = tensor.copy()
        other.flat[-1] = np.nextafter(other.flat[-1], np.float32(np.inf))
        trees = params_from_tensors(config, {**tensors, name: other}, "")[:2]
        prints.add(fingerprint_of(config, *trees))
    for option in ({"hidden_act": "relu"}, {"layer_norm_eps": 1e-6}, {"num_attention_heads": 1}):
        hf_config = models.config("roberta", **option)
        directory = models.write(hf_config, tensors)
        prints.add(load_checkpoint(str(directory)).fingerprint)
    assert len(prints) == 2 + len(tensors) + 3


def test_a_gradient_tree_is_named_like_the_weights(models: ModelFactory) -> None:
    checkpoint = load_checkpoint(str(models("bert", 2)))
    doubled = jax.tree.map(lambda leaf: 2 * leaf, checkpoint.params)
    named = tensors_from_params(checkpoint.config, doubled, None)
    plain = tensors_from_params(checkpoint.config, checkpoint.params, None)
    assert all(np.array_equal(named[name], 2 * plain[name]) for name in plain)


def test_an_unsupported_architecture_is_refused_before_its_weights_are_read(
    models: ModelFactory,
) -> None:
    directory = models.write({"model_type": "gpt2"})
    save_file({}, directory / "model.safetensors")
    with pytest.raises(IntertrainError, match=r"one of bert, roberta.*got 'gpt2'"):
        load_checkpoint(str(directory))
