"""Finds tasks by name, group or pattern, the user's own among them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from fnmatch import fnmatchcase
from typing import Any

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.strict import build
from intertrain_jax.data.registry import TASKS
from intertrain_jax.data.task import Task, slots

UserTasks = Sequence[Mapping[str, Any]]
_WILD = frozenset("*?[")
# A task's name is a folder's in the data directory and among the records.
_NAME = re.compile(r"(?![.\s])[^/\\:*?\[\x00-\x1f\x7f\ud800-\udfff]{1,100}(?<!\s)")


def list_tasks(user_tasks: UserTasks = ()) -> tuple[Task, ...]:
    """Returns every task: the user's own, the quickstart's, and those of the registry.

    Args:
        user_tasks: entries of a configuration's `tasks`, with the fields of `Task`.

    Raises:
        IntertrainError: an entry is not a task, or takes a name that is taken.
    """
    from intertrain_jax.data.quickstart.tasks import quickstart_tasks

    own = tuple(_parse(entry) for entry in user_tasks)
    tasks = (*own, *quickstart_tasks(), *TASKS)
    names = [task.name for task in tasks]
    for task in own:
        if names.count(task.name) > 1:
            raise IntertrainError(
                f"config key 'tasks': the name {task.name!r} is taken. Choose another name."
            )
    return tasks


def get_task(name: str, user_tasks: UserTasks = ()) -> Task:
    """Returns the task of a name.

    Raises:
        IntertrainError: there is none; the message has the nearest names.
    """
    tasks = {task.name: task for task in list_tasks(user_tasks)}
    if name not in tasks:
        raise _unknown(name, list(tasks))
    return tasks[name]


def groups_of(tasks: Sequence[Task]) -> dict[str, tuple[Task, ...]]:
    """Returns the groups that tasks belong to, in the order of their first task."""
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        for group in task.groups:
            groups.setdefault(group, []).append(task)
    return {group: tuple(members) for group, members in groups.items()}


def expand(names: Sequence[str], user_tasks: UserTasks = ()) -> tuple[Task, ...]:
    """Returns the tasks that names stand for: tasks, groups (in any case) or patterns such as tweet_*.

    Each task comes once, at its first place.

    Raises:
        IntertrainError: a name stands for nothing.
    """
    tasks = {task.name: task for task in list_tasks(user_tasks)}
    groups = groups_of(list(tasks.values()))
    by_group = {group.casefold(): members for group, members in groups.items()}
    found: dict[str, Task] = {}
    for name in names:
        if name in tasks:
            members: Sequence[Task] = (tasks[name],)
        elif name.casefold() in by_group:
            members = by_group[name.casefold()]
        elif _WILD & set(name):
            members = [task for task in tasks.values() if fnmatchcase(task.name, name)]
        else:
            members = ()
        if not members:
            raise _unknown(name, [*tasks, *groups])
        found.update({task.name: task for task in members})
    return tuple(found.values())


def _unknown(name: str, known: Sequence[str]) -> IntertrainError:
    return IntertrainError(
        f"task or group {name!r} does not exist.{nearest(name, known)}"
        " `intertrain-jax tasks list` shows all."
    )


def _parse(entry: Mapping[str, Any]) -> Task:
    missing = [key for key in ("name", "texts") if key not in entry]
    if missing:
        raise IntertrainError(
            f"config key 'tasks': an entry lacks {missing[0]!r}; entries have"
            f" {', '.join(field.name for field in fields(Task))}. Add it."
        )
    where = f"config key 'tasks.{entry['name']}"
    labels = entry.get("labels")
    if isinstance(labels, list) and not all(isinstance(name, str) for name in labels):
        raise IntertrainError(
            f"{where}.labels' must be texts, got {labels}. Put numbers and words such as yes and no,"
            " which YAML reads as truth values, in quotes."
        )
    # A title is for people; a user's own task need not have one, nor say which splits there are.
    defaults = {"title": str(entry["name"]), "splits": None}
    task: Task = build(Task, {**defaults, **entry}, "tasks", "config key")
    _check_name(task.name)
    torn = [name for name in task.labels if name != name.strip() or not name]
    if torn:
        raise IntertrainError(
            f"{where}.labels' must have no empty name and no blanks around names, as those in files are"
            f" taken off, got {torn[0]!r}. Correct it."
        )
    if len(task.labels) == 1 or len(set(task.labels)) < len(task.labels):
        raise IntertrainError(
            f"{where}.labels' must be at least two label names that differ, got {list(task.labels)}."
            " Name the labels in the order of their ids, or leave them out to have them sorted."
        )
    if task.regression and task.labels:
        raise IntertrainError(
            f"{where}.labels' must be left out where the metric is {task.metric}, as labels are numbers"
            f" then, got {list(task.labels)}. Leave out one of the two."
        )
    if not 1 <= len(task.texts) <= 2:
        raise IntertrainError(
            f"{where}.texts' must be one or two templates, has"
            f" {len(task.texts)}. Join what belongs together in one template."
        )
    for template in task.texts:
        if not slots(template):
            column = template.strip("{} ") or "text"
            raise IntertrainError(
                f"{where}.texts' must have a column in braces in each template, got {template!r}, which"
                f" is the same for every row. Write '{{{column}}}' for a column of that name."
            )
    return task


def _check_name(name: str) -> None:
    """Checks that a name can be a folder's and is none that tables use."""
    if not _NAME.fullmatch(name) or name == "PT":
        raise IntertrainError(
            "config key 'tasks': a name must be up to 100 characters without '/', ':' and control"
            f" characters, begin with no dot, and not be 'PT', got {name!r}. Rename the task."
        )
