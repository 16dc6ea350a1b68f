"""The public model: numpy in, hidden states and logits out, and clear errors for bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import ENCODERS, ModelFactory

import intertrain_jax
from intertrain_jax.base import IntertrainError
from intertrain_jax.models.api import Model, load_model, padded_block
from intertrain_jax.models.families.table import FAMILIES

IDS = np.array([[2, 5, 7, 3], [4, 6, 1, 1]])
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0]])
TYPES = np.array([[0, 0, 1, 1], [0, 1, 0, 0]])


def _model(models: ModelFactory, model_type: str, classes: int | None = None) -> Model:
    return load_model(str(models(model_type, classes, pad_token_id=1)))


def test_the_package_offers_it() -> None:
    assert intertrain_jax.load_model is load_model


def test_a_directory_may_be_a_path_and_what_is_shown_is_short(models: ModelFactory) -> None:
    model = load_model(Path(models("bert")))
    assert len(repr(model)) < 1000 and "EncoderConfig" in repr(model)


@pytest.mark.parametrize("model_type", ENCODERS)
def test_padding_changes_nothing(models: ModelFactory, model_type: str) -> None:
    model = _model(models, model_type, 3)
    types = TYPES if FAMILIES[model.config.family].token_types else np.zeros_like(TYPES)
    padded = np.asarray(model.hidden_states(IDS, MASK, types))
    assert padded.shape == (2, 4, 6)
    alone = np.asarray(model.hidden_states(IDS[1:, :2], MASK[1:, :2], types[1:, :2]))
    np.testing.assert_allclose(padded[1:, :2], alone, rtol=1e-5, atol=1e-5)
    logits = np.asarray(model.logits(IDS, MASK, types))
    assert logits.shape == (2, 3)
    alone = np.asarray(model.logits(IDS[1:, :2], None, types[1:, :2]))
    np.testing.assert_allclose(logits[1:], alone, rtol=1e-5, atol=1e-5)


def test_masks_and_types_have_defaults(models: ModelFactory) -> None:
    model = _model(models, "bert")
    plain = np.asarray(model.hidden_states(IDS))
    np.testing.assert_array_equal(plain, model.hidden_states(IDS, np.ones_like(IDS)))
    np.testing.assert_array_equal(plain, model.hidden_states(IDS, None, np.zeros_like(IDS)))
    assert not np.allclose(plain, model.hidden_states(IDS, None, TYPES))
    assert not np.allclose(plain[1], np.asarray(model.hidden_states(IDS, MASK))[1])
    np.testing.assert_array_equal(plain, model.hidden_states(IDS.tolist()))


def test_positions_are_numbered_as_in_transformers(models: ModelFactory) -> None:
    left_padded = np.array([[1, 1, 5, 6]])
    bert = padded_block(_model(models, "bert").config, left_padded)
    np.testing.assert_array_equal(bert.positions_RxL, [[0, 1, 2, 3]])
    roberta = padded_block(_model(models, "roberta").config, left_padded)
    np.testing.assert_array_equal(roberta.positions_RxL, [[-1, -1, 0, 1]])


@pytest.mark.parametrize("model_type", ENCODERS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_every_position_equals_torch_even_padding(
    models: ModelFactory, model_type: str, side: str
) -> None:
    torch = pytest.importorskip("torch", reason="compares with torch")
    from transformers import AutoModelForSequenceClassification

    directory = models(model_type, 3, pad_token_id=1)
    step = 1 if side == "right" else -1
    ids, mask, types = (array[:, ::step].copy() for array in (IDS, MASK, TYPES))
    theirs = AutoModelForSequenceClassification.from_pretrained(
        directory, num_labels=3, attn_implementation="eager"
    ).eval()
    model = load_model(str(directory))
    inputs = {"input_ids": ids, "attention_mask": mask}
    if FAMILIES[model.config.family].token_types:
        inputs["token_type_ids"] = types
    else:
        types = np.zeros_like(types)
    with torch.no_grad():
        output = theirs(
            **{name: torch.from_numpy(array) for name, array in inputs.items()},
            output_hidden_states=True,
        )
    hidden = np.asarray(model.hidden_states(ids, mask, types))
    np.testing.assert_allclose(hidden, output.hidden_states[-1].numpy(), rtol=1e-4, atol=1e-4)
    logits = np.asarray(model.logits(ids, mask, types))
    np.testing.assert_allclose(logits, output.logits.numpy(), rtol=1e-4, atol=1e-4)


def test_a_head_can_be_given(models: ModelFactory) -> None:
    model = _model(models, "roberta")
    with pytest.raises(IntertrainError, match=r"use model\.with_head"):
        model.logits(IDS)
    headed = model.with_head(5, seed=3)
    assert headed.logits(IDS).shape == (2, 5)
    assert "head" not in model.params
    np.testing.assert_array_equal(headed.logits(IDS), model.with_head(5, seed=3).logits(IDS))
    assert not np.array_equal(headed.logits(IDS), model.with_head(5, seed=4).logits(IDS))


def test_a_head_can_be_inherited(models: ModelFactory) -> None:
    model = _model(models, "bert", 3)
    np.testing.assert_array_equal(model.with_head(3, inherit=True).logits(IDS), model.logits(IDS))
    assert not np.array_equal(model.with_head(3).logits(IDS), model.logits(IDS))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"input_ids": [1, 2]}, r"same shape \[B, L\].*got \(2,\)"),
        ({"input_ids": np.zeros((0, 3), int)}, "at least"),
        ({"input_ids": IDS, "attention_mask": MASK[:, :2]}, r"got \(2, 4\), \(2, 2\) and"),
        ({"input_ids": IDS + 9}, r"input_ids must be integers in \[0, 13\).*got 10\.\.16"),
        ({"input_ids": IDS - 3}, r"input_ids.*got -2\.\.4"),
        ({"input_ids": IDS * 1.0}, "input_ids.*got float64"),
        ({"input_ids": IDS, "token_type_ids": TYPES + 1}, r"token_type_ids.*\[0, 2\).*got 1\.\.2"),
        ({"input_ids": np.full((1, 11), 2)}, "at most 10 tokens in a row.*got 11"),
    ],
)
def test_bad_input_is_an_error_and_not_clamped(
    models: ModelFactory, inputs: dict[str, Any], message: str
) -> None:
    with pytest.raises(IntertrainError, match=message):
        _model(models, "roberta").hidden_states(**inputs)
