"""Models in and out: checks one, writes one for transformers, and writes what a grid kept."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.origins import ORIGIN_FILE, Origin
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import load_task
from intertrain_jax.models.labels import class_names
from intertrain_jax.planning.plan import Plan, Run
from intertrain_jax.planning.status import find_runs
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.report.card import CARD_FILE, model_card
from intertrain_jax.workflows.inputs import find_tasks
from intertrain_jax.workflows.results import GridResult, read_grid

if TYPE_CHECKING:
    from intertrain_jax.models.hf.check import ModelReport


def check(ref: str, revision: str | None = None) -> ModelReport:
    """Returns what became of every tensor of a model and, with torch, how far results differ from it.

    Args:
        ref: as people name models.
        revision: of a model off the hub, where it is not part of the name.
    """
    from intertrain_jax.models.hf.check import check_model

    found = ModelRef.of(ref, revision)
    return check_model(found.reference, found.revision)


def export(ref: str, directory: str | Path, revision: str | None = None) -> Path:
    """Writes a model as safetensors to a new directory that transformers loads.

    Args:
        ref: as people name models.
        directory: must not be there, or be empty.
        revision: of a model off the hub, where it is not part of the name.
    """
    from intertrain_jax.models.heads import classes_of
    from intertrain_jax.models.hf.export import export_checkpoint
    from intertrain_jax.models.hf.weights import load_checkpoint

    found = ModelRef.of(ref, revision)
    checkpoint = load_checkpoint(found.reference, found.revision, texts=False)
    labels = class_names(checkpoint.hf_config, classes_of(checkpoint.head))
    export_checkpoint(
        Path(directory),
        checkpoint.config,
        checkpoint.params,
        checkpoint.head,
        checkpoint.hf_config,
        labels,
        tokenizer_from=checkpoint.directory,
    )
    return Path(directory)


def export_sources(out: str | Path, directory: str | Path, seed: int = 0) -> Iterator[Path]:
    """Writes the source models that a grid kept, each to a folder of its own; gives each as it is there.

    Args:
        out: the grid's results directory.
        directory: where the folders go.
        seed: of the source runs.
    """
    grid = read_grid(Path(out))
    runs = [run for run in grid.plan.runs if grid.plan.dependants(run.id) and run.seed == seed]
    if not runs:
        raise IntertrainError(
            f"the grid in {str(out)!r} must have source models of seed {seed}, but has none. Its seeds"
            f" are 0 to {grid.config.seeds - 1}."
        )
    yield from _export(grid, {Path(directory) / run.target: run for run in runs})


def export_run(
    out: str | Path,
    run: str,
    directory: str | Path,
    more: str = "",
    kept_in: Path | None = None,
) -> Path:
    """Writes the model of one run that was kept to a new directory; returns it.

    Args:
        out: the grid's results directory.
        run: its id, or BASE:TARGET:SEED.
        directory: where it goes.
        more: what its card says beside the run's facts.
        kept_in: the directory whose grid kept it, if it is another one that did the run.
    """
    grid = read_grid(Path(out))
    found = {Path(directory): one_run(grid.plan, run)}
    return next(_export(replace(grid, out=kept_in or grid.out), found, more))


def forget_models(out: str | Path, but: Container[str]) -> None:
    """Deletes the weights that a grid kept, but those of some runs.

    Args:
        out: the grid's results directory, which nobody else may be using.
        but: ids of the runs whose weights stay.
    """
    if (Path(out) / "checkpoints").is_dir():
        from intertrain_jax.engine.kept import forget_runs

        forget_runs(Path(out), but)


def one_run(plan: Plan, what: str) -> Run:
    """Returns the run that an id or BASE:TARGET:SEED names.

    Raises:
        IntertrainError: none is, or several are.
    """
    found = find_runs(plan, what)
    if len(found) > 1:
        names = ", ".join(run.name for run in found[:3])
        raise IntertrainError(f"run {what!r} must be one run, but may be {names}. Give its seed.")
    return found[0]


def _export(grid: GridResult, runs: Mapping[Path, Run], more: str = "") -> Iterator[Path]:
    from intertrain_jax.engine.kept import export_runs
    from intertrain_jax.models.hf.weights import load_checkpoint

    ref = ResultsDir(grid.out).resolution().pinned(grid.config.model.ref)
    pretrained = load_checkpoint(ref.reference, ref.at)
    tasks = {
        # Names of labels that a task does not declare are those that its data have.
        name: task if task.labels or task.regression else load_task(task, grid.config.data).task
        for name, task in find_tasks(grid.config).by_name.items()
    }

    def beside(run: Run) -> dict[str, str]:
        files, record = {}, grid.stored.by_key.get(run.id)
        if record is not None and record.result is not None:
            base = run.base.model if run.kind == "base" else ref.label
            files[CARD_FILE] = model_card(record, tasks[run.target], base) + more
        if grid.plan.dependants(run.id):
            origin = Origin(run.target, grid.config.name, run.seed, run.id)
            files[ORIGIN_FILE] = origin.to_json()
        return files

    yield from export_runs(runs, pretrained, tasks, grid.out, beside)
