"""Reads a model's config.json into an `EncoderConfig`, refusing what computes otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.bert import EncoderConfig
from intertrain_jax.models.layers import ACTIVATIONS
from intertrain_jax.models.references import CONFIG_FILE

# What transformers assumes where config.json is silent; sizes have no default here.
_DEFAULTS: dict[str, Any] = {
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "classifier_dropout": None,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
}
_DEFAULT_PAD = {"bert": 0, "roberta": 1}

# Options with the only value under which the encoder computes what is written in `bert.py`.
_REQUIRED_VALUES: dict[str, tuple[Any, ...]] = {
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "pruned_heads": ({},),
    "quantization_config": (),
}


def read_hf_config(directory: Path) -> dict[str, Any]:
    """Returns the content of a model directory's config.json.

    Raises:
        IntertrainError: the file cannot be read or is not a JSON object.
    """
    path = directory / CONFIG_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise IntertrainError(
            f"Cannot read {path} ({error.strerror}); check the model directory."
        ) from error
    except ValueError as error:
        raise IntertrainError(
            f"{path} must be JSON, but {error}; copy the file again from where the model came from."
        ) from error
    if not isinstance(content, dict):
        raise IntertrainError(
            f"{path} must hold a JSON object, not a {type(content).__name__}; copy the file again "
            "from where the model came from."
        )
    return content


def encoder_config(
    family: Literal["bert", "roberta"], hf_config: Mapping[str, Any], name: str
) -> EncoderConfig:
    """Returns the shape of a BERT or RoBERTa encoder.

    Args:
        family: which of the two architectures.
        hf_config: the content of config.json.
        name: how messages call the model.

    Raises:
        IntertrainError: a size is missing or not positive, or an option is not supported.
    """
    for option, allowed in _REQUIRED_VALUES.items():
        value = hf_config.get(option)
        if value is not None and value not in allowed:
            rule = f"must be {allowed[0]!r}" if allowed else "must be absent"
            raise IntertrainError(
                f"Model '{name}': '{option}' in config.json {rule} for the encoders supported "
                f"here, got {value!r}; choose another model."
            )

    def size(field: str) -> int:
        value = hf_config.get(field, _DEFAULTS.get(field))
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise IntertrainError(
                f"Model '{name}': '{field}' in config.json must be a positive integer, got "
                f"{value!r}; correct the file."
            )
        return value

    def number(field: str, below: float) -> float:
        value = hf_config.get(field, _DEFAULTS[field])
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value < below:
            raise IntertrainError(
                f"Model '{name}': '{field}' in config.json must be a number in [0, {below:g}), got "
                f"{value!r}; correct the file."
            )
        return float(value)

    activation = hf_config.get("hidden_act", _DEFAULTS["hidden_act"])
    if activation not in ACTIVATIONS:
        raise IntertrainError(
            f"Model '{name}': 'hidden_act' in config.json must be one of "
            f"{', '.join(sorted(ACTIVATIONS))}, got {activation!r}; choose another model."
        )
    width, num_heads = size("hidden_size"), size("num_attention_heads")
    if width % num_heads:
        raise IntertrainError(
            f"Model '{name}': 'hidden_size' in config.json must be a multiple of "
            f"'num_attention_heads', got {width} and {num_heads}; correct the file."
        )
    pad = hf_config.get("pad_token_id")
    pad = _DEFAULT_PAD[family] if pad is None else pad
    max_positions = size("max_position_embeddings")
    if not isinstance(pad, int) or not 0 <= pad < max_positions - 1:
        raise IntertrainError(
            f"Model '{name}': 'pad_token_id' in config.json must be an integer in "
            f"[0, {max_positions - 1}), got {pad!r}; correct the file."
        )
    hidden_dropout = number("hidden_dropout_prob", below=1)
    own_head_dropout = hf_config.get("classifier_dropout") is not None
    return EncoderConfig(
        family=family,
        vocab_size=size("vocab_size"),
        hidden_size=width,
        num_layers=size("num_hidden_layers"),
        num_heads=num_heads,
        intermediate_size=size("intermediate_size"),
        max_positions=max_positions,
        type_vocab_size=size("type_vocab_size"),
        layer_norm_eps=number("layer_norm_eps", below=1),
        hidden_act=activation,
        hidden_dropout=hidden_dropout,
        attention_dropout=number("attention_probs_dropout_prob", below=1),
        classifier_dropout=number("classifier_dropout", below=1)
        if own_head_dropout
        else hidden_dropout,
        # RoBERTa numbers positions from its padding id on.
        position_offset=pad + 1 if family == "roberta" else 0,
        pad_token_id=pad,
        initializer_range=number("initializer_range", below=float("inf")),
    )
