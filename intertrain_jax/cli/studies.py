"""Turns what the user names into a study: an experiment with its records, or a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.data.tasks import list_tasks
from intertrain_jax.planning.estimates import TASK_SIZES
from intertrain_jax.planning.plan import PRETRAINED, Plan, build_plan
from intertrain_jax.records.results_dir import read_experiment, read_resolution
from intertrain_jax.records.runs import Records, RecordStore
from intertrain_jax.stats.gains import Expected
from intertrain_jax.stats.groups import disjoint
from intertrain_jax.study.files import Analysis, analyse
from intertrain_jax.study.inputs import Study, study_of_results

# Groups that others are made of, or that say nothing of what tasks have in common.
_NOT_COMPARED = ("GLUE", "SuperGLUE", "Site36")


@dataclass(frozen=True)
class Experiment:
    """A results directory as it is read.

    Attributes:
        analysis: scores and gains.
        records: every record.
        study: both, with what is known of the tasks.
    """

    analysis: Analysis
    records: Records
    study: Study


@dataclass(frozen=True)
class Sizes:
    """Published sizes of tasks, by their names here and by the public site's.

    Attributes:
        train, test: task → examples.
    """

    train: dict[str, int]
    test: dict[str, int]


def analyse_plan(plan: Plan, records: Records) -> Analysis:
    """Returns scores and gains of a plan's runs."""
    expected = [Expected(r.id, r.base.label, r.target, r.seed) for r in plan.matrix_runs]
    return analyse(expected, records.by_id, PRETRAINED, plan.bases, plan.targets, plan.seeds)


def experiment_of(config: ExperimentConfig, plan: Plan, records: Records) -> Experiment:
    """Returns the study of a plan's runs."""
    analysis = analyse_plan(plan, records)
    groups = task_groups(config.tasks)
    study = study_of_results(config.name, analysis, records.by_id, PRETRAINED, groups)
    return Experiment(analysis, records, study)


def read_results(folder: Path) -> Experiment:
    """Reads the experiment that lies in a results directory, whatever it was called when it ran.

    Raises:
        IntertrainError: there is none, or no run of it is done.
    """
    config = read_experiment(folder) if folder.exists() else None
    if config is None:
        raise IntertrainError(
            f"results directory {str(folder)!r} must hold an experiment, but there is none."
            " Correct the path, or run `intertrain-jax grid` first."
        )
    from intertrain_jax.cli.inputs import find_tasks

    tasks = find_tasks(config)
    plan = build_plan(config, tasks.sources, tasks.targets, read_resolution(folder))
    experiment = experiment_of(config, plan, RecordStore(folder).read_all())
    if experiment.study.gains.mean.isna().all(axis=None):
        raise IntertrainError(
            f"results directory {str(folder)!r} must have a gain in at least one cell, but all"
            f" {experiment.study.cells} are missing. `intertrain-jax status --out {folder}` says why."
        )
    return experiment


def task_groups(user_tasks: Sequence[Mapping[str, Any]] = ()) -> dict[str, tuple[str, ...]]:
    """Returns the groups that gains are compared by, each task in the narrowest of its own."""
    groups: dict[str, list[str]] = {}
    for task in list_tasks(user_tasks):
        for group in task.groups:
            if group not in _NOT_COMPARED:
                groups.setdefault(group, []).extend(_names(task.name, task.site_column))
    return disjoint({group: tuple(names) for group, names in groups.items()})


def published_sizes() -> Sizes:
    """Returns the sizes of tasks as they were published."""
    train, test = {}, {}
    for task in list_tasks():
        if task.name in TASK_SIZES:
            for name in _names(task.name, task.site_column):
                train[name] = TASK_SIZES[task.name].train
                if task.metric == "accuracy":
                    test[name] = TASK_SIZES[task.name].test
    return Sizes(train, test)


def _names(name: str, site_column: str | None) -> list[str]:
    return list(dict.fromkeys([name, site_column or name]))
