"""Makes a grid of a person's own data: the task that is guessed, and a protocol that fits its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import ExperimentConfig, load_config
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import TaskData, load_task
from intertrain_jax.models.hf.config import read_hf_config
from intertrain_jax.models.hf.references import resolve_reference
from intertrain_jax.workflows.fitting import fitted_protocol, words_of
from intertrain_jax.workflows.inputs import find_tasks, rows_trained_on
from intertrain_jax.workflows.own import (
    ColumnOptions,
    Target,
    experiment_of,
    misleading,
    tokenizer_of,
)


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
    raw: dict[str, Any] = {
        "name": "recommend",
        "model": {"pretrained": pretrained},
        "sources": [],
        "targets": ["target"],
        "seeds": 1,
        "protocol": words_of(hf_config, ref.label),
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
    if config.name == raw["name"]:  # that of a file has its own already
        config = replace(config, name=f"{config.name}-{name}")
    data = load_task(found.by_name[name], config.data)
    rows = rows_trained_on(config.protocol, data)
    raw["protocol"] = fitted_protocol(rows, hf_config, ref.label)
    chosen = load_config(raw, overrides).protocol
    said = [*guessed, *data.origin.get("notes", ()), _sizes(data)]
    said += misleading(data, tokenizer_of(ref, True), chosen.max_length)
    return replace(config, protocol=chosen), data, said


def _sizes(data: TaskData) -> str:
    counts = ", ".join(f"{len(rows):,} {name}" for name, rows in data.splits.items())
    classes = "a number" if data.task.regression else f"{len(data.task.labels)} classes"
    return f"{counts} examples; {classes}"
