"""Does a grid, from its configuration to its matrix: checks first, then files, then training."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from intertrain_jax.base import IntertrainError, time_now
from intertrain_jax.cluster.address import wanted
from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.data.load import TaskData, load_task
from intertrain_jax.planning.estimates import encoder_parameters, estimate
from intertrain_jax.planning.plan import Plan, Run, build_plan, record_of
from intertrain_jax.planning.rates import keep_rate
from intertrain_jax.planning.status import done_and_failed
from intertrain_jax.planning.work import Bases, GridWork
from intertrain_jax.records.hold import Hold
from intertrain_jax.records.resolution import Resolution
from intertrain_jax.records.results import RunResult
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.runs import Record, Runs, is_better
from intertrain_jax.records.store import Store
from intertrain_jax.report.analysis import write_result
from intertrain_jax.study.files import write_analysis
from intertrain_jax.workflows.inputs import ExperimentTasks, check_steps, find_tasks, measure
from intertrain_jax.workflows.own import GridOptions, experiment_of, is_own, look_over, tokenizer_of
from intertrain_jax.workflows.results import GridResult
from intertrain_jax.workflows.runner import Runner, runner_of
from intertrain_jax.workflows.watch import Watcher, grid_display, watcher_of

if TYPE_CHECKING:
    from intertrain_jax.engine.recording import GridProgress

ANALYSIS_FOLDER = "analysis"


@dataclass(frozen=True)
class Done:
    """What was done of an experiment.

    Attributes:
        progress: what the engine did; None where there was nothing to do.
        unscored: ids of runs that were done when their tasks were no targets, and could not be done
            again for a score.
    """

    progress: GridProgress | None
    unscored: Set[str]


@dataclass(frozen=True)
class Prepared:
    """A checked experiment, before anything is written or compiled.

    Attributes:
        config: as the user gave it.
        plan: with final run ids.
        resolution: what the ids were made from.
        data: of every task.
        bases: base models.
        unusable: label of a base model → why none of its runs can be done.
    """

    config: ExperimentConfig
    plan: Plan
    resolution: Resolution
    data: Mapping[str, TaskData]
    bases: Bases
    unusable: Mapping[str, str]


def grid(
    config: str | Path | ExperimentConfig = "quickstart",
    *,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    retry_failed: bool = False,
    progress: bool | Watcher = False,
    workers: int | str = 1,
    runner: Runner | None = None,
    **options: Unpack[GridOptions],
) -> GridResult:
    """Trains every base model on every target, over seeds, and returns scores and gains.

    Runs that are done stay in the results directory: the same call goes on where it was stopped.

    Args:
        config: an experiment, a YAML file, or the name of a bundled experiment.
        overrides: dotted key → value, or "key.sub=value" each.
        retry_failed: do runs again that are recorded as failed.
        progress: whether to print lines and bars; or what takes them.
        workers: how many processes compute, each on a device of its own: a number, "auto" for all
            devices, or the address of a Ray cluster; 1 is this process.
        runner: what computes, instead.
        options: `seeds`, `out`, `bases`, `data_dir`, `limit`, `lanes` and `targets`, as on the command
            line; targets may be names, files and DataFrames, of which `test`, `text`, `text2` and
            `label` say more.

    Raises:
        IntertrainError: something does not fit; nothing was written.
    """
    asked = wanted(workers)
    config, guessed = experiment_of(config, overrides, **options)
    watcher = watcher_of(progress)
    for line in guessed:
        watcher.say(line)
    with runner_of(runner, asked) as computing:
        prepared = prepare(config, computing, watcher)
        _look_over(prepared, watcher)
        plan = prepared.plan
        with ResultsDir(config.out_dir).exclusive() as held:
            done = do_runs(prepared, held, watcher, computing, retry_failed=retry_failed)
            held.check()
            result = analysed(prepared, watcher, done.progress)
    lacking = len(plan.runs) - sum(result.counts) - len(done.unscored)
    if lacking:
        raise IntertrainError(
            f"{lacking} runs of {plan.name!r} left no record,"
            " though the engine ended. Start the same command again."
        )
    return result


def do_runs(
    prepared: Prepared,
    held: Hold,
    watcher: Watcher,
    runner: Runner,
    *,
    wanted: Container[str] | None = None,
    retry_failed: bool = False,
) -> Done:
    """Does the runs of an experiment that are not done, and leaves their records in its directory.

    Args:
        prepared: the experiment.
        held: its directory, which is this process's.
        watcher: takes what is being done.
        runner: what computes.
        wanted: ids of the runs to do, none of which waits for another; None is all.
        retry_failed: do runs again that are recorded as failed.
    """
    config, plan = prepared.config, prepared.plan
    directory = ResultsDir(config.out_dir)
    out, store = directory.path, directory.runs
    directory.write(config, prepared.resolution)
    before = _read(store, watcher)
    done, failed = done_and_failed(plan, before.by_key)
    if retry_failed:
        failed = set()
    environment = runner.environment(config.engine)
    unscored: set[str] = set()

    def emit(run: Run, result: RunResult | None, reason: str | None) -> None:
        held.check()
        if not is_better(result, before.by_key.get(run.id)):
            unscored.add(run.id)
            watcher.warn(f"{run.name} has no test score, as it failed when done again: {reason}")
            return
        origin = {**prepared.data[run.target].origin, "limit": config.data.limit}
        store.write(record_of(run, result, reason, origin, environment, time_now()))

    for run in plan.runs:
        if run.base.label in prepared.unusable and run.id not in done:
            if run.id not in failed:
                emit(run, None, prepared.unusable[run.base.label])
            failed.add(run.id)
    # A source run that failed in an earlier call takes its dependants with it.
    orphans = [run for run in plan.orphans(failed) if run.id not in done]
    for run in orphans:
        emit(run, None, f"Its source run {run.depends_on} ({run.base.label}) failed.")
    lost = failed | {run.id for run in orphans}
    # What nobody wants counts as done: blocks have the shapes that they have with it.
    others = {run.id for run in plan.runs if wanted is not None and run.id not in wanted} - lost
    pending = len(plan.runs) - len(done | others) - len(lost)
    watcher.say(
        f"{config.name}: {len(plan.runs):,} runs, {len(done):,} done before, {pending:,} to do on"
        f" {environment.get('device', 'this machine')}"
    )
    if not pending:
        return Done(None, unscored)
    if environment.get("deterministic") == "false":
        watcher.say(
            "on this GPU the same run may differ in its last bits each time it is done; --set"
            " engine.deterministic=true makes it the same, and slower"
        )
    watcher.say("tokenising")
    bases, rest = prepared.bases, plan.without(lost)
    work = GridWork(rest, done | others, bases, bases.tasks(plan), config.engine, out)
    with grid_display(watcher, out) as show:
        final = runner.run_grid(work, emit, show)
    # Of one process: an estimate is of one.
    if "cpu" in environment.get("device", "") and "workers" not in environment:
        _keep_rate(prepared, done | lost | others, final.seconds - final.compile_seconds)
    return Done(final, unscored)


def analysed(prepared: Prepared, watcher: Watcher, final: GridProgress | None) -> GridResult:
    """Returns what the runs of an experiment came to, and writes its analysis.

    Args:
        prepared: the experiment, whose directory is this process's.
        watcher: takes what is being done.
        final: what the engine did in this call.
    """
    out = prepared.config.out_dir
    stored = _read(ResultsDir(out).runs, watcher)
    result = GridResult(prepared.config, prepared.plan, stored, out, final)
    write_analysis(out / ANALYSIS_FOLDER, result.analysis, result.stored.by_key)
    for label, note in dict.fromkeys(
        (record.base.label, note)
        for record in result.stored.by_key.values()
        for note in (record.result.notes if record.result is not None else ())
    ):
        watcher.say(f"{label}: {note}")
    watcher.say("analysing")
    write_result(out / ANALYSIS_FOLDER, result.result)
    return result


def prepare(
    config: ExperimentConfig,
    runner: Runner,
    watcher: Watcher,
    data: Mapping[str, TaskData] | None = None,
    bases: Bases | None = None,
) -> Prepared:
    """Reads and checks everything that a grid needs, and changes nothing in its directory.

    Base models are looked at one after another and let go: they are loaded again when a run of theirs
    is about to start. Further ones that cannot be used are no reason to stop.

    Args:
        config: the experiment.
        runner: loads models.
        watcher: takes what is being done.
        data: of its tasks, where they were read before.
        bases: base models of these data, where they were looked at before.

    Raises:
        IntertrainError: something does not fit.
    """
    named = find_tasks(config)
    directory = ResultsDir(config.out_dir)
    directory.check(config)
    kept = directory.resolution()
    if data is None:
        watcher.say(f"reading {len(named.by_name)} tasks")
        data = read_tasks(config, named, watcher)
    ref = config.model.ref
    if bases is None:
        watcher.say(f"loading {ref.label}")
        bases = runner.bases(kept.pinned(ref), data, config.protocol, config.data.cache_dir)
        runner.check_pretrained(ref, bases.pretrained, config.engine, config.protocol)
    fingerprints: dict[str, str | None] = {}
    revisions: dict[str, str] = {}
    unusable: dict[str, str] = {}
    rows: dict[str, str] = {}
    for base in (ref, *config.model.base_refs):
        if base != ref:
            watcher.say(f"looking at {base.label}")
        try:
            model = bases.look(kept.pinned(base))
            twin = rows.setdefault(model.identity, base.label)
            if twin != base.label:
                raise IntertrainError(
                    f"Model {base.label!r} must be another model than the rows above it, but its weights"
                    f" and its tokenizer are those of {twin!r}; remove it."
                )
        except IntertrainError as error:
            unusable[base.label] = str(error)
            watcher.warn(f"{base.label} cannot be used, and its runs fail: {error}")
            continue
        fingerprints[base.label] = model.identity
        if model.commit is not None:
            revisions[base.label] = model.commit
    resolution = Resolution(
        fingerprints,
        {name: task.fingerprint for name, task in data.items()},
        runner.resolve_precision(config.protocol.precision),
        revisions,
    )
    directory.check(config, resolution)
    # A base model that is gone since keeps the ids of its runs, of which some may be done.
    plan = build_plan(config, named.sources, named.targets, kept.with_(resolution))
    return Prepared(config, plan, resolution, data, bases, unusable)


def read_tasks(
    config: ExperimentConfig, named: ExperimentTasks, watcher: Watcher
) -> dict[str, TaskData]:
    """Reads the tasks of an experiment, and says what there is to say of them.

    Raises:
        IntertrainError: data are not there, cannot be read, or are too many for the protocol.
    """
    data = {name: load_task(task, config.data) for name, task in named.by_name.items()}
    for name, loaded in data.items():
        check_steps(config.protocol, loaded)
        check_steps(config.protocol_of_sources, loaded)
        for note in loaded.origin.get("notes", ()):
            watcher.say(f"{name}: {note}")
    return data


def _look_over(prepared: Prepared, watcher: Watcher) -> None:
    """Says what of the targets that are the user's own would mislead."""
    config = prepared.config
    ref = (
        ResultsDir(config.out_dir).resolution().with_(prepared.resolution).pinned(config.model.ref)
    )
    for name in dict.fromkeys(run.target for run in prepared.plan.runs):
        if is_own(name, config.tasks):
            data = prepared.data[name]
            for line in look_over(data, tokenizer_of(ref, True), config.protocol.max_length):
                watcher.say(line)


def _keep_rate(prepared: Prepared, before: Set[str], seconds: float) -> None:
    """Remembers how fast this machine did the runs of a grid, for the next estimate."""
    config = prepared.config
    parameters = encoder_parameters(config.model.ref.reference)
    if parameters is None:
        return
    sizes = {name: measure(data) for name, data in prepared.data.items()}
    cost = estimate(prepared.plan, before, sizes, parameters)
    keep_rate(parameters, cost.flops or 0.0, seconds, config.data.cache_dir)


def _read(store: Store[str, Record], watcher: Watcher) -> Runs:
    """Reads the records and reports files that are none; their runs count as not done."""
    records = store.read_all()
    for problem in records.problems:
        watcher.warn(f"{problem.path} is no record and does not count: {problem.reason}")
    return records
