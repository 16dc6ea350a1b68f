"""Writes the models that a grid kept as directories that it, `rank` and transformers load."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.task import Task
from intertrain_jax.data.text import has_tokenizer
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.hf.config import with_learnt_columns
from intertrain_jax.models.hf.export import export_checkpoint
from intertrain_jax.models.hf.references import resolve_reference
from intertrain_jax.models.hf.weights import Checkpoint
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.work import ref_of
from intertrain_jax.train.objectives import Classification


def export_runs(
    runs: Mapping[Path, Run],
    pretrained: Checkpoint,
    tasks: Mapping[str, Task],
    out: Path,
    beside: Callable[[Run], Mapping[str, str]],
) -> Iterator[Path]:
    """Writes the models of runs, each to its folder, and yields those that were kept.

    Args:
        runs: folder → run, with its final id.
        pretrained: the model of the grid; files of its tokenizer are copied.
        tasks: by name; they name the classes.
        out: the grid's results directory.
        beside: name → text of further files of a run's model, such as its card.

    Raises:
        IntertrainError: the models have outputs that transformers has no class for, none was kept, or
            a folder has files already.
    """
    checkpoints = Checkpoints(out / "checkpoints")
    kept = {place: run for place, run in runs.items() if checkpoints.has_source(run.id)}
    if not kept:
        raise IntertrainError(
            f"results directory {str(out)!r} must hold the models of runs, but has none of {len(runs)}"
            f" that are asked for ({', '.join(run.name for run in list(runs.values())[:3])}). Repeat one"
            " by `intertrain-jax models train`, or run the grid with --set engine.keep=sources."
        )
    for place, run in kept.items():
        task = tasks[run.target]
        classes = 1 if task.regression else len(task.labels)
        params = checkpoints.load_source(run.id, _saved_shapes(pretrained, run, classes))
        export_checkpoint(
            place,
            pretrained.config,
            {name: part for name, part in params.items() if name != "head"},
            params.get("head"),
            with_learnt_columns(pretrained.hf_config, task.named_texts),
            task.labels or None,
            tokenizer_from=_tokenizer_of(run, pretrained),
            beside=beside(run),
        )
        yield place


def forget_runs(out: Path, but: Container[str]) -> None:
    """Deletes the weights that a grid kept, but those of some runs.

    Args:
        out: the grid's results directory, which nobody else may be using.
        but: ids of the runs whose weights stay.
    """
    checkpoints = Checkpoints(out / "checkpoints")
    checkpoints.take_over()
    checkpoints.keep_only(None, but)
    checkpoints.close()


def _saved_shapes(pretrained: Checkpoint, run: Run, classes: int) -> Any:
    """Returns the tree of what was saved of a run."""
    config, text = pretrained.config, run.protocol.text
    family = FAMILIES[config.family]
    if not family.text_to_text:
        return Classification(config, classes).saved_shapes(classes)
    own_head = family.texts.has_own_head(config)
    if text is None or text.decision == "classify":
        raise IntertrainError(
            f"the model of run {run.name} must answer in words to be written, as transformers has no"
            " class for a head on T5's encoder alone. Use it by a grid of its own."
        )
    if run.protocol.method != "finetune" and not own_head:
        raise IntertrainError(
            f"the model of run {run.name} must give its output by its words to be written, as its"
            " config.json says, but was given an output of its own to probe. Use it by its grid."
        )
    return family.texts.shapes(config, own_head)


def _tokenizer_of(run: Run, pretrained: Checkpoint) -> Path | None:
    """Returns the directory with the tokenizer that a run read: its base model's own, or PT's."""
    if run.kind == "base":
        ref = ref_of(run)
        directory = resolve_reference(ref.reference, ref.at)
        if has_tokenizer(directory):
            return directory
    return pretrained.directory
