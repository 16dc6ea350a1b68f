"""`plan`: what a grid will do, what it will cost, and why a run is pending."""

from __future__ import annotations

import click

from intertrain_jax.cli.lines import say
from intertrain_jax.cli.options import ExperimentOptions, experiment_options


@click.command()
@experiment_options
@click.option(
    "--explain",
    metavar="RUN",
    help="Say why a run is pending: its id, BASE:TARGET or BASE:TARGET:SEED (BASE may be PT).",
)
def command(options: ExperimentOptions, explain: str | None) -> None:
    """Print the runs of an experiment and what they cost. Nothing is downloaded or written."""
    from intertrain_jax.workflows.plan import plan

    planned = plan(options.load(resume=True))
    for line in planned.lines if explain is None else planned.explain(explain):
        say(line)
