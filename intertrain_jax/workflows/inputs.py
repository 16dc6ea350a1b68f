"""Turns a configuration into tasks, sizes and a plan, without network and without JAX."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.refs import is_directory
from intertrain_jax.data.batches import schedule_of
from intertrain_jax.data.load import TaskData, is_local, load_task
from intertrain_jax.data.task import Task
from intertrain_jax.data.tasks import expand
from intertrain_jax.planning.estimates import TASK_SIZES, TaskSize
from intertrain_jax.planning.plan import Plan, build_plan
from intertrain_jax.records.results_dir import ResultsDir

# Of running text, special tokens aside; for tasks whose lengths nobody measured.
_TOKENS_PER_WORD = 1.3


@dataclass(frozen=True)
class ExperimentTasks:
    """The tasks that an experiment names, groups expanded.

    Attributes:
        by_name: every task.
        sources: names, in order.
        targets: names, in order.
    """

    by_name: dict[str, Task]
    sources: tuple[str, ...]
    targets: tuple[str, ...]


def find_tasks(config: ExperimentConfig) -> ExperimentTasks:
    """Resolves task and group names.

    Raises:
        IntertrainError: there is no such task or group.
    """
    sources, targets = expand(config.sources, config.tasks), expand(config.targets, config.tasks)
    return ExperimentTasks(
        {task.name: task for task in (*sources, *targets)},
        tuple(task.name for task in sources),
        tuple(task.name for task in targets),
    )


def check_steps(protocol: Protocol, data: TaskData) -> None:
    """Checks that a run on a task has no more steps than can be counted, before anything compiles.

    Raises:
        IntertrainError: it has.
    """
    schedule_of(protocol, rows_trained_on(protocol, data))


def rows_trained_on(protocol: Protocol, data: TaskData) -> int:
    """Counts the examples that a run on a task sees."""
    return protocol.rows_of(len(data.splits["train"]))


def plan_offline(config: ExperimentConfig) -> Plan:
    """Returns the plan without reading data or models.

    Runs have their final ids if a grid was started in the results directory before, as it leaves
    there what models and data were; otherwise their ids are provisional.
    """
    tasks = find_tasks(config)
    return build_plan(config, tasks.sources, tasks.targets, ResultsDir(config.out_dir).resolution())


def offline_sizes(config: ExperimentConfig, known: Container[str] = ()) -> dict[str, TaskSize]:
    """Returns sizes of local data as they are, of other tasks as published, of the rest none.

    Args:
        config: the experiment.
        known: tasks that are left out.
    """
    sizes = {}
    for name, task in find_tasks(config).by_name.items():
        if name in known:
            continue
        if is_local(task, config.data):
            sizes[name] = measure(load_task(task, config.data))
        elif name in TASK_SIZES:
            sizes[name] = TASK_SIZES[name].limited(config.data.limit)
    return sizes


def unseen_data(configs: Iterable[ExperimentConfig]) -> list[str]:
    """Returns a line for every data directory that is not there, whose tasks' sizes are as published."""
    named = dict.fromkeys(c.data.data_dir for c in configs if c.data.data_dir is not None)
    return [
        f"data directory {name!r} is not here, and a grid would need it: sizes are as published, and of"
        " tasks that are not, none"
        for name in named
        if not is_directory(name)
    ]


def measure(data: TaskData) -> TaskSize:
    """Counts examples, and guesses tokens from words."""
    counts = [len(data.splits[split]) for split in ("train", "validation", "test")]
    texts = data.splits["train"].texts
    words = sum(len(text.split()) for example in texts for text in example) / len(texts)
    special = 1 + len(texts[0])
    return TaskSize(counts[0], counts[1], counts[2], words * _TOKENS_PER_WORD + special)
