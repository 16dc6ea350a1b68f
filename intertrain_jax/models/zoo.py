"""The supported families of models: a literal table of their types, shapes and key tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from intertrain_jax.base import IntertrainError, content_hash, nearest
from intertrain_jax.models.block import Params
from intertrain_jax.models.families import bert, t5
from intertrain_jax.models.families.bert import EncoderConfig
from intertrain_jax.models.families.t5 import T5Config
from intertrain_jax.models.hf.config import encoder_config, t5_config
from intertrain_jax.models.hf.keys import BERT_KEYS, ROBERTA_KEYS, KeyTable, t5_keys

AnyConfig = EncoderConfig | T5Config


@dataclass(frozen=True)
class Family:
    """What one family of models consists of.

    Attributes:
        model_types: `model_type` in config.json -> how transformers' class names begin.
        headed: how transformers' name of the class with a head ends.
        config: (content of config.json, name for messages) -> configuration.
        shapes: (configuration, outputs of the head or None) -> tree of array shapes.
        keys: configuration -> the names of its tensors in files.
    """

    model_types: Mapping[str, str]
    headed: str
    config: Callable[[Mapping[str, Any], str], AnyConfig]
    shapes: Callable[[Any, int | None], Params]
    keys: Callable[[Any], KeyTable]


def _t5_shapes(config: T5Config, outputs: int | None) -> Params:
    return t5.parameter_shapes(config, own_head=outputs is not None)


FAMILIES: dict[str, Family] = {
    "bert": Family(
        model_types={"bert": "Bert"},
        headed="ForSequenceClassification",
        config=partial(encoder_config, "bert"),
        shapes=bert.parameter_shapes,
        keys=lambda config: BERT_KEYS,
    ),
    # DistilRoBERTa calls itself roberta; the other two are the same network under another name.
    "roberta": Family(
        model_types={"roberta": "Roberta", "xlm-roberta": "XLMRoberta", "camembert": "Camembert"},
        headed="ForSequenceClassification",
        config=partial(encoder_config, "roberta"),
        shapes=bert.parameter_shapes,
        keys=lambda config: ROBERTA_KEYS,
    ),
    "t5": Family(
        model_types={"t5": "T5"},
        headed="ForConditionalGeneration",
        config=t5_config,
        shapes=_t5_shapes,
        keys=lambda config: t5_keys(config.gated, config.tied),
    ),
}


def architecture_hash(config: AnyConfig) -> str:
    """Returns a hash of a model's shape: models of one shape share compiled programs."""
    return content_hash(config.shape)


def family_of(hf_config: Mapping[str, Any], name: str) -> Family:
    """Returns the family of a model from the content of its config.json.

    Raises:
        IntertrainError: the architecture is not supported; says which are.
    """
    model_type = hf_config.get("model_type")
    for family in FAMILIES.values():
        if model_type in family.model_types:
            return family
    supported = [name for family in FAMILIES.values() for name in family.model_types]
    raise IntertrainError(
        f"Model '{name}': 'model_type' in config.json must be one of {', '.join(supported)}, got "
        f"{model_type!r}; choose a model of a supported architecture."
        f"{nearest(str(model_type), supported)}"
    )
