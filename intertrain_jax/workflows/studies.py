"""What is known of tasks that a study of their gains wants: groups and sizes; and studies of plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.data.tasks import list_tasks
from intertrain_jax.planning.estimates import TASK_SIZES
from intertrain_jax.planning.plan import PRETRAINED, Plan
from intertrain_jax.records.runs import Runs
from intertrain_jax.stats.gains import Expected
from intertrain_jax.stats.groups import disjoint
from intertrain_jax.study.files import Analysis, analyse
from intertrain_jax.study.inputs import Study, study_of_results

# Groups that others are made of, or that say nothing of what tasks have in common.
_NOT_COMPARED = ("GLUE", "SuperGLUE", "Site36")


@dataclass(frozen=True)
class Sizes:
    """Published sizes of tasks, by their names here and by the public site's.

    Attributes:
        train, test: task → examples.
    """

    train: dict[str, int]
    test: dict[str, int]


def analyse_plan(plan: Plan, records: Runs) -> Analysis:
    """Returns scores and gains of a plan's runs."""
    expected = [Expected(r.id, r.base.label, r.target, r.seed) for r in plan.matrix_runs]
    return analyse(expected, records.by_key, PRETRAINED, plan.bases, plan.targets, plan.seeds)


def study_of_plan(config: ExperimentConfig, analysis: Analysis, records: Runs) -> Study:
    """Returns the study of an experiment's runs, with what is known of their tasks."""
    groups = task_groups(config.tasks)
    return study_of_results(config.name, analysis, records.by_key, PRETRAINED, groups)


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
