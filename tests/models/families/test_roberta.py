"""RoBERTa: positions begin after the padding token, and two others are the same network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from intertrain_jax.models.families.bert import FAMILY as BERT
from intertrain_jax.models.families.roberta import FAMILY, positions_of_words
from tests.models.tiny_models import CONFIGS, SIZES, ModelFactory


@pytest.mark.parametrize(
    ("pad", "resolved", "offset"), [(None, 1, 2), (0, 0, 1), (1, 1, 2), (9, 9, 10)]
)
def test_positions_are_counted_from_the_padding_token(
    pad: int | None, resolved: int, offset: int
) -> None:
    config: Any = FAMILY.config({**SIZES, "pad_token_id": pad}, "m")
    assert (config.pad_token_id, config.position_offset) == (resolved, offset)
    assert config.max_length == 12 - offset
    bert: Any = BERT.config({**SIZES, "pad_token_id": pad}, "m")
    assert (bert.position_offset, bert.max_length) == (0, 12)


@pytest.mark.parametrize("pad", [0, 1, 3])
def test_positions_of_a_padded_batch_are_those_of_transformers(pad: int) -> None:
    """Its rule: a token's place among those that are not padding, plus the padding token's id."""
    ids = np.random.default_rng(pad).integers(0, 5, (6, 8))
    config: Any = FAMILY.config({**SIZES, "pad_token_id": pad}, "m")
    theirs = []
    for row in ids:
        place, numbered = 0, []
        for token in row:
            place += token != pad
            numbered.append(pad + place if token != pad else pad)
        theirs.append(numbered)
    found = positions_of_words(ids, config)
    np.testing.assert_array_equal(found + config.position_offset, theirs)
    assert found.max() == max(int((row != pad).sum()) for row in ids) - 1


@pytest.mark.parametrize("model_type", FAMILY.model_types)
def test_every_name_of_the_network_has_one_table_and_one_shape(
    tmp_path: Any, model_type: str
) -> None:
    content = {**SIZES, "model_type": model_type}
    assert FAMILY.config(content, "m") == FAMILY.config(CONFIGS["roberta"], "m")
    # Tensors of all of them are called after RoBERTa.
    names = ModelFactory(tmp_path).tensors(content, classes=2)
    assert "roberta.embeddings.word_embeddings.weight" in names
    assert {name for name in names if not name.startswith("roberta.")} == {
        f"classifier.{layer}.{part}"
        for layer in ("dense", "out_proj")
        for part in ("weight", "bias")
    }
    assert not any("pooler" in name for name in names)
