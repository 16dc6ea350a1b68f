"""Writes the models that a grid kept as directories that it, `rank` and transformers load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.task import Task
from intertrain_jax.data.text import has_tokenizer
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.models.families.table import FAMILIES
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
    card: Callable[[Run], str | None],
) -> Iterator[Path]:
    """Writes the models of runs, each to its folder, and yields those that were kept.

    Args:
        runs: folder → run, with its final id.
        pretrained: the model of the grid; files of its tokenizer are copied.
        tasks: by name; they name the classes.
        out: the grid's results directory.
        card: what the README.md of a run's model says; None where it gets none.

    Raises:
        IntertrainError: the grid is of an architecture whose heads are not exported, it kept no
            models, or a folder has files already.
    """
    if FAMILIES[pretrained.config.family].text_to_text:
        raise IntertrainError(
            f"models kept in {str(out)!r} can be exported where they have classification heads, but"
            f" are of family {pretrained.config.family}. Use them by a grid of their own."
        )
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
        like = Classification(pretrained.config, classes).saved_shapes(classes)
        params = checkpoints.load_source(run.id, like)
        export_checkpoint(
            place,
            pretrained.config,
            {name: part for name, part in params.items() if name != "head"},
            params["head"],
            pretrained.hf_config,
            task.labels or None,
            tokenizer_from=_tokenizer_of(run, pretrained),
            card=card(run),
        )
        yield place


def _tokenizer_of(run: Run, pretrained: Checkpoint) -> Path | None:
    """Returns the directory with the tokenizer that a run read: its base model's own, or PT's."""
    if run.kind == "base":
        ref = ref_of(run)
        directory = resolve_reference(ref.reference, ref.at)
        if has_tokenizer(directory):
            return directory
    return pretrained.directory
