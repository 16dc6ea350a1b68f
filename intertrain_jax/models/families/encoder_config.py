"""The shape of BERT-like encoders, how it is read from config.json, and how their networks differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.families.family import LayerSizes
from intertrain_jax.models.hf.config import MOST_LAYERS, NOT_QUANTISED, Fields

# Options with the only value under which an encoder computes what is written in `encoder.py`.
_REQUIRED: dict[str, tuple[Any, ...]] = {
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "pruned_heads": ({},),
    **NOT_QUANTISED,
}
# What transformers assumes where BERT's config.json is silent; sizes have no default here.
_DEFAULTS: dict[str, Any] = {
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
}
# The sizes in which most encoders are published.
BASE, LARGE = LayerSizes(12, 768, 3072, 768), LayerSizes(24, 1024, 4096, 1024)


@dataclass(frozen=True)
class EncoderConfig:
    """The shape of an encoder: what decides its computation, read from a checkpoint's config.json."""

    family: str
    vocab_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    max_positions: int
    type_vocab_size: int
    layer_norm_eps: float
    hidden_act: str
    hidden_dropout: float
    attention_dropout: float
    classifier_dropout: float
    position_offset: int
    pad_token_id: int
    initializer_range: float

    @property
    def num_decoder_layers(self) -> int:
        """An encoder has no decoder."""
        return 0

    @property
    def shape(self) -> EncoderConfig:
        """Returns it without what may differ between runs that share a program."""
        return replace(
            self,
            hidden_dropout=0.0,
            attention_dropout=0.0,
            classifier_dropout=0.0,
            initializer_range=0.0,
            pad_token_id=0,
        )

    @property
    def max_length(self) -> int:
        """The longest segment, in tokens, for which there are position embeddings."""
        return self.max_positions - self.position_offset


@dataclass(frozen=True)
class EncoderLayout:
    """In what one family of encoders differs from another; the defaults are RoBERTa's.

    Attributes:
        token_types: whether types of tokens are embedded.
        attended_dropout: whether what attention gives is dropped before it is added.
        pooler: whether the body ends in a dense layer with tanh on every segment's first token.
        dense: activation of the head's layer before its output; None where it has none.
        first_dropout: whether such a head drops what it reads, too.
    """

    token_types: bool = True
    attended_dropout: bool = True
    pooler: bool = False
    dense: str | None = "tanh"
    first_dropout: bool = True


@dataclass(frozen=True)
class EncoderNames:
    """What a family's config.json calls the fields of `EncoderConfig`; the defaults are BERT's.

    Attributes:
        defaults: of fields that the file may lack.
        fixed: fields that no file of this architecture has, whatever it says → value.
    """

    hidden_size: str = "hidden_size"
    num_layers: str = "num_hidden_layers"
    num_heads: str = "num_attention_heads"
    intermediate_size: str = "intermediate_size"
    hidden_act: str = "hidden_act"
    hidden_dropout: str = "hidden_dropout_prob"
    attention_dropout: str = "attention_probs_dropout_prob"
    classifier_dropout: str = "classifier_dropout"
    defaults: Mapping[str, Any] = field(default_factory=_DEFAULTS.copy)
    fixed: Mapping[str, Any] = field(default_factory=dict)


def read_encoder_config(
    family: str,
    hf_config: Mapping[str, Any],
    name: str,
    *,
    names: EncoderNames | None = None,
    default_pad: int = 0,
    positions_after_pad: bool = False,
) -> EncoderConfig:
    """Returns the shape of an encoder.

    Args:
        family: which architecture it is of.
        hf_config: the content of config.json.
        name: how messages call the model.
        names: of its fields; None for BERT's.
        default_pad: padding token of files that do not say.
        positions_after_pad: whether positions are numbered from the padding token on.

    Raises:
        IntertrainError: a size is missing or not positive, or an option is not supported.
    """
    names = names or EncoderNames()
    fields = Fields({**hf_config, **names.fixed}, names.defaults, name)
    fields.require(_REQUIRED)
    activation = fields.activation(names.hidden_act)
    width, num_heads = fields.size(names.hidden_size), fields.size(names.num_heads)
    if width % num_heads:
        raise IntertrainError(
            f"Model '{name}': '{names.hidden_size}' in config.json must be a multiple of "
            f"'{names.num_heads}', got {width} and {num_heads}; correct the file."
        )
    max_positions = fields.size("max_position_embeddings")
    pad = fields.token("pad_token_id", default_pad, max_positions - 1)
    hidden_dropout = fields.number(names.hidden_dropout, below=1)
    own_head_dropout = fields.get(names.classifier_dropout) is not None
    return EncoderConfig(
        family=family,
        vocab_size=fields.size("vocab_size"),
        hidden_size=width,
        num_layers=fields.size(names.num_layers, MOST_LAYERS),
        num_heads=num_heads,
        intermediate_size=fields.size(names.intermediate_size),
        max_positions=max_positions,
        type_vocab_size=fields.size("type_vocab_size"),
        layer_norm_eps=fields.number("layer_norm_eps", below=1),
        hidden_act=activation,
        hidden_dropout=hidden_dropout,
        attention_dropout=fields.number(names.attention_dropout, below=1),
        classifier_dropout=fields.number(names.classifier_dropout, below=1)
        if own_head_dropout
        else hidden_dropout,
        position_offset=pad + 1 if positions_after_pad else 0,
        pad_token_id=pad,
        initializer_range=fields.number("initializer_range", below=float("inf")),
    )


def encoder_layers(config: EncoderConfig) -> LayerSizes:
    """Returns the sizes of an encoder's layers."""
    width = config.hidden_size
    return LayerSizes(config.num_layers, width, config.intermediate_size, width)
