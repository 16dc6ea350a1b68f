"""`grid`: does the runs of an experiment and ends with its gain matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from intertrain_jax.cli.options import ExperimentOptions, experiment_options

if TYPE_CHECKING:
    from intertrain_jax.cli.execute import Engine


@click.command()
@experiment_options
@click.option("--dry-run", is_flag=True, help="Print the plan and its cost; no network, no files.")
@click.option("--retry-failed", is_flag=True, help="Do runs again that are recorded as failed.")
@click.option("--quiet", is_flag=True, help="Print one line at the end only.")
@click.pass_context
def command(
    ctx: click.Context,
    options: ExperimentOptions,
    dry_run: bool,
    retry_failed: bool,
    quiet: bool,
) -> None:
    """Train every base model on every target, and show the gains.

    The pretrained model is trained on every source and target task, then every model so made is
    trained on every target task, seed by seed. Finished runs are kept in the results directory: the
    same command goes on where it was stopped.
    """
    config = options.load()
    if dry_run:
        from intertrain_jax.cli.plan import print_plan

        print_plan(config)
        return
    from intertrain_jax.cli.execute import execute

    ctx.exit(execute(config, _engine(), retry_failed, quiet))


def _engine() -> Engine:
    """Imports what computes, and with it JAX."""
    from intertrain_jax.cli.execute import Engine
    from intertrain_jax.engine.environment import (
        check_inputs,
        environment,
        prepare_process,
        resolve_precision,
    )
    from intertrain_jax.engine.loop import run_grid
    from intertrain_jax.models.hf.weights import load_checkpoint

    prepare_process()
    return Engine(load_checkpoint, check_inputs, resolve_precision, environment, run_grid)
