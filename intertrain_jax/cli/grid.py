"""`grid`: does the runs of an experiment and ends with its gain matrix."""

from __future__ import annotations

from typing import Any

import click

from intertrain_jax.cli.lines import say
from intertrain_jax.cli.options import (
    DEFAULT_CONFIG,
    ExperimentOptions,
    experiment_options,
    target_options,
    workers_option,
)


@click.command()
@experiment_options
@click.option(
    "--target",
    "targets",
    metavar="FILE|TASK",
    multiple=True,
    help="Instead of the experiment's: CSV, JSON, Parquet, folder, hub id or task; repeatable.",
)
@target_options
@click.option("--dry-run", is_flag=True, help="Print the plan and its cost; no network, no files.")
@click.option("--retry-failed", is_flag=True, help="Do runs again that are recorded as failed.")
@workers_option
@click.option("--quiet", is_flag=True, help="Print one line at the end only.")
@click.pass_context
def command(
    ctx: click.Context,
    options: ExperimentOptions,
    targets: tuple[str, ...],
    own: dict[str, Any],
    dry_run: bool,
    retry_failed: bool,
    workers: str,
    quiet: bool,
) -> None:
    """Train every base model on every target, and show the gains.

    The pretrained model is trained on every source and target task, then every model so made is
    trained on every target task, seed by seed. Finished runs are kept in the results directory: the
    same command goes on where it was stopped.
    """
    config: Any = options.load()
    if targets:
        own["targets"] = targets
        if options.config is None:
            config = DEFAULT_CONFIG
            own |= {"overrides": options.overrides, **options.short}
    if dry_run:
        from intertrain_jax.workflows.plan import plan

        for line in plan(config, **own).lines:
            say(line)
        return
    from intertrain_jax.report.terminal import make_console
    from intertrain_jax.workflows.grid import grid
    from intertrain_jax.workflows.watch import Terminal

    shown = Terminal(quiet)
    result = grid(config, retry_failed=retry_failed, workers=workers, progress=shown, **own)
    console = make_console()
    if not quiet:
        from intertrain_jax.cli.show import show_grid

        show_grid(console, result)
    from intertrain_jax.cli.show import grid_summary

    console.print(grid_summary(result), soft_wrap=True, markup=False)
    ctx.exit(1 if result.counts[0] < len(result.plan.runs) else 0)
