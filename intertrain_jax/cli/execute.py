"""Runs a grid from its configuration to its matrix: checks first, then files, then training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from intertrain_jax.base import IntertrainError, content_hash
from intertrain_jax.cli.inputs import find_tasks
from intertrain_jax.cli.progress import ProgressDisplay, duration
from intertrain_jax.cli.studies import experiment_of
from intertrain_jax.config.experiment import EngineConfig, ExperimentConfig
from intertrain_jax.config.protocol import Precision, Protocol
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.data.load import Rows, TaskData, encode_task, load_task
from intertrain_jax.data.text import tokenizer_fingerprint
from intertrain_jax.planning.plan import PRETRAINED, Plan, Run, build_plan, record_of
from intertrain_jax.planning.status import done_and_failed
from intertrain_jax.records.results_dir import (
    Resolution,
    check_out_dir,
    exclusive,
    write_experiment,
)
from intertrain_jax.records.runs import Records, RecordStore, RunResult
from intertrain_jax.report.analysis import write_result
from intertrain_jax.report.closing import closing_lines, print_closing
from intertrain_jax.report.terminal import make_console, print_matrix
from intertrain_jax.study.analyse import analyse_study
from intertrain_jax.study.files import Analysis, write_analysis

if TYPE_CHECKING:
    from intertrain_jax.engine.progress import GridProgress

ANALYSIS_FOLDER = "analysis"
# Examples of a task on which tokenizers are compared.
_COMPARED = 50


@dataclass(frozen=True)
class Engine:
    """What computes, given from outside so that nothing here imports JAX.

    Attributes:
        load_checkpoint: (reference, revision) → base model.
        check_inputs: raises where models or options do not fit.
        resolve_precision: what "auto" means here.
        environment: versions and device.
        run_grid: as `engine.loop.run_grid`.
    """

    load_checkpoint: Callable[[str, str | None], Any]
    check_inputs: Callable[[Mapping[str, Any], EngineConfig, Protocol], None]
    resolve_precision: Callable[[Precision], Precision]
    environment: Callable[[], dict[str, str]]
    run_grid: Callable[..., GridProgress]


@dataclass(frozen=True)
class Prepared:
    """A checked experiment, before anything is written or compiled.

    Attributes:
        config: as the user gave it.
        plan: with final run ids.
        resolution: what the ids were made from.
        data: of every task.
        tasks: tokenised for the pretrained model.
        models: base models by reference.
    """

    config: ExperimentConfig
    plan: Plan
    resolution: Resolution
    data: Mapping[str, TaskData]
    tasks: Mapping[str, EncodedTask]
    models: Mapping[str, Any]


def prepare(config: ExperimentConfig, engine: Engine, say: Callable[[str], None]) -> Prepared:
    """Reads and checks everything that a grid needs, and changes nothing in its directory.

    Args:
        config: the experiment.
        engine: loads models.
        say: tells the user what is being done.

    Raises:
        IntertrainError: something does not fit.
    """
    named = find_tasks(config)
    check_out_dir(config.out_dir, config, Resolution())
    say(f"reading {len(named.by_name)} tasks")
    data = {name: load_task(task, config.data) for name, task in named.by_name.items()}
    say(f"loading {config.model.pretrained}")
    models = _load_models(config, engine)
    engine.check_inputs(models, config.engine, config.protocol)
    resolution = Resolution(
        {reference: _identity(model) for reference, model in models.items()},
        {name: task.fingerprint for name, task in data.items()},
        engine.resolve_precision(config.protocol.precision),
    )
    plan = build_plan(config, named.sources, named.targets, resolution)
    check_out_dir(config.out_dir, config, resolution)
    say("tokenising")
    tokenizer = models[config.model.pretrained].directory
    tasks = {name: _encode(config, task, tokenizer) for name, task in data.items()}
    for reference in config.model.bases:
        _check_tokenizer(config, reference, models[reference].directory, data, tasks)
    return Prepared(config, plan, resolution, data, tasks, models)


def execute(
    config: ExperimentConfig, engine: Engine, retry_failed: bool = False, quiet: bool = False
) -> int:
    """Does every run of an experiment that is not done, and shows the matrix.

    Args:
        config: the experiment.
        engine: what computes.
        retry_failed: do runs again that are recorded as failed.
        quiet: print one line at the end only.

    Returns:
        Exit code: 0, or 1 if runs of the experiment failed.
    """
    progress_console = make_console(stderr=True)

    def say(text: str) -> None:
        if not quiet:
            progress_console.print(text, soft_wrap=True)

    prepared = prepare(config, engine, say)
    out, plan, store = config.out_dir, prepared.plan, RecordStore(config.out_dir)
    write_experiment(out, config, prepared.resolution)
    with exclusive(out):
        before = _read(store, progress_console)
        done, failed = done_and_failed(plan, before.by_id)
        if retry_failed:
            failed = set()
        environment = engine.environment()

        def emit(run: Run, result: RunResult | None, reason: str | None) -> None:
            source = {**prepared.data[run.target].source, "limit": config.data.limit}
            store.write(record_of(run, result, reason, source, environment))

        # A source run that failed in an earlier call takes its dependants with it.
        orphans = plan.orphans(failed)
        for run in orphans:
            emit(run, None, f"Its source run {run.depends_on} ({run.base.label}) failed.")
        lost = failed | {run.id for run in orphans}
        pending = len(plan.runs) - len(done) - len(lost)
        say(f"{config.name}: {len(plan.runs):,} runs, {len(done):,} done before, {pending:,} to do")
        final = None
        if pending:
            with ProgressDisplay(out, quiet) as display:
                final = engine.run_grid(
                    plan.without(lost),
                    done,
                    prepared.tasks,
                    prepared.models,
                    emit,
                    config.engine,
                    out,
                    display,
                )
        records = _read(store, progress_console)
        experiment = experiment_of(config, plan, records)
        write_analysis(out / ANALYSIS_FOLDER, experiment.analysis, records.by_id)
        say("analysing")
        result = analyse_study(experiment.study)
        write_result(out / ANALYSIS_FOLDER, result)
    console = make_console()
    if not quiet:
        show(console, prepared, experiment.analysis)
        console.print()
        print_closing(console, closing_lines(result))
        if final:
            console.print(_efficiency(final), soft_wrap=True)
    return _summarise(console, prepared, records, out, final)


def show(console: Console, prepared: Prepared, analysis: Analysis) -> None:
    """Prints the gain matrix."""
    print_matrix(console, analysis, PRETRAINED)
    if prepared.config.data.limit is not None:
        console.print(
            f"test only: every split was cut to {prepared.config.data.limit} rows (data.limit)"
        )


def _identity(model: Any) -> str:
    """Returns a hash of a base model's weights and tokenizer: both decide scores."""
    return content_hash([model.fingerprint, tokenizer_fingerprint(model.directory)])


