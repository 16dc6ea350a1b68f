"""Writes the source models that a grid kept as directories that it, `rank` and transformers load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.task import Task
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.hf.export import export_checkpoint
from intertrain_jax.models.hf.weights import Checkpoint
from intertrain_jax.planning.plan import Plan, Run
from intertrain_jax.train.objectives import Classification


def export_sources(
    plan: Plan,
    pretrained: Checkpoint,
    tasks: Mapping[str, Task],
    out: Path,
    directory: Path,
    seed: int,
    card: Callable[[Run], str | None],
) -> Iterator[Path]:
    """Writes the source models of one seed, each to a folder named after its task, and yields them.

    Args:
        plan: of the grid, with final ids.
        pretrained: the model that its sources started from.
        tasks: by name; they name the classes.
        out: the grid's results directory.
        directory: where the folders go.
        seed: of the source runs.
        card: what the README.md of a run's model says; None where it gets none.

    Raises:
        IntertrainError: the grid is of an architecture whose heads are not exported, it kept no
            models, or a folder has files already.
    """
    if FAMILIES[pretrained.config.family].text_to_text:
        raise IntertrainError(
            f"source models in {str(out)!r} can be exported where they have classification heads, but"
            f" are of family {pretrained.config.family}. Use them by a grid of their own."
        )
    checkpoints = Checkpoints(out / "checkpoints")
    sources = [run for run in plan.runs if plan.dependants(run.id) and run.seed == seed]
    kept = [run for run in sources if checkpoints.has_source(run.id)]
    if not kept:
        raise IntertrainError(
            f"results directory {str(out)!r} must hold source models of seed {seed}, but has none of"
            f" {len(sources)}. Run the grid with --set engine.keep_checkpoints=true."
        )
    for run in kept:
        task = tasks[run.target]
        classes = 1 if task.regression else len(task.labels)
        like = Classification(pretrained.config, classes).saved_shapes(classes)
        params = checkpoints.load_source(run.id, like)
        export_checkpoint(
            directory / run.target,
            pretrained.config,
            {name: part for name, part in params.items() if name != "head"},
            params["head"],
            pretrained.hf_config,
            task.labels or None,
            tokenizer_from=pretrained.directory,
            card=card(run),
        )
        yield directory / run.target
