"""The report of a model says what was loaded and whether torch agrees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tiny_models import CONFIGS, ENCODERS, ModelFactory

from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.hf import check
from intertrain_jax.models.hf.check import Difference, check_model, random_batch
from intertrain_jax.models.hf.weights import load_checkpoint


@pytest.mark.parametrize("classes", [None, 3])
@pytest.mark.parametrize("model_type", [*ENCODERS, "xlm-roberta"])
def test_a_whole_model_agrees_with_torch(
    models: ModelFactory, model_type: str, classes: int | None
) -> None:
    pytest.importorskip("torch", reason="compares with torch")
    labels = {"id2label": {str(i): f"LABEL_{i}" for i in range(classes or 2)}}
    # A fresh head of transformers is large enough to be compared.
    directory = models(model_type, classes, initializer_range=0.5, **labels)
    report = check_model(str(directory))
    assert report.ok
    assert report.parity.keys() == {"hidden states", "logits"}
    assert report.parity["hidden states"].scale > 1
    assert report.parity["logits"].scale > 0.01
    assert sum(line.endswith(": ok") for line in report.lines()) == 2


def test_a_model_without_pooler_is_compared_too(models: ModelFactory) -> None:
    pytest.importorskip("torch", reason="compares with torch")
    hf_config = models.config("bert")
    tensors = {n: t for n, t in models.tensors(hf_config).items() if "pooler" not in n}
    report = check_model(str(models.write(hf_config, tensors)))
    assert report.ok
    assert any("initialised pooler: " in line for line in report.lines())


@pytest.mark.parametrize(
    ("model_type", "classes", "options"),
    [
        ("bert", 3, {}),  # a head that config.json does not count: transformers assumes two
        ("bert", 1, {"architectures": ["BertForMultipleChoice"]}),
        ("bert", 2, {"id2label": {"zero": "a", "one": "b"}}),
        ("bert", 2, {"id2label": [1], "num_labels": "x"}),
        ("bert", 2, {"num_labels": -1}),
        ("roberta", 2, {"pad_token_id": None}),
        ("distilbert", None, {"initializer_range": 1}),
        ("bert", None, {"return_dict": False, "chunk_size_feed_forward": 7}),
        ("bert", None, {"_attn_implementation": "flash_attention_2", "torch_dtype": "float16"}),
        ("t5", None, {"id2label": {"x": "y"}, "return_dict": False}),
    ],
)
def test_what_is_odd_beside_the_weights_hinders_no_comparison(
    models: ModelFactory, model_type: str, classes: int | None, options: dict[str, Any]
) -> None:
    pytest.importorskip("torch", reason="compares with torch")
    kind = {"bert": {"initializer_range": 0.5}}.get(model_type, {})
    report = check_model(str(models(model_type, classes, **{**kind, **options})))
    assert report.ok and report.parity.keys() == {"hidden states", "logits"}, report.lines()


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod."])
def test_names_that_transformers_does_not_read_are_no_difference(
    models: ModelFactory, wrapper: str
) -> None:
    pytest.importorskip("torch", reason="compares with torch")
    hf_config = models.config("bert")
    tensors = {wrapper + name: tensor for name, tensor in models.tensors(hf_config).items()}
    report = check_model(str(models.write(hf_config, tensors)))
    assert report.ok and not report.parity
    assert report.parity_note.startswith(
        "not compared: transformers would draw the weights at random"
    )


def test_what_transformers_cannot_do_is_one_line(
    models: ModelFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="compares with torch")

    def broken(*given: Any, **options: Any) -> None:
        raise RuntimeError("size mismatch\nfor classifier.weight")

    monkeypatch.setattr(check, "load_auto", broken)
    report = check_model(str(models("bert")))
    assert report.parity == {} and report.ok
    assert report.parity_note == (
        "not compared: transformers cannot load or compute it: RuntimeError: size mismatch for"
        " classifier.weight"
    )


def test_a_difference_is_seen(models: ModelFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="compares with torch")
    directory = models("bert")

    def damaged(*arguments: Any) -> Any:
        model = load_model(*arguments)
        model.params["layers"]["0"]["up"]["bias"] += 0.1
        return model

    load_model = check.load_model
    monkeypatch.setattr(check, "load_model", damaged)
    report = check_model(str(directory))
    assert not report.ok
    assert any("DIFFERS" in line for line in report.lines())


def test_without_torch_it_says_so(models: ModelFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        check.importlib.util, "find_spec", lambda name: None if name == "torch" else object()
    )
    report = check_model(str(models("roberta", 2)))
    assert report.parity == {}
    assert report.ok
    assert "torch is not installed" in report.parity_note


def test_the_lines_account_for_every_tensor(
    models: ModelFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check.importlib.util, "find_spec", lambda _: None)
    hf_config = models.config("roberta")
    tensors = models.tensors(hf_config, 2) | {"lm_head.bias": np.zeros(13, np.float32)}
    report = check_model(str(models.write(hf_config, tensors)))
    text = "\n".join(report.lines())
    assert f"{len(tensors) - 1} used, 1 ignored, 0 initialised" in text
    assert "ignored     lm_head.bias: the language-modelling head" in text
    count = sum(tensor.size for tensor in tensors.values()) - 13
    assert f"{count:,}" in text
    assert report.fingerprint in text


@pytest.mark.parametrize(
    ("largest", "scale", "ok"),
    [
        (0.9e-4, 1, True),
        (1.1e-4, 1, False),
        (9e-4, 10, True),
        (9e-7, 0, True),
        (float("nan"), 1, False),
    ],
)
def test_the_tolerance_is_relative(largest: float, scale: float, ok: bool) -> None:
    assert Difference(largest, scale).ok is ok


@pytest.mark.parametrize("kind", CONFIGS)
def test_random_batches_are_valid_padded_and_reproducible(models: ModelFactory, kind: str) -> None:
    config = load_checkpoint(str(models(kind, pad_token_id=4))).config
    batch, again = random_batch(config), random_batch(config)
    assert all(np.array_equal(batch[name], again[name]) for name in batch)
    ids, mask = batch["input_ids"], batch["attention_mask"].astype(bool)
    assert ids.shape == (4, config.max_length or 24)
    np.testing.assert_array_equal(ids == 4, ~mask)
    assert ids.min() >= 0
    assert ids.max() < config.vocab_size
    assert mask[0].all()
    assert not mask[-1].all()
    if FAMILIES[config.family].token_types:
        assert set(batch["token_type_ids"][mask]) == {0, 1}
    else:
        assert "token_type_ids" not in batch