def _load_models(config: ExperimentConfig, engine: Engine) -> dict[str, Any]:
    """Loads the pretrained model and further base models, each once, by reference."""
    models = {
        config.model.pretrained: engine.load_checkpoint(
            config.model.pretrained, config.model.revision
        )
    }
    for reference in config.model.bases:
        models.setdefault(reference, engine.load_checkpoint(reference, None))
    return models


def _encode(config: ExperimentConfig, task: TaskData, tokenizer: Path) -> EncodedTask:
    protocol = config.protocol
    return encode_task(task, tokenizer, protocol.max_length, config.data.cache_dir, protocol.text)


def _check_tokenizer(
    config: ExperimentConfig,
    reference: str,
    directory: Path,
    data: Mapping[str, TaskData],
    tasks: Mapping[str, EncodedTask],
) -> None:
    """Checks on the first examples of every task that a base model reads the same tokens.

    All base models of a grid are given the pretrained model's tokens; files of equal tokenizers
    often differ, so it is tokens that are compared.
    """
    for name, task in data.items():
        first = Rows(task.splits["test"].texts[:_COMPARED], task.splits["test"].labels[:_COMPARED])
        own = _encode(config, replace(task, splits=dict.fromkeys(task.splits, first)), directory)
        shared = tasks[name].test
        if not np.array_equal(own.test.tokens, shared.tokens[: shared.offsets[len(first)]]):
            raise IntertrainError(
                f"base model {reference!r} must have the tokenizer of {config.model.pretrained!r},"
                f" but gives other tokens for task {name!r}. Give it an experiment of its own."
            )


def _read(store: RecordStore, console: Console) -> Records:
    """Reads the records and reports files that are none; their runs count as not done."""
    records = store.read_all()
    for problem in records.problems:
        console.print(
            f"warning: {problem.path} is no record and does not count: {problem.reason}",
            style="yellow",
            soft_wrap=True,
        )
    return records


def _efficiency(final: GridProgress) -> str:
    """Says how well the engine was used: what to look at when a grid is slow."""
    return (
        f"{final.examples:,} examples trained on, {final.examples / max(final.seconds, 1e-9):,.0f}"
        f" per second, validation and tests included; lanes busy {final.occupancy:.1%},"
        f" padding {final.padding_share:.1%}, {final.compilations} compiled training programs"
    )


def _summarise(
    console: Console,
    prepared: Prepared,
    records: Records,
    out: Path,
    final: GridProgress | None,
) -> int:
    """Prints how it ended and where everything is; returns the exit code."""
    plan = prepared.plan
    done, failed = done_and_failed(plan, records.by_id)
    took = f" in {duration(final.seconds)}" if final else ""
    line = f"{len(done):,} of {len(plan.runs):,} runs done{took}. Results: {out}"
    if failed:
        line += (
            f"\n{len(failed):,} failed: reasons are in {out / ANALYSIS_FOLDER / 'records.csv'};"
            " start again with --retry-failed to repeat them."
        )
    console.print(line, soft_wrap=True)
    if len(done) + len(failed) < len(plan.runs):
        raise IntertrainError(
            f"{len(plan.runs) - len(done) - len(failed)} runs of {plan.name!r} left no record,"
            " though the engine ended. Start the same command again."
        )
    return 1 if failed else 0
