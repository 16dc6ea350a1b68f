"""Whether a base model fits the models beside it and the protocol, and how its words are made to."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import family_of
from intertrain_jax.models.hf.config import read_hf_config
from intertrain_jax.models.hf.references import is_local, resolve_reference


def shape_of(config: AnyConfig, words: bool) -> dict[str, Any]:
    """Returns what models must have in common that share programs.

    Args:
        config: of a model.
        words: whether their words count, as where the output is over them; else only the words that
            are read are in use, and those that are not change nothing.
    """
    return {key: x for key, x in asdict(config.shape).items() if words or key != "vocab_size"}


def check_shape(
    config: AnyConfig, name: str, wanted: AnyConfig, others: str, remedy: str, words: bool = False
) -> None:
    """Checks that a model has the shape of others: only then do they share programs and targets.

    Args:
        config: of the model.
        name: how messages call it.
        wanted: configuration of one of the others.
        others: what messages call those, such as "the ranking's other models".
        remedy: what to do with a model that differs.
        words: as of `shape_of`.

    Raises:
        IntertrainError: it has another shape; names what differs first.
    """
    ours, theirs = shape_of(config, words), shape_of(wanted, words)
    if ours == theirs:
        return
    key = next(key for key in ours if ours[key] != theirs.get(key))
    raise IntertrainError(
        f"Model '{name}' must have the shape of {others}, but its {key} is {ours[key]!r}, and theirs"
        f" {theirs.get(key)!r}; {remedy}."
    )


def check_positions(config: AnyConfig, name: str, protocol: Protocol) -> None:
    """Checks that inputs are no longer than a model's position embeddings.

    Raises:
        IntertrainError: `protocol.max_length` is above them.
    """
    if config.max_length is not None and protocol.max_length > config.max_length:
        raise IntertrainError(
            f"config key 'protocol.max_length' must be at most {config.max_length}, the positions of"
            f" model {name!r}, but is {protocol.max_length}."
            f" Give --set protocol.max_length={config.max_length}."
        )


def positions_of(reference: str) -> int | None:
    """Returns how many positions a local model has; None for others, and where they are not bounded."""
    if not is_local(reference):
        return None
    try:
        hf_config = read_hf_config(resolve_reference(reference))
        positions: int | None = (
            family_of(hf_config, reference).config(hf_config, reference).max_length
        )
    except IntertrainError:
        return None  # it is said when the model is loaded
    return positions


def check_words(config: AnyConfig, name: str, largest: int) -> None:
    """Checks that a model has a word for every token that its tokenizer gives.

    Args:
        config: of the model.
        name: how messages call it.
        largest: token that the tokenizer gave.

    Raises:
        IntertrainError: the token is above the model's words.
    """
    if largest >= config.vocab_size:
        raise IntertrainError(
            f"Model '{name}': its tokenizer gives token {largest}, but it has only"
            f" {config.vocab_size} words; choose a model with its own tokenizer."
        )


def with_words(params: dict[str, Any], words: int) -> dict[str, Any]:
    """Returns parameters with so many word embeddings: the first ones, or zeros after all of them.

    Args:
        params: of a model that reads none of the words that are added or cut.
        words: how many to have.
    """
    table_VxD = params["embeddings"]["word"][:words]
    filled = np.pad(table_VxD, ((0, words - len(table_VxD)), (0, 0)))
    return {**params, "embeddings": {**params["embeddings"], "word": filled}}
