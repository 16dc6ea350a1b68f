"""Finds tasks by name, group or pattern, the user's own among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from fnmatch import fnmatchcase
from typing import Any

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.strict import build
from intertrain_jax.data.registry import TASKS
from intertrain_jax.data.task import Task

UserTasks = Sequence[Mapping[str, Any]]
_WILD = frozenset("*?[")


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
    # A title is for people; a user's own task need not have one.
    task: Task = build(Task, {"title": str(entry["name"]), **entry}, "tasks", "config key")
    if task.metric == "accuracy" and len(task.labels) < 2:
        raise IntertrainError(
            f"config key 'tasks.{task.name}.labels': a classification must have at least two label"
            f" names, has {len(task.labels)}. Name the labels in the order of their ids."
        )
    if not 1 <= len(task.texts) <= 2:
        raise IntertrainError(
            f"config key 'tasks.{task.name}.texts': must be one or two templates, has"
            f" {len(task.texts)}. Join what belongs together in one template."
        )
    return task
