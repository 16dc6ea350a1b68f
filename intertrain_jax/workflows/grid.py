"""Does a grid, from its configuration to its matrix: checks first, then files, then training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from intertrain_jax.base import IntertrainError, content_hash
from intertrain_jax.config.experiment import ExperimentConfig, ExperimentOptions, load_config
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.data.load import Rows, TaskData, encode_task, load_task
from intertrain_jax.data.text import tokenizer_fingerprint
from intertrain_jax.models.hf.references import resolved_revision
from intertrain_jax.planning.plan import Plan, Run, build_plan, record_of
from intertrain_jax.planning.status import done_and_failed
from intertrain_jax.planning.work import GridWork, task_key
from intertrain_jax.records.results_dir import Resolution, ResultsDir
from intertrain_jax.records.runs import Record, RunResult, Runs
from intertrain_jax.records.store import Store
from intertrain_jax.report.analysis import write_result
from intertrain_jax.study.files import write_analysis
from intertrain_jax.workflows.inputs import find_tasks
from intertrain_jax.workflows.results import GridResult
from intertrain_jax.workflows.runner import Devices, Runner
from intertrain_jax.workflows.watch import Watcher, grid_display, watcher_of

ANALYSIS_FOLDER = "analysis"
# Examples of a task on which tokenizers are compared.
_COMPARED = 50


@dataclass(frozen=True)
class Prepared:
    """A checked experiment, before anything is written or compiled.

    Attributes:
        config: as the user gave it.
        plan: with final run ids.
        resolution: what the ids were made from.
        data: of every task.
        tasks: by `task_key`: in the pretrained model's tokens, and in those of base models with others.
        unusable: label of a base model → why none of its runs can be done.
        load: label of a base model → that model.
    """

    config: ExperimentConfig
    plan: Plan
    resolution: Resolution
    data: Mapping[str, TaskData]
    tasks: Mapping[str, EncodedTask]
    unusable: Mapping[str, str]
    load: Callable[[str], Any]


def grid(
    config: str | Path | ExperimentConfig = "quickstart",
    *,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    retry_failed: bool = False,
    progress: bool | Watcher = False,
    runner: Runner | None = None,
    **options: Unpack[ExperimentOptions],
) -> GridResult:
    """Trains every base model on every target, over seeds, and returns scores and gains.

    Runs that are done stay in the results directory: the same call goes on where it was stopped.

    Args:
        config: an experiment, a YAML file, or the name of a bundled experiment.
        overrides: dotted key → value, or "key.sub=value" each.
        retry_failed: do runs again that are recorded as failed.
        progress: whether to print lines and bars; or what takes them.
        runner: what computes; None is this process's devices.
        options: `seeds`, `out`, `bases`, `data_dir`, `limit` and `lanes`, as on the command line.

    Raises:
        IntertrainError: something does not fit; nothing was written.
    """
    if not isinstance(config, ExperimentConfig) or overrides or options:
        config = load_config(config, overrides, **options)
    watcher = watcher_of(progress)
    runner = runner or Devices()
    prepared = prepare(config, runner, watcher)
    directory, plan = ResultsDir(config.out_dir), prepared.plan
    out, store = directory.path, directory.runs
    directory.write(config, prepared.resolution)
    with directory.exclusive():
        before = _read(store, watcher)
        done, failed = done_and_failed(plan, before.by_key)
        if retry_failed:
            failed = set()
        environment = runner.environment()

        def emit(run: Run, result: RunResult | None, reason: str | None) -> None:
            source = {**prepared.data[run.target].source, "limit": config.data.limit}
            store.write(record_of(run, result, reason, source, environment))

        for run in plan.runs:
            if run.base.label in prepared.unusable and run.id not in done:
                if run.id not in failed:
                    emit(run, None, prepared.unusable[run.base.label])
                failed.add(run.id)
        # A source run that failed in an earlier call takes its dependants with it.
        orphans = plan.orphans(failed)
        for run in orphans:
            emit(run, None, f"Its source run {run.depends_on} ({run.base.label}) failed.")
        lost = failed | {run.id for run in orphans}
        pending = len(plan.runs) - len(done) - len(lost)
        watcher.say(
            f"{config.name}: {len(plan.runs):,} runs, {len(done):,} done before, {pending:,} to do"
        )
        final = None
        if pending:
            work = GridWork(
                plan.without(lost),
                done,
                prepared.tasks,
                config.model.ref.label,
                prepared.load,
                config.engine,
                out,
            )
            with grid_display(watcher, out) as show:
                final = runner.run_grid(work, emit, show)
        result = GridResult(config, plan, _read(store, watcher), out, final)
        write_analysis(out / ANALYSIS_FOLDER, result.analysis, result.stored.by_key)
        watcher.say("analysing")
        write_result(out / ANALYSIS_FOLDER, result.result)
    done_now, failed_now = result.counts
    if done_now + failed_now < len(plan.runs):
        raise IntertrainError(
            f"{len(plan.runs) - done_now - failed_now} runs of {plan.name!r} left no record,"
            " though the engine ended. Start the same command again."
        )
    return result


def prepare(config: ExperimentConfig, runner: Runner, watcher: Watcher) -> Prepared:
    """Reads and checks everything that a grid needs, and changes nothing in its directory.

    Further base models are looked at one after another and let go: they are loaded again when a run of
    theirs is about to start. One that cannot be used is no reason to stop.

    Args:
        config: the experiment.
        runner: loads models.
        watcher: takes what is being done.

    Raises:
        IntertrainError: something does not fit.
    """
    named = find_tasks(config)
    directory = ResultsDir(config.out_dir)
    directory.check(config)
    kept = directory.resolution()
    watcher.say(f"reading {len(named.by_name)} tasks")
    data = {name: load_task(task, config.data) for name, task in named.by_name.items()}
    ref = config.model.ref
    watcher.say(f"loading {ref.label}")
    pretrained = runner.load(kept.pinned(ref))
    runner.check_pretrained(ref, pretrained, config.engine, config.protocol)
    fingerprints: dict[str, str | None] = {ref.label: _identity(pretrained)}
    revisions = _revisions(ref, pretrained.directory)
    watcher.say("tokenising")
    tasks = {name: _encode(config, task, pretrained.directory) for name, task in data.items()}
    runner.check_tokens(ref, pretrained, tasks.values())
    unusable: dict[str, str] = {}
    for base in config.model.base_refs:
        watcher.say(f"looking at {base.label}")
        try:
            model = pretrained if base == ref else runner.load(kept.pinned(base))
            runner.check_base(base, model, pretrained)
            own = _own_tokens(config, base, model.directory, data, tasks)
            runner.check_tokens(base, model, own.values())
        except IntertrainError as error:
            unusable[base.label] = str(error)
            watcher.warn(f"{base.label} cannot be used, and its runs fail: {error}")
            continue
        tasks |= own
        fingerprints[base.label] = _identity(model)
        revisions |= _revisions(base, model.directory)
    resolution = Resolution(
        fingerprints,
        {name: task.fingerprint for name, task in data.items()},
        runner.resolve_precision(config.protocol.precision),
        revisions,
    )
    directory.check(config, resolution)
    # A base model that is gone since keeps the ids of its runs, of which some may be done.
    known = kept.with_(resolution)
    plan = build_plan(config, named.sources, named.targets, known)

    def load(label: str) -> Any:
        if label == ref.label:
            return pretrained
        return runner.load(known.pinned(ModelRef.parse(label)))

    return Prepared(config, plan, resolution, data, tasks, unusable, load)


def _revisions(ref: ModelRef, directory: Path) -> dict[str, str]:
    """Returns the commit of a model off the hub, by its label."""
    found = resolved_revision(directory)
    return {} if found is None else {ref.label: found}


def _identity(model: Any) -> str:
    """Returns a hash of a base model's weights and tokenizer: both decide scores."""
    return content_hash([model.fingerprint, tokenizer_fingerprint(model.directory)])


