"""`status`: how far a grid is, or a ranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from intertrain_jax.cli.lines import say
from intertrain_jax.cli.options import ExperimentOptions, experiment_options
from intertrain_jax.config.experiment import EXPERIMENT_FILE
from intertrain_jax.config.ranking import RANK_FILE
from intertrain_jax.config.study import STUDY_FILE

if TYPE_CHECKING:
    from intertrain_jax.config.ranking import RankConfig
    from intertrain_jax.planning.status import WorkerState
    from intertrain_jax.records.results_dir import ResultsDir

_STATES = ("done", "failed", "ready", "waiting", "blocked")


@click.command()
@experiment_options
def command(options: ExperimentOptions) -> None:
    """Print how many runs are done, failed, running and pending, and which failed and why.

    Of a grid that is being run also its speed, the time left, and what the workers of every node do.

    Of a directory that --out names and that holds a ranking, its models as well; of a study, its parts.
    """
    out = options.short.get("out")
    study = None if out is None or options.config is not None else Path(out) / STUDY_FILE
    if study is None or not study.is_file():
        _show(options)
        return
    names = {EXPERIMENT_FILE, RANK_FILE}
    for part in sorted({file.parent for name in names for file in study.parent.glob(f"*/{name}")}):
        _show(replace(options, short={**options.short, "out": part}))


def _show(options: ExperimentOptions) -> None:
    """Prints how far one results directory is."""
    from intertrain_jax.planning.status import read_heartbeat, states
    from intertrain_jax.records.results_dir import ResultsDir
    from intertrain_jax.workflows.inputs import plan_offline
    from intertrain_jax.workflows.watch import duration

    out = options.short.get("out")
    directory = None if out is None or options.config is not None else ResultsDir(out)
    ranking = None if directory is None else directory.ranking()
    if directory is not None and ranking is not None:
        _show_ranking(directory, ranking)
        if directory.experiment() is None:
            return
    config = options.load(resume=True)
    plan, records = plan_offline(config), ResultsDir(config.out_dir).runs.read_all()
    state = states(plan, records.by_key)
    counts = {name: sum(value == name for value in state.values()) for name in _STATES}
    heartbeat = read_heartbeat(config.out_dir)
    running = 0 if heartbeat is None else heartbeat.active
    pending = counts["ready"] + counts["waiting"] - running
    say(
        f"{plan.name} in {config.out_dir}: {len(plan.runs):,} runs, {counts['done']:,} done,"
        f" {counts['failed']:,} failed, {running:,} running, {max(pending, 0):,} pending"
        + (f", {counts['blocked']:,} blocked by a failed source" if counts["blocked"] else "")
    )
    if heartbeat is not None:
        left, speed = heartbeat.seconds_left, heartbeat.runs_an_hour
        say(
            f"running now: {heartbeat.examples_per_second:,.0f} examples/s,"
            + ("" if speed is None else f" {speed:,.0f} runs/h,")
            + f" time left {'unknown' if left is None else duration(left)}"
        )
        _show_workers(heartbeat.workers)
    for run in plan.runs:
        if state[run.id] == "failed":
            say(f"failed: {run.name} ({run.id}): {records.by_key[run.id].reason}")
    for problem in records.problems:
        say(f"no record: {problem.path}: {problem.reason}")


def _show_workers(workers: Sequence[WorkerState]) -> None:
    """Prints what the workers of every node do."""
    by_node: dict[str, list[WorkerState]] = {}
    for worker in workers:
        by_node.setdefault(worker.node, []).append(worker)
    for node, its in sorted(by_node.items()):
        # Of a process with one device, which is what a worker is.
        devices = Counter(worker.device.removeprefix("1 x ") for worker in its)
        runs, lanes, ended = (
            sum(getattr(worker, name) for worker in its) for name in ("runs", "lanes", "ended")
        )
        say(
            f"node {node}: {_count(len(its), 'worker')} on"
            f" {', '.join(f'{n} x {device}' for device, n in sorted(devices.items()))},"
            f" {_count(runs, 'run')} for {_count(lanes, 'lane')}, {ended:,} ended"
        )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _show_ranking(directory: ResultsDir, ranking: RankConfig) -> None:
    """Prints how many models of a ranking are done and failed, and why."""
    stored = directory.probes.read_all()
    latest = {}
    for (label, _), record in stored.by_key.items():
        if label not in latest or record.status == "done":
            latest[label] = record
    found = [latest[ref.label] for ref in ranking.refs if ref.label in latest]
    failed = [record for record in found if record.status == "failed"]
    say(
        f"ranking on {ranking.task} in {directory.path}: {len(ranking.refs):,} models,"
        f" {len(found) - len(failed):,} done, {len(failed):,} failed,"
        f" {len(ranking.refs) - len(found):,} pending"
    )
    for record in failed:
        say(f"failed: {record.model.label}: {record.reason}")
    for problem in stored.problems:
        say(f"no record: {problem.path}: {problem.reason}")
