"""Answers on texts: those of the padded model, whatever the packing; and models that cannot answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.encoded import EncodedSplit
from intertrain_jax.engine.predicting import load_predictor
from intertrain_jax.models.api import load_model
from tests.models.tiny_models import ModelFactory

CLASSES = 3


def encoded(texts: list[list[int]], first: list[int]) -> EncodedSplit:
    """Returns token lists as the engine takes them; `first` counts tokens of type 0."""
    offsets = np.cumsum([0, *map(len, texts)])
    flat = np.array([token for text in texts for token in text], np.uint16)
    return EncodedSplit(flat, offsets, np.array(first, np.int32), np.zeros(len(texts)))


def test_outputs_are_those_of_the_padded_model_in_the_order_of_the_texts(tmp_path: Path) -> None:
    directory = str(ModelFactory(tmp_path)("bert", CLASSES))
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 13, 60)
    texts = [rng.integers(0, 13, n).tolist() for n in lengths]
    first = [int(rng.integers(1, n + 1)) for n in lengths]
    found = load_predictor(directory).outputs(encoded(texts, first))
    ids, mask, types = (np.zeros((60, 12), int) for _ in range(3))
    for i, text in enumerate(texts):
        ids[i, : len(text)], mask[i, : len(text)] = text, 1
        types[i, first[i] : len(text)] = 1
    expected = np.asarray(load_model(directory).logits(ids, mask, types))
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert load_predictor(directory).outputs(encoded([], [])).shape == (0, CLASSES)


def test_labels_are_those_of_the_configuration_or_numbered(tmp_path: Path) -> None:
    models = ModelFactory(tmp_path)
    names = {"1": "good", "0": "bad", "2": "odd"}
    assert load_predictor(str(models("bert", 3, id2label=names))).labels == ("bad", "good", "odd")
    assert load_predictor(str(models("bert", 2))).labels == ("LABEL_0", "LABEL_1")
    assert load_predictor(str(models("bert", 1))).labels is None


def test_a_model_without_one_whole_head_is_one_line(tmp_path: Path) -> None:
    models = ModelFactory(tmp_path)
    for kind, family in (("bert", "bert"), ("t5", "t5")):
        with pytest.raises(IntertrainError, match=rf"head to predict labels.*family {family}"):
            load_predictor(str(models(kind)))
    several = models("bert", 3, problem_type="multi_label_classification")
    with pytest.raises(IntertrainError, match=r"one label to a text.*multi_label_classification"):
        load_predictor(str(several))
    hf_config = models.config("roberta")
    tensors = models.tensors(hf_config, 3)
    part = {name: x for name, x in tensors.items() if "classifier.dense" not in name}
    with pytest.raises(IntertrainError, match="classif"):
        load_predictor(str(models.write(hf_config, part)))


def test_a_token_beyond_the_models_words_is_one_line(tmp_path: Path) -> None:
    predictor = load_predictor(str(ModelFactory(tmp_path)("bert", 2)))
    with pytest.raises(IntertrainError, match="gives token 13, but it has only 13 words"):
        predictor.outputs(encoded([[13]], [1]))
