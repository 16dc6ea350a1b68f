"""config.json becomes the encoder's shape, or an error that says which option is in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_models import SIZES

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.hf.config import ACTIVATIONS, read_hf_config
from intertrain_jax.models.layers import ACTIVATIONS as COMPUTED


def test_sizes_and_rates_are_read() -> None:
    rates = {"hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.3}
    config = FAMILIES["bert"].config({**SIZES, **rates, "hidden_act": "relu"}, "m")
    assert (config.hidden_size, config.num_heads, config.num_layers) == (6, 3, 2)
    assert (config.intermediate_size, config.vocab_size, config.type_vocab_size) == (5, 13, 2)
    assert (config.max_positions, config.layer_norm_eps) == (12, 1e-5)
    assert (config.hidden_act, config.initializer_range) == ("relu", 0.02)
    assert (config.hidden_dropout, config.attention_dropout) == (0.2, 0.3)


@pytest.mark.parametrize(("own", "resolved"), [(None, 0.2), (0.4, 0.4), (0.0, 0.0)])
def test_the_head_drops_as_the_layers_do_unless_told(own: float | None, resolved: float) -> None:
    options = {"hidden_dropout_prob": 0.2, "classifier_dropout": own}
    assert FAMILIES["bert"].config({**SIZES, **options}, "m").classifier_dropout == resolved


@pytest.mark.parametrize(
    ("family", "pad", "offset", "resolved"),
    [("bert", None, 0, 0), ("bert", 3, 0, 3), ("roberta", None, 2, 1), ("roberta", 0, 1, 0)],
)
def test_roberta_counts_positions_from_its_padding(
    family: Any, pad: int | None, offset: int, resolved: int
) -> None:
    config = FAMILIES[family].config({**SIZES, "pad_token_id": pad}, "m")
    assert (config.position_offset, config.pad_token_id) == (offset, resolved)
    assert config.max_length == 12 - offset


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"position_embedding_type": "relative_key"}, "must be 'absolute'.*'relative_key'"),
        ({"is_decoder": True}, "'is_decoder'.*must be False.*got True"),
        ({"add_cross_attention": True}, "'add_cross_attention'"),
        ({"pruned_heads": {"0": [1]}}, "'pruned_heads'"),
        ({"quantization_config": {"bits": 4}}, "'quantization_config'.*must be absent"),
        ({"hidden_act": "mish"}, "'hidden_act'.*one of.*gelu.*got 'mish'"),
        ({"vocab_size": None}, "'vocab_size'.*positive integer, got None"),
        ({"num_hidden_layers": 0}, "'num_hidden_layers'.*positive integer, got 0"),
        ({"hidden_size": 7}, "multiple of 'num_attention_heads', got 7 and 3"),
        ({"hidden_size": "6"}, "'hidden_size'.*got '6'"),
        ({"layer_norm_eps": "small"}, "'layer_norm_eps'.*got 'small'"),
        ({"hidden_dropout_prob": 1.5}, r"'hidden_dropout_prob'.*\[0, 1\).*got 1.5"),
        ({"pad_token_id": "x"}, "'pad_token_id'.*got 'x'"),
        ({"pad_token_id": 11}, r"'pad_token_id'.*\[0, 11\), got 11"),
    ],
)
def test_what_would_compute_something_else_is_an_error(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(IntertrainError, match=f"Model 'm': .*{message}"):
        FAMILIES["roberta"].config({**SIZES, **options}, "m")


@pytest.mark.parametrize(
    ("content", "message"), [("{", "must be JSON"), ("[1]", "JSON object, not a list")]
)
def test_a_broken_file_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(IntertrainError, match=message):
        read_hf_config(tmp_path)


def test_activations_that_a_file_may_name_are_those_that_are_computed() -> None:
    assert set(ACTIVATIONS) == set(COMPUTED)
