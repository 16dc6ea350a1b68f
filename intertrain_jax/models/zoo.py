"""The supported families of models: a literal table of their types, functions and key tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.models import bert
from intertrain_jax.models.hf_config import encoder_config
from intertrain_jax.models.key_tables import BERT_KEYS, ROBERTA_KEYS, KeyTable


@dataclass(frozen=True)
class Family:
    """What one family of models consists of.

    Attributes:
        model_types: `model_type` in config.json -> how transformers' class names begin.
        config: (content of config.json, name for messages) -> configuration.
        shapes: (configuration, number of classes or None) -> tree of array shapes.
        hidden_states: (params, configuration, block) -> [R, L, D].
        classify: (params with head, word embeddings, configuration, block, dropout) -> [R, Q, C].
        keys: the names of its tensors in files.
    """

    model_types: Mapping[str, str]
    config: Callable[[Mapping[str, Any], str], bert.EncoderConfig]
    shapes: Callable[[bert.EncoderConfig, int | None], bert.Params]
    hidden_states: Callable[..., Any]
    classify: Callable[..., Any]
    keys: KeyTable


FAMILIES: dict[str, Family] = {
    "bert": Family(
        model_types={"bert": "Bert"},
        config=partial(encoder_config, "bert"),
        shapes=bert.parameter_shapes,
        hidden_states=bert.hidden_states,
        classify=bert.classify,
        keys=BERT_KEYS,
    ),
    # DistilRoBERTa calls itself roberta; the other two are the same network under another name.
    "roberta": Family(
        model_types={"roberta": "Roberta", "xlm-roberta": "XLMRoberta", "camembert": "Camembert"},
        config=partial(encoder_config, "roberta"),
        shapes=bert.parameter_shapes,
        hidden_states=bert.hidden_states,
        classify=bert.classify,
        keys=ROBERTA_KEYS,
    ),
}


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