def _encode(config: ExperimentConfig, task: TaskData, tokenizer: Path) -> EncodedTask:
    protocol = config.protocol
    return encode_task(task, tokenizer, protocol.max_length, config.data.cache_dir, protocol.text)


def _own_tokens(
    config: ExperimentConfig,
    base: ModelRef,
    directory: Path,
    data: Mapping[str, TaskData],
    tasks: Mapping[str, EncodedTask],
) -> dict[str, EncodedTask]:
    """Returns all tasks in a base model's tokens, if these are not the pretrained model's.

    Files of equal tokenizers often differ, so it is tokens that are compared, of every task's first
    test examples.
    """
    for name, task in data.items():
        first = Rows(task.splits["test"].texts[:_COMPARED], task.splits["test"].labels[:_COMPARED])
        own = _encode(config, replace(task, splits=dict.fromkeys(task.splits, first)), directory)
        shared = tasks[name].test
        if not np.array_equal(own.test.tokens, shared.tokens[: shared.offsets[len(first)]]):
            return {
                task_key(name, base.label): _encode(config, task, directory)
                for name, task in data.items()
            }
    return {}


def _read(store: Store[str, Record], watcher: Watcher) -> Runs:
    """Reads the records and reports files that are none; their runs count as not done."""
    records = store.read_all()
    for problem in records.problems:
        watcher.warn(f"{problem.path} is no record and does not count: {problem.reason}")
    return records
