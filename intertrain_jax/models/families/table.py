"""The table of the supported families of models; one line adds one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from typing import Any

from intertrain_jax.base import IntertrainError, content_hash, nearest
from intertrain_jax.models.families.family import AnyConfig, Family

# Modules beside this one, each of which defines FAMILY.
_MODULES = (
    "bert",
    "roberta",
    "distilbert",
    "t5",
)

_FOUND: tuple[Family, ...] = tuple(
    import_module(f"intertrain_jax.models.families.{name}").FAMILY for name in _MODULES
)
FAMILIES: Mapping[str, Family] = {family.name: family for family in _FOUND}


def architecture_hash(config: AnyConfig, words: bool = True) -> str:
    """Returns a hash of a model's shape: models of one shape share compiled programs.

    Args:
        config: of the model.
        words: whether the number of its words counts; a head on features asks for none.
    """
    if words:
        return content_hash(config.shape)
    return content_hash({k: x for k, x in asdict(config.shape).items() if k != "vocab_size"})


def family_of(hf_config: Mapping[str, Any], name: str) -> Family:
    """Returns the family of a model from the content of its config.json.

    Raises:
        IntertrainError: the architecture is not supported; says which are.
    """
    model_type = hf_config.get("model_type")
    for family in FAMILIES.values():
        if isinstance(model_type, str) and model_type in family.model_types:
            return family
    supported = [name for family in FAMILIES.values() for name in family.model_types]
    raise IntertrainError(
        f"Model '{name}': 'model_type' in config.json must be one of {', '.join(supported)}, got "
        f"{model_type!r}; choose a model of a supported architecture."
        f"{nearest(str(model_type), supported)}"
    )
