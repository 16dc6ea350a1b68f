"""Fits the protocol of a run to how much data there is and how wide the model is."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.load import TaskData
from intertrain_jax.models.families.table import family_of
from intertrain_jax.workflows.inputs import rows_trained_on

# Examples that a run sees, if neither few nor many epochs are needed for that.
_EXAMPLES, _FEWEST_EPOCHS, _MOST_EPOCHS = 12_000, 1, 20
# Below this many training examples batches are small, so that there are some hundred steps.
_FEW, _SMALL_BATCH, _BATCH = 1_000, 16, 32
_VALIDATIONS, _PATIENCE = 10, 4
# Of an encoder that is 768 wide; Adam's rate goes with one over the width.
_RATE, _WIDTH = 5e-5, 768
_MOST_TOKENS = 250
# T5 answers by its own output, the likeliest of the labels' names.
_IN_WORDS: dict[str, Any] = {
    "head": "inherit",
    "learning_rate": 3e-4,
    "text": {"decision": "score", "labels": "name"},
}
# Positions of RoBERTa begin behind the padding's.
_OFFSET = 2


def run_in_words(protocol: Protocol, data: TaskData) -> str:
    """Returns what a run on a person's data is, and how to change it."""
    rows = rows_trained_on(protocol, data)
    return (
        f"a run: {rows:,} examples, {_many(protocol.epochs, 'epoch')} at most, batches of"
        f" {protocol.batch_size}, learning rate {protocol.learning_rate:g} (--set protocol.KEY=VALUE)"
    )


def fitted_protocol(rows: int, hf_config: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Returns a protocol for so many training examples and a model of some width.

    The paper's is for batches of 256 over ten epochs: of a few hundred examples, too few steps to learn
    anything; of many, more than one machine does in an afternoon.

    Args:
        rows: training examples.
        hf_config: the model's config.json; one that says nothing is taken for a base-size encoder's.
        label: how messages call the model.
    """
    batch = _SMALL_BATCH if rows < _FEW else _BATCH
    epochs = min(max(round(_EXAMPLES / rows), _FEWEST_EPOCHS), _MOST_EPOCHS)
    every = batch * max(1, ceil(epochs * rows / batch / _VALIDATIONS))
    width = next(
        (hf_config[k] for k in ("hidden_size", "d_model", "dim") if k in hf_config), _WIDTH
    )
    positions = hf_config.get("max_position_embeddings", _MOST_TOKENS + _OFFSET)
    rate = _RATE * _WIDTH / width if isinstance(width, int) and width > 0 else _RATE
    longest = positions - _OFFSET if isinstance(positions, int) else _MOST_TOKENS
    return {
        "learning_rate": float(f"{min(rate, 1e-3):.2g}"),
        "epochs": epochs,
        "batch_size": batch,
        "warmup_fraction": 0.06,
        "validate_every": every,
        "patience": _PATIENCE * every,
        "max_length": max(8, min(longest, _MOST_TOKENS)),
        **words_of(hf_config, label),
    }


def words_of(hf_config: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Returns the keys of a protocol by which a text-to-text model answers in words; none for others."""
    known = bool(hf_config) and family_of(hf_config, label).text_to_text
    return dict(_IN_WORDS) if known else {}


def _many(count: float | None, noun: str) -> str:
    if count is None:
        return f"no bound on {noun}s"
    return f"{count:g} {noun}{'' if count == 1 else 's'}"
