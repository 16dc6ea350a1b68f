"""Reads a model's config.json: the file, and checked values out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.formats import read_json
from intertrain_jax.models.hf.references import CONFIG_FILE

# The activations that `models/layers.py` computes.
ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "swish", "tanh")
# Beyond these a file is damaged; making so many layers would take hours, before a tensor is looked for.
MOST_LAYERS, _LARGEST_SIZE = 256, 2**31 - 1
# Required of every model: an option that must be absent.
NOT_QUANTISED: Mapping[str, tuple[Any, ...]] = {"quantization_config": ()}
# Our own field, which transformers keeps: the columns of the texts that a model learnt from, or
# templates of several such as "{subject}: {body}".
_TEXT_COLUMNS = "text_columns"


def read_hf_config(directory: Path) -> dict[str, Any]:
    """Returns the content of a model directory's config.json.

    Raises:
        IntertrainError: the file cannot be read or is not a JSON object.
    """
    path = directory / CONFIG_FILE
    content = read_json(path)
    if not isinstance(content, dict):
        raise IntertrainError(
            f"{path} must hold a JSON object, not a {type(content).__name__}; copy the file again "
            "from where the model came from."
        )
    return content


def learnt_columns(hf_config: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the one or two columns, or templates, that a model learnt from, as far as it says so."""
    found = hf_config.get(_TEXT_COLUMNS)
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        return ()
    return tuple(found) if len(found) <= 2 else ()


def with_learnt_columns(hf_config: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """Returns the content of a config.json that says which columns a model learnt from, none if none."""
    content = {key: value for key, value in hf_config.items() if key != _TEXT_COLUMNS}
    return content | {_TEXT_COLUMNS: list(columns)} if columns else content


@dataclass(frozen=True)
class Fields:
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

    def activation(self, field: str) -> str:
        """Returns the name of an activation that can be computed."""
        value = self.get(field)
        if value not in ACTIVATIONS:
            rule = f"must be one of {', '.join(ACTIVATIONS)}"
            raise self.error(field, rule, "choose another model")
        return str(value)

    def size(self, field: str, most: int = _LARGEST_SIZE) -> int:
        """Returns a positive integer."""
        value = self.get(field)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.error(field, "must be a positive integer")
        if value > most:
            raise self.error(field, f"must be at most {most:,}")
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
