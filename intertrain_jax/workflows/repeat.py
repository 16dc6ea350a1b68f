"""Repeats one run of a grid that was done before, and leaves its weights to be written out."""

from __future__ import annotations

from dataclasses import replace

from intertrain_jax.base import IntertrainError, time_now
from intertrain_jax.config.experiment import EngineConfig, ExperimentConfig
from intertrain_jax.planning.plan import Run, record_of
from intertrain_jax.planning.work import GridWork
from intertrain_jax.records.results import RunResult
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.runs import Record, is_better
from intertrain_jax.workflows.export import one_run
from intertrain_jax.workflows.grid import prepare
from intertrain_jax.workflows.runner import Devices, Runner
from intertrain_jax.workflows.watch import Watcher, grid_display, watcher_of


def repeat_run(
    config: ExperimentConfig,
    run: str,
    *,
    progress: bool | Watcher = False,
    runner: Runner | None = None,
) -> str:
    """Does one run of a grid again, with the run that made its base model if that was not kept.

    The record of a run that was done stays as it is. A run without one gets it.

    Args:
        config: the grid's; its results directory has what was done, if anything was.
        run: its id, or BASE:TARGET:SEED.
        progress: whether to print lines and bars; or what takes them.
        runner: what computes; None is this process's devices.

    Returns:
        A sentence: its score, and whether it is what the record says.

    Raises:
        IntertrainError: there is no such run, or it failed.
    """
    watcher = watcher_of(progress)
    runner = runner or Devices()
    prepared = prepare(config, runner, watcher)
    directory, plan = ResultsDir(config.out_dir), prepared.plan
    wanted = one_run(plan, run)
    if wanted.base.label in prepared.unusable:
        raise IntertrainError(prepared.unusable[wanted.base.label])
    with directory.exclusive() as held:
        directory.write(config, prepared.resolution)
        known = directory.runs.read_all().by_key
        outcomes: dict[str, tuple[RunResult | None, str | None]] = {}

        def emit(ended: Run, result: RunResult | None, reason: str | None) -> None:
            outcomes[ended.id] = result, reason
            if is_better(result, known.get(ended.id)):
                origin = {**prepared.data[ended.target].origin, "limit": config.data.limit}
                held.check()
                environment = runner.environment(config.engine)
                record = record_of(ended, result, reason, origin, environment, time_now())
                directory.runs.write(record)

        # All other runs count as done: blocks have the shapes that they had in the grid.
        done = {other.id for other in plan.runs} - {wanted.id}
        usable = plan.without(
            {other.id for other in plan.runs if other.base.label in prepared.unusable}
        )
        options = _as_before(replace(config.engine, keep="all"), known.get(wanted.id))
        tasks = prepared.bases.tasks(usable)
        work = GridWork(usable, done, prepared.bases, tasks, options, directory.path)
        with grid_display(watcher, directory.path) as show:
            runner.run_grid(work, emit, show)
    result, reason = outcomes.get(wanted.id, (None, "it left no result"))
    if result is None:
        raise IntertrainError(f"run {wanted.name} failed: {reason}. Correct what it says.")
    said = f"{wanted.name} ({wanted.id}): {_score(result)}"
    record = known.get(wanted.id)
    if record is None or record.result is None or is_better(result, record):
        said += ", now recorded"
    elif same_outcome(result, record.result):
        said += ", as its record says"
    else:
        said += (
            f", where its record says {_score(record.result)}: another"
            " machine, other versions or, by --lanes, other lanes"
        )
    return (
        f"{said}. Write it out: intertrain-jax models kept {directory.path} {wanted.id} DIRECTORY"
    )


def _as_before(options: EngineConfig, record: Record | None) -> EngineConfig:
    """Returns options with the lanes that a run was done in before, unless the user says which."""
    result = None if record is None else record.result
    if result is None or not result.lanes or (options.lanes, options.fuse) != ("auto", "auto"):
        return options
    return replace(options, lanes=result.lanes, fuse=result.fuse)


def same_outcome(one: RunResult, other: RunResult) -> bool:
    """Whether two results are equal but for the time that they took, and a test that one did not do."""
    one, other = one.outcome, other.outcome
    if None in (one.test, other.test):
        one, other = (replace(result, test=None, unanswered=0) for result in (one, other))
    return one == other


def _score(result: RunResult) -> str:
    """The score that counts, in words."""
    if result.test is None:
        return f"validation {result.validation:.2f}"
    return f"test {result.test:.2f}"
