"""Makes a grid of a person's own data: the task that is guessed, and a protocol that fits its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import ExperimentConfig, load_config
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import TaskData, load_task
from intertrain_jax.models.families.table import family_of
from intertrain_jax.models.hf.config import read_hf_config
from intertrain_jax.models.hf.references import resolve_reference
from intertrain_jax.workflows.inputs import find_tasks, rows_trained_on
from intertrain_jax.workflows.own import (
    ColumnOptions,
    Target,
    experiment_of,
    misleading,
    tokenizer_of,
)

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


class OwnOptions(ColumnOptions, total=False):
    """What a person may say about the data.

    Attributes:
        out: results directory.
        data_dir: folder with one folder per task, where the target is a task's name.
        limit: rows per split, a mere test.
    """

    out: str | Path | None
    data_dir: str | Path | None
    limit: int | None


def own_experiment(
    target: Target,
    pretrained: str,
    overrides: Mapping[str, Any] | Sequence[str],
    options: OwnOptions,
) -> tuple[ExperimentConfig, TaskData, list[str]]:
    """Returns the grid of a pretrained model alone on a person's data, the data, and what to know of it.

    Args:
        target: a file, a folder, a dataset of the hub, a task's name, or rows.
        pretrained: reference of the pretrained model.
        overrides: of the configuration, which come last.
        options: about the data.

    Raises:
        IntertrainError: the data cannot be used, or an override does not fit.
    """
    ref = ModelRef.parse(pretrained)
    directory = resolve_reference(ref.reference, ref.at)
    hf_config = read_hf_config(directory)
    words = _IN_WORDS if family_of(hf_config, ref.label).text_to_text else {}
    raw: dict[str, Any] = {
        "name": "recommend",
        "model": {"pretrained": pretrained},
        "sources": [],
        "targets": ["target"],
        "seeds": 1,
        "protocol": dict(words),
    }
    given: Any = {key: options[key] for key in OwnOptions.__annotations__ if key in options}  # type: ignore[literal-required]
    config, guessed = experiment_of(raw, overrides, targets=target, **given)
    found = find_tasks(config)
    if len(found.targets) > 1:
        raise IntertrainError(
            f"target {str(target)!r} must be one task, but is {len(found.targets)}:"
            f" {', '.join(found.targets)[:200]}. Name one."
        )
    (name,) = found.targets
    if config.out is None and config.name == raw["name"]:  # that of a file has its own already
        config = replace(config, name=f"{config.name}-{name}")
    data = load_task(found.by_name[name], config.data)
    rows = rows_trained_on(config.protocol, data)
    raw["protocol"] = {**_fitting(rows, hf_config), **words}
    chosen = load_config(raw, overrides).protocol
    said = [*guessed, *data.origin.get("notes", ()), _sizes(data)]
    said += misleading(data, tokenizer_of(ref, True), chosen.max_length)
    return replace(config, protocol=chosen), data, said


def run_in_words(protocol: Protocol, data: TaskData) -> str:
    """Returns what a run on a person's data is, and how to change it."""
    rows = rows_trained_on(protocol, data)
    return (
        f"a run: {rows:,} examples, {_many(protocol.epochs, 'epoch')} at most, batches of"
        f" {protocol.batch_size}, learning rate {protocol.learning_rate:g} (--set protocol.KEY=VALUE)"
    )


def _fitting(rows: int, hf_config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a protocol for so many training examples and a model of some width.

    The paper's is for batches of 256 over ten epochs: of a few hundred examples, too few steps to learn
    anything; of many, more than one machine does in an afternoon.
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
    }


def _sizes(data: TaskData) -> str:
    counts = ", ".join(f"{len(rows):,} {name}" for name, rows in data.splits.items())
    classes = "a number" if data.task.regression else f"{len(data.task.labels)} classes"
    return f"{counts} examples; {classes}"


def _many(count: float | None, noun: str) -> str:
    if count is None:
        return f"no bound on {noun}s"
    return f"{count:g} {noun}{'' if count == 1 else 's'}"
