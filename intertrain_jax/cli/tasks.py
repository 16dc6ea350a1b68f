"""`tasks`: which tasks there are, what one is, and whether its data can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from intertrain_jax.cli.options import ExperimentOptions, experiment_options

if TYPE_CHECKING:
    from intertrain_jax.data.check import TaskReport


@click.group()
def command() -> None:
    """List tasks, show one, check its data."""


@command.command("list")
@click.argument("names", nargs=-1)
def list_all(names: tuple[str, ...]) -> None:
    """Print tasks, or those that NAMES (tasks, groups, patterns) stand for."""
    from intertrain_jax.data.tasks import expand, groups_of, list_tasks

    tasks = expand(names) if names else list_tasks()
    width = max(len(task.name) for task in tasks)
    for task in tasks:
        click.echo(f"{task.name:<{width}}  {task.title}  [{', '.join(task.groups)}]")
    counts = [f"{group} ({len(members)})" for group, members in groups_of(tasks).items()]
    click.echo(f"{len(tasks)} tasks in groups: {', '.join(counts)}")


@command.command()
@click.argument("name")
def show(name: str) -> None:
    """Print what a task is: texts, labels, splits, metric, where its data are."""
    from intertrain_jax.data.tasks import get_task

    task = get_task(name)
    splits, hub = task.splits, task.hub
    click.echo(f"{task.name}: {task.title}")
    click.echo(f"  texts:  {' | '.join(task.texts)}")
    if task.regression:
        click.echo(f"  label:  {task.label}, a number")
    else:
        names = ", ".join(f"{i} {label}" for i, label in enumerate(task.labels))
        click.echo(f"  label:  {task.label}: {names}")
    click.echo(f"  metric: {task.metric}")
    cut = "cut from train"
    click.echo(
        f"  splits: train = {splits.train}, validation = {splits.validation or cut},"
        f" test = {splits.test or cut}"
    )
    click.echo(f"  groups: {', '.join(task.groups) or 'none'}")
    if hub is not None:
        config = f", {hub.config}" if hub.config else ""
        click.echo(f"  hub:    {hub.path}{config} ({hub.revision or 'revision not pinned'})")
    if task.site_column:
        click.echo(f"  column of the public site: {task.site_column}")
    if task.note:
        click.echo(f"  note:   {task.note}")


@command.command()
@click.argument("names", nargs=-1, required=True)
@experiment_options
def check(options: ExperimentOptions, names: tuple[str, ...]) -> None:
    """Load the data of NAMES (tasks, groups, patterns) as a grid would, and describe them."""
    from intertrain_jax.data.check import check_task
    from intertrain_jax.data.tasks import expand

    config = options.load()
    for task in expand(names, config.tasks):
        _print(check_task(task, config.data))


def _print(report: TaskReport) -> None:
    origin = ", ".join(f"{key} {value}" for key, value in report.origin.items() if key != "rows")
    click.echo(f"{report.task.name} ({origin}; fingerprint {report.fingerprint})")
    for split in report.splits:
        line = (
            f"  {split.name}: {split.rows:,} rows, {split.mean_words:.0f} words on average,"
            f" at most {split.most_words}"
        )
        if split.also_in_train:
            line += f"; {split.also_in_train} of them also in train"
        click.echo(line)
        if split.labels:
            counts = ", ".join(f"{label} {count:,}" for label, count in split.labels.items())
            click.echo(f"    {counts}")
