"""`status`: how far a grid is."""

from __future__ import annotations

import click

from intertrain_jax.cli.options import ExperimentOptions, experiment_options

_STATES = ("done", "failed", "ready", "waiting", "blocked")


@click.command()
@experiment_options
def command(options: ExperimentOptions) -> None:
    """Print how many runs are done, failed, running and pending, and which failed and why."""
    from intertrain_jax.planning.status import read_heartbeat, states
    from intertrain_jax.records.results_dir import ResultsDir
    from intertrain_jax.workflows.inputs import plan_offline
    from intertrain_jax.workflows.watch import duration

    config = options.load(resume=True)
    plan, records = plan_offline(config), ResultsDir(config.out_dir).runs.read_all()
    state = states(plan, records.by_key)
    counts = {name: sum(value == name for value in state.values()) for name in _STATES}
    heartbeat = read_heartbeat(config.out_dir)
    running = 0 if heartbeat is None else heartbeat.active
    pending = counts["ready"] + counts["waiting"] - running
    click.echo(
        f"{plan.name} in {config.out_dir}: {len(plan.runs):,} runs, {counts['done']:,} done,"
        f" {counts['failed']:,} failed, {running:,} running, {max(pending, 0):,} pending"
        + (f", {counts['blocked']:,} blocked by a failed source" if counts["blocked"] else "")
    )
    if heartbeat is not None:
        left = heartbeat.seconds_left
        click.echo(
            f"running now: {heartbeat.examples_per_second:,.0f} examples/s,"
            f" time left {'unknown' if left is None else duration(left)}"
        )
    for run in plan.runs:
        if state[run.id] == "failed":
            click.echo(f"failed: {run.name} ({run.id}): {records.by_key[run.id].reason}")
    for problem in records.problems:
        click.echo(f"no record: {problem.path}: {problem.reason}")
