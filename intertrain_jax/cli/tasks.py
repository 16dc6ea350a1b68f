"""`tasks`: which tasks there are, what one is, and whether its data can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from intertrain_jax.base import IntertrainError
from intertrain_jax.cli.lines import say
from intertrain_jax.cli.options import ExperimentOptions, experiment_options, target_options

if TYPE_CHECKING:
    from intertrain_jax.config.experiment import ExperimentConfig
    from intertrain_jax.config.ranking import RankConfig


@click.group()
def command() -> None:
    """List tasks, show one, check its data."""


config_option = click.option(
    "--config", metavar="FILE|NAME", help="Experiment or ranking with tasks of your own."
)


def _own_tasks(config: str | None) -> tuple[dict[str, Any], ...]:
    """Returns the tasks that a configuration defines, whatever it is a configuration of."""
    from intertrain_jax.config.files import find_config, read_mapping

    if config is None:
        return ()
    own = read_mapping(find_config(config)).get("tasks", [])
    if not isinstance(own, list) or not all(isinstance(entry, dict) for entry in own):
        raise IntertrainError(
            f"config key 'tasks' of {config!r} must be a list of mappings, got {own!r}."
            " Begin each task with '- name:'."
        )
    return tuple(own)


@command.command("list")
@click.argument("names", nargs=-1)
@config_option
def list_all(names: tuple[str, ...], config: str | None) -> None:
    """Print tasks, or those that NAMES (tasks, groups, patterns) stand for."""
    from intertrain_jax.data.tasks import expand, groups_of, list_tasks

    own = _own_tasks(config)
    tasks = expand(names, own) if names else list_tasks(own)
    width = max(len(task.name) for task in tasks)
    for task in tasks:
        say(f"{task.name:<{width}}  {task.title}  [{', '.join(task.groups)}]")
    counts = [f"{group} ({len(members)})" for group, members in groups_of(tasks).items()]
    say(f"{len(tasks)} tasks in groups: {', '.join(counts)}")


@command.command()
@click.argument("name")
@config_option
def show(name: str, config: str | None) -> None:
    """Print what a task is: texts, labels, splits, metric, where its data are."""
    from intertrain_jax.data.tasks import get_task

    task = get_task(name, _own_tasks(config))
    splits, hub = task.splits, task.hub
    say(f"{task.name}: {task.title}")
    say(f"  texts:  {' | '.join(task.texts)}")
    if task.regression:
        say(f"  label:  {task.label}, a number")
    else:
        names = ", ".join(f"{i} {label}" for i, label in enumerate(task.labels))
        names = names or "those that occur, sorted"
        say(f"  label:  {task.label}: {names}")
    say(f"  metric: {task.metric}")
    cut = "cut from train"
    if splits is None:
        say("  splits: those that are there; a missing validation or test is cut from train")
    else:
        say(
            f"  splits: train = {splits.train}, validation = {splits.validation or cut},"
            f" test = {splits.test or cut}"
        )
    say(f"  groups: {', '.join(task.groups) or 'none'}")
    if task.file is not None:
        say(f"  file:   {task.file}")
    if hub is not None:
        part = f", {hub.config}" if hub.config else ""
        say(f"  hub:    {hub.path}{part} ({hub.revision or 'revision not pinned'})")
    if task.site_column:
        say(f"  column of the public site: {task.site_column}")
    if task.note:
        say(f"  note:   {task.note}")


@command.command()
@click.argument("names", nargs=-1, required=True)
@experiment_options
@target_options
@click.pass_context
def check(
    ctx: click.Context, options: ExperimentOptions, names: tuple[str, ...], own: dict[str, Any]
) -> None:
    """Load the data of NAMES (tasks, groups, patterns, files) as a grid would, and describe them.

    What is wrong is listed for all of them, row by row; the exit code is 2 then.
    """
    from intertrain_jax.workflows.own import check_targets

    every = True
    for lines, sound in check_targets(names, _load(options), own):
        every = every and sound
        for line in lines:
            say(line, err=not sound)
    ctx.exit(0 if every else 2)


def _load(options: ExperimentOptions) -> ExperimentConfig | RankConfig:
    """Returns the configuration that options name: an experiment, or a ranking, which has models."""
    from intertrain_jax.config.files import find_config, load, read_mapping
    from intertrain_jax.config.ranking import RankConfig

    if options.config is None or "models" not in read_mapping(find_config(options.config)):
        return options.load()
    short = {f"data.{key}": options.short.get(key) for key in ("data_dir", "limit")}
    given = {key: value for key, value in short.items() if value is not None}
    return load(RankConfig, options.config, options.overrides, given)
