"""Loads checkpoints: configuration and weights of a model directory, and their fingerprint."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from intertrain_jax.base import IntertrainError, reason_of
from intertrain_jax.models.block import Params
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import family_of
from intertrain_jax.models.hf.config import read_hf_config
from intertrain_jax.models.hf.files import open_tensors
from intertrain_jax.models.hf.references import resolve_reference
from intertrain_jax.models.hf.tensors import LoadReport, Wanted, flatten, params_from_tensors


@dataclass(frozen=True)
class Checkpoint:
    """A base model, as loaded.

    Attributes:
        config: the encoder's shape.
        params: nested dict of float32 arrays, without a head.
        head: the head that the file had, if any.
        report: what became of every tensor.
        fingerprint: hash of the configuration, of `params` and of `head`; the same for the same
            weights wherever and in whatever format they lie.
        directory: where the files are.
        hf_config: content of config.json.
    """

    config: AnyConfig
    params: Params
    head: Params | None
    report: LoadReport
    fingerprint: str
    directory: Path
    hf_config: dict[str, Any]


def load_checkpoint(ref: str, revision: str | None = None, texts: bool = True) -> Checkpoint:
    """Loads a base model from a reference (see `resolve_reference`).

    Args:
        ref: the model.
        revision: of a hub model.
        texts: as of `load_weights`.

    Raises:
        IntertrainError: it is not there, not supported, or its tensors do not fit its config.json.
    """
    try:
        directory = resolve_reference(ref, revision)
        return load_weights(directory, ref, *read_config(directory, ref), texts=texts)
    except Exception as error:  # whatever a stranger's files make the libraries raise
        raise IntertrainError(reason_of(error, f"Model '{ref}' cannot be loaded")) from error


def read_config(directory: Path, name: str) -> tuple[AnyConfig, dict[str, Any]]:
    """Returns a model's shape, and the content of its config.json.

    Args:
        directory: of the model.
        name: how messages call it.

    Raises:
        IntertrainError: it has no valid config.json of a supported architecture.
    """
    hf_config = read_hf_config(directory)
    return family_of(hf_config, name).config(hf_config, name), hf_config


def load_weights(
    directory: Path,
    name: str,
    config: AnyConfig,
    hf_config: dict[str, Any],
    texts: bool = True,
) -> Checkpoint:
    """Loads a base model from its directory, whose configuration `read_config` gave.

    Args:
        directory: of the model.
        name: how messages call it.
        config: its shape.
        hf_config: content of its config.json.
        texts: whether a text-to-text model must be able to answer; else its file may be one of an
            encoder alone.

    Raises:
        IntertrainError: its tensors do not fit its config.json.
    """
    wanted = Wanted(texts, tied=hf_config.get("tie_word_embeddings") is not False)
    params, head, report = params_from_tensors(config, open_tensors(directory), name, wanted)
    fingerprint = fingerprint_of(config, params, head)
    return Checkpoint(config, params, head, report, fingerprint, directory, hf_config)


def fingerprint_of(config: AnyConfig, params: Params, head: Params | None) -> str:
    """Returns the sha256 of all that decides what a model computes."""
    digest = hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode())
    for path, array in sorted(flatten({**params, "head": head or {}})):
        array = np.ascontiguousarray(array, "<f4")
        digest.update(f"{path} {array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()
