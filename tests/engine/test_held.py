"""Weights in memory: a model that was looked at on another machine is found on this one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.engine.held import BaseModel, HeldModels
from intertrain_jax.models.hf.references import resolve_reference
from intertrain_jax.models.hf.weights import load_checkpoint


def looked_at(directory: Path) -> BaseModel:
    checkpoint = load_checkpoint("quickstart")
    tokens = "words"
    config, fingerprint = checkpoint.config, checkpoint.fingerprint
    ref = ModelRef.parse("quickstart")
    return BaseModel(ref, directory, None, config, fingerprint, tokens, tokens)


def test_files_are_looked_for_where_they_are_here() -> None:
    held = HeldModels(texts=True)
    model = looked_at(Path("/no/such/place/on/this/machine"))
    words = model.config.vocab_size
    found = held.load(model, words)
    here = held.load(looked_at(resolve_reference("quickstart")), words)
    assert here is found, "it is held"
    held.close()


def test_other_weights_under_the_same_name_are_refused() -> None:
    held = HeldModels(texts=True)
    other = replace(looked_at(Path("/no/such/place")), fingerprint="another")
    with pytest.raises(IntertrainError, match="must stay the same while a grid runs"):
        held.load(other, other.config.vocab_size)
    held.close()
