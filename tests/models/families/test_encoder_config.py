"""config.json becomes an encoder's shape, or an error that says which option is in the way."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.families.encoder_config import (
    BASE,
    LARGE,
    EncoderConfig,
    EncoderNames,
    encoder_layers,
    read_encoder_config,
)
from intertrain_jax.models.families.table import FAMILIES, architecture_hash
from tests.models.tiny_models import SIZES


def read(**options: Any) -> EncoderConfig:
    """Returns the shape of a tiny BERT."""
    return read_encoder_config("bert", {**SIZES, **options}, "m")


def test_sizes_and_rates_are_read() -> None:
    rates = {"hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.3}
    config = read(**rates, hidden_act="relu", initializer_range=0.05, type_vocab_size=3)
    assert (config.hidden_size, config.num_heads, config.num_layers) == (6, 3, 2)
    assert (config.intermediate_size, config.vocab_size, config.type_vocab_size) == (5, 13, 3)
    assert (config.max_positions, config.layer_norm_eps) == (12, 1e-5)
    assert (config.hidden_act, config.initializer_range) == ("relu", 0.05)
    assert (config.hidden_dropout, config.attention_dropout) == (0.2, 0.3)
    assert config.num_decoder_layers == 0 and config.family == "bert"


@pytest.mark.parametrize(("own", "resolved"), [(None, 0.2), (0.4, 0.4), (0.0, 0.0)])
def test_the_head_drops_as_the_layers_do_unless_told(own: float | None, resolved: float) -> None:
    assert read(hidden_dropout_prob=0.2, classifier_dropout=own).classifier_dropout == resolved


@pytest.mark.parametrize(("after", "offset"), [(False, 0), (True, 5)])
def test_positions_may_begin_after_the_padding_token(after: bool, offset: int) -> None:
    given = {**SIZES, "pad_token_id": 4}
    config = read_encoder_config("x", given, "m", positions_after_pad=after)
    assert (config.position_offset, config.max_length) == (offset, 12 - offset)
    silent = read_encoder_config("x", SIZES, "m", default_pad=2, positions_after_pad=after)
    assert silent.pad_token_id == 2 and silent.position_offset == (3 if after else 0)


def test_what_runs_of_one_program_may_have_of_their_own_is_no_shape() -> None:
    config = read(hidden_dropout_prob=0.2, pad_token_id=3, initializer_range=0.5)
    assert config.shape == read().shape == config.shape.shape
    assert architecture_hash(config) == architecture_hash(read())
    for other in ({"layer_norm_eps": 1e-12}, {"hidden_act": "relu"}, {"vocab_size": 14}):
        assert read(**other).shape != read().shape
    with pytest.raises(FrozenInstanceError):
        config.vocab_size = 3  # type: ignore[misc]
    assert len({config, replace(config)}) == 1, "it is a key of compiled programs"


def test_names_defaults_and_what_is_fixed_are_a_familys_own() -> None:
    names = EncoderNames(
        hidden_size="wide",
        hidden_act="act",
        defaults={**EncoderNames().defaults, "act": "tanh"},
        fixed={"layer_norm_eps": 0.5},
    )
    given = {**SIZES, "wide": 9, "hidden_act": "gelu"}
    config = read_encoder_config("x", given, "m", names=names)
    assert (config.hidden_size, config.hidden_act, config.layer_norm_eps) == (9, "tanh", 0.5)
    with pytest.raises(
        IntertrainError, match=r"'wide' .* multiple of 'num_attention_heads', got 8"
    ):
        read_encoder_config("x", {**given, "wide": 8}, "m", names=names)


def test_the_sizes_of_layers_are_the_encoders() -> None:
    layers = encoder_layers(read())
    assert (layers.layers, layers.width, layers.inner, layers.attention) == (2, 6, 5, 6)
    # By hand, of the published sizes: 12 · (4·768² + 2·768·3072), 24 · (4·1024² + 2·1024·4096).
    assert (BASE.parameters, LARGE.parameters) == (84_934_656, 301_989_888)


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
        (
            {"num_hidden_layers": 10**9},
            "'num_hidden_layers'.* must be at most 256, got 1000000000",
        ),
        ({"vocab_size": 2**31}, "'vocab_size'.* must be at most 2,147,483,647, got"),
        ({"hidden_size": 7}, "multiple of 'num_attention_heads', got 7 and 3"),
        ({"hidden_size": "6"}, "'hidden_size'.*got '6'"),
        ({"layer_norm_eps": "small"}, "'layer_norm_eps'.*got 'small'"),
        ({"hidden_dropout_prob": 1.5}, r"'hidden_dropout_prob'.*\[0, 1\).*got 1.5"),
        ({"classifier_dropout": -0.1}, r"'classifier_dropout'.*\[0, 1\).*got -0.1"),
        ({"pad_token_id": "x"}, "'pad_token_id'.*got 'x'"),
        ({"pad_token_id": 11}, r"'pad_token_id'.*\[0, 11\), got 11"),
    ],
)
@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_what_would_compute_something_else_is_an_error(
    family: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(IntertrainError, match=f"Model 'm': .*{message}") as caught:
        FAMILIES[family].config({**SIZES, **options}, "m")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "harmless",
    [
        {"position_embedding_type": "absolute"},
        {"is_decoder": False, "add_cross_attention": None, "pruned_heads": {}},
        {"quantization_config": None, "use_cache": True, "gradient_checkpointing": False},
    ],
)
def test_options_that_change_nothing_are_taken(harmless: dict[str, Any]) -> None:
    assert read(**harmless) == read()
