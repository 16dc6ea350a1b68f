"""Reads a model's config.json into its shape, refusing what computes otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.families.bert import EncoderConfig
from intertrain_jax.models.families.t5 import T5Config
from intertrain_jax.models.hf.references import CONFIG_FILE
from intertrain_jax.models.layers import ACTIVATIONS

# What transformers assumes where config.json is silent; sizes have no default here.
_ENCODER_DEFAULTS: dict[str, Any] = {
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "classifier_dropout": None,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
}
_T5_DEFAULTS: dict[str, Any] = {
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "dropout_rate": 0.1,
    "layer_norm_epsilon": 1e-6,
}
_DEFAULT_PAD = {"bert": 0, "roberta": 1}

# Options with the only value under which a model computes what is written in `bert.py` and `t5.py`.
_NOT_QUANTISED: dict[str, tuple[Any, ...]] = {"quantization_config": ()}
_REQUIRED_OF_ENCODERS: dict[str, tuple[Any, ...]] = {
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "pruned_heads": ({},),
    **_NOT_QUANTISED,
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


@dataclass(frozen=True)
class _Fields:
    """Reads checked values out of config.json.

    Attributes:
        content: of the file.
        defaults: of fields that it may lack.
        name: how messages call the model.
    """

    content: Mapping[str, Any]
    defaults: Mapping[str, Any]
    name: str

    def error(self, field: str, rule: str, next_step: str = "correct the file") -> IntertrainError:
        """Returns the error of a field that breaks a rule."""
        return IntertrainError(
            f"Model '{self.name}': '{field}' in config.json {rule}, got {self.get(field)!r}; "
            f"{next_step}."
        )

    def get(self, field: str) -> Any:
        """Returns a value as it is."""
        return self.content.get(field, self.defaults.get(field))

    def require(self, values: Mapping[str, tuple[Any, ...]]) -> None:
        """Checks the options that have only one value that is supported."""
        for option, allowed in values.items():
            value = self.content.get(option)
            if value is not None and value not in allowed:
                rule = f"must be {allowed[0]!r}" if allowed else "must be absent"
                raise self.error(
                    option, f"{rule} for the models supported here", "choose another model"
                )

    def size(self, field: str) -> int:
        """Returns a positive integer."""
        value = self.get(field)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.error(field, "must be a positive integer")
        return value

    def number(self, field: str, below: float) -> float:
        """Returns a number in [0, below)."""
        value = self.get(field)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value < below:
            raise self.error(field, f"must be a number in [0, {below:g})")
        return float(value)

    def token(self, field: str, default: int, end: int) -> int:
        """Returns a token id in [0, end)."""
        value = self.content.get(field)
        value = default if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < end:
            raise self.error(field, f"must be an integer in [0, {end})")
        return value


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
    fields = _Fields(hf_config, _ENCODER_DEFAULTS, name)
    fields.require(_REQUIRED_OF_ENCODERS)
    activation = fields.get("hidden_act")
    if activation not in ACTIVATIONS:
        rule = f"must be one of {', '.join(sorted(ACTIVATIONS))}"
        raise fields.error("hidden_act", rule, "choose another model")
    width, num_heads = fields.size("hidden_size"), fields.size("num_attention_heads")
    if width % num_heads:
        raise IntertrainError(
            f"Model '{name}': 'hidden_size' in config.json must be a multiple of "
            f"'num_attention_heads', got {width} and {num_heads}; correct the file."
        )
    max_positions = fields.size("max_position_embeddings")
    pad = fields.token("pad_token_id", _DEFAULT_PAD[family], max_positions - 1)
    hidden_dropout = fields.number("hidden_dropout_prob", below=1)
    own_head_dropout = hf_config.get("classifier_dropout") is not None
    return EncoderConfig(
        family=family,
        vocab_size=fields.size("vocab_size"),
        hidden_size=width,
        num_layers=fields.size("num_hidden_layers"),
        num_heads=num_heads,
        intermediate_size=fields.size("intermediate_size"),
        max_positions=max_positions,
        type_vocab_size=fields.size("type_vocab_size"),
        layer_norm_eps=fields.number("layer_norm_eps", below=1),
        hidden_act=activation,
        hidden_dropout=hidden_dropout,
        attention_dropout=fields.number("attention_probs_dropout_prob", below=1),
        classifier_dropout=fields.number("classifier_dropout", below=1)
        if own_head_dropout
        else hidden_dropout,
        # RoBERTa numbers positions from its padding id on.
        position_offset=pad + 1 if family == "roberta" else 0,
        pad_token_id=pad,
        initializer_range=fields.number("initializer_range", below=float("inf")),
    )


def t5_config(hf_config: Mapping[str, Any], name: str) -> T5Config:
    """Returns the shape of a T5 model.

    Files of v1.0 say nothing of `feed_forward_proj` (it is "relu") and nothing, or true, of
    `tie_word_embeddings`; those of v1.1 and flan say "gated-gelu" and false.

    Args:
        hf_config: the content of config.json.
        name: how messages call the model.

    Raises:
        IntertrainError: a size is missing or not positive, or an option is not supported.
    """
    fields = _Fields(hf_config, _T5_DEFAULTS, name)
    fields.require(_NOT_QUANTISED)
    projection = hf_config.get("feed_forward_proj") or "relu"
    gated = str(projection).startswith("gated-")
    # What v1.1 calls gelu is the approximation by tanh.
    plain = str(projection).removeprefix("gated-")
    activation = "gelu_new" if gated and plain == "gelu" else plain
    if activation not in ACTIVATIONS:
        rule = f"must be one of {', '.join(sorted(ACTIVATIONS))}, or one of them after 'gated-'"
        raise fields.error("feed_forward_proj", rule, "choose another model")
    num_buckets = fields.size("relative_attention_num_buckets")
    max_distance = fields.size("relative_attention_max_distance")
    if num_buckets < 4 or max_distance <= num_buckets // 2:
        raise IntertrainError(
            f"Model '{name}': 'relative_attention_num_buckets' in config.json must be at least 4, "
            "and 'relative_attention_max_distance' more than half of it, got "
            f"{num_buckets} and {max_distance}; correct the file."
        )
    num_layers, vocab_size = fields.size("num_layers"), fields.size("vocab_size")
    own_decoder = hf_config.get("num_decoder_layers") is not None
    pad = fields.token("pad_token_id", 0, vocab_size)
    rate = fields.number("dropout_rate", below=1)
    return T5Config(
        family="t5",
        vocab_size=vocab_size,
        hidden_size=fields.size("d_model"),
        head_size=fields.size("d_kv"),
        num_layers=num_layers,
        num_decoder_layers=fields.size("num_decoder_layers") if own_decoder else num_layers,
        num_heads=fields.size("num_heads"),
        intermediate_size=fields.size("d_ff"),
        num_buckets=num_buckets,
        max_distance=max_distance,
        layer_norm_eps=fields.number("layer_norm_epsilon", below=1),
        hidden_act=activation,
        gated=gated,
        tied=hf_config.get("tie_word_embeddings") is not False,
        hidden_dropout=rate,
        attention_dropout=rate,
        classifier_dropout=0.0,
        pad_token_id=pad,
        end_token_id=fields.token("eos_token_id", 1, vocab_size),
        start_token_id=fields.token("decoder_start_token_id", pad, vocab_size),
    )
