"""The host loop: keeps lanes busy, validates, stops, records and refills, until the plan is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from intertrain_jax.base import IntertrainError, StopReason
from intertrain_jax.engine.checkpoint import Checkpoints, load_run, save_run
from intertrain_jax.engine.environment import lane_mesh, prepare_process, replicated
from intertrain_jax.engine.lane import LaneGroup, LaneRun
from intertrain_jax.engine.lane_count import LaneCounts, choose_lanes
from intertrain_jax.engine.lanes import LanePrograms
from intertrain_jax.engine.queue import RunQueue
from intertrain_jax.engine.recording import GridProgress, Recorder, result_of
from intertrain_jax.engine.starts import Starts
from intertrain_jax.engine.tasks import Evaluator, GridTasks
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.work import Emit, GridWork, ref_of
from intertrain_jax.records.runs import RunResult
from intertrain_jax.train.hyper import hyper_of
from intertrain_jax.train.step import DTYPES
from intertrain_jax.train.stopping import Progress, diverged, validated

# Most micro-steps that are sent off before the host looks at losses.
TICKS = 32
# Runs that are likely to start next and whose base models may be loaded already.
AHEAD = 16

Watch = Callable[[GridProgress], None]


def run_grid(work: GridWork, emit: Emit, watch: Watch = lambda progress: None) -> GridProgress:
    """Does every run of a plan that is not done; returns when nothing is left.

    Args:
        work: the plan, its tasks and its base models.
        emit: called once for every run that ends, with its result, or with the reason why it failed.
        watch: called after every turn of the loop with the progress.

    Returns:
        The final progress.

    Raises:
        IntertrainError: an option does not fit.
    """
    prepare_process()
    try:
        return GridLoop(work, emit, watch).run()
    finally:
        work.bases.close()


class GridLoop:
    """One call of `run_grid`; see there for the arguments."""

    def __init__(self, work: GridWork, emit: Emit, watch: Watch) -> None:
        plan, options = work.plan, work.options
        self._bases, self._options, self._watch = work.bases, options, watch
        self._checkpoints = Checkpoints(work.out / "checkpoints")
        self._protocol = plan.runs[0].protocol
        self._starts = Starts(work.bases, work.tasks, self._protocol, self._checkpoints)
        self._mesh = lane_mesh(options.devices)
        self.tasks = GridTasks(work, self._mesh)
        self._evaluator = Evaluator(self.tasks, self._starts.objective.num_outputs)
        self._pretrained: Any = None
        if any(run.protocol.l2_to_base > 0 for run in plan.runs):
            self._pretrained = jax.device_put(
                self._starts.pretrained_body(plan), replicated(self._mesh)
            )
        self._waiting = RunQueue(
            plan.runs, work.done, self._checkpoints.has_source, self.tasks.effort_of
        )
        self._recorder = Recorder(emit, self._checkpoints, self._waiting, options.keep_checkpoints)
        self._started = time.monotonic()
        self.groups: list[LaneGroup] = []
        self.progress = GridProgress(total=self._waiting.to_record)

    def run(self) -> GridProgress:
        """Loops until no run waits and no lane is busy."""
        self._checkpoints.take_over()
        if len(self._waiting):
            shapes = [shape for task in self.tasks.shapes.values() for shape in task.train]
            largest = max(shapes, key=lambda shape: shape.tokens)
            self.open_lanes(
                choose_lanes(
                    self._options,
                    self._starts.objective,
                    largest,
                    self._protocol.precision,
                    self._mesh,
                    len(self._waiting),
                )
            )
        while len(self._waiting) or any(group.busy for group in self.groups):
            try:
                for group in self.groups:
                    self._turn(group)
            except jax.errors.JaxRuntimeError as error:
                if "RESOURCE_EXHAUSTED" not in str(error):
                    raise
                self._shrink(error)
        self._write_results()
        self._checkpoints.close()
        self._watch(self.progress)
        return self.progress

    @property
    def compilations(self) -> int:
        """How many times a training program was compiled."""
        return self._programs.compilations

    def open_lanes(self, counts: LaneCounts) -> None:
        """Allocates empty lanes, in groups."""
        self._programs = LanePrograms(
            self._starts.objective,
            counts.fused,
            self._mesh,
            DTYPES[self._protocol.precision],
        )
        self.groups = [
            LaneGroup(self._programs.empty_lanes(), [None] * counts.fused)
            for _ in range(counts.groups)
        ]
        self._count(lanes=counts.lanes)

    def _turn(self, group: LaneGroup) -> None:
        """Fills a group's free lanes, takes its lanes to the next validation, and validates."""
        for run, why in self._waiting.take_orphans():
            self._finish(
                run, None, f"Its source run {run.depends_on} ({run.base.label}) failed: {why}"
            )
        self.refill(group)
        if group.busy:
            due = self.dispatch(group)
            self.take_losses(group, keep=0 if due else TICKS)
            for k, lane in group.busy.items():
                if lane.lost:
                    self._end(group, k, diverged(lane.progress))
                elif k in due:
                    self._validate(group, k)
        if self._recorder.due:
            self._write_results()
        self._count(
            active=sum(len(group.busy) for group in self.groups),
            compilations=self.compilations,
            seconds=time.monotonic() - self._started,
        )
        self._watch(self.progress)

    def dispatch(self, group: LaneGroup) -> set[int]:
        """Sends a group on its way until a validation is due; returns the lanes that reach one."""
        if group.dispatched_at is None:
            group.dispatched_at = time.monotonic()
        due: set[int] = set()
        for _ in range(TICKS):
            before = sum(lane.tokens for lane in group.busy.values())
            seen = sum(lane.examples for lane in group.busy.values())
            turn = group.next_turn()
            group.lanes, losses_K = self._programs.accumulate(
                group.lanes, turn.segments, turn.share_K, self.tasks.arena.tokens, turn.shape
            )
            if turn.apply_K.any():
                group.lanes = self._programs.step(group.lanes, turn.apply_K, self._pretrained)
            group.losses.append((turn, losses_K))
            tokens = sum(lane.tokens for lane in group.busy.values()) - before
            examples = sum(lane.examples for lane in group.busy.values()) - seen
            self._count(
                lane_ticks=self.progress.lane_ticks + len(group.slots),
                busy_ticks=self.progress.busy_ticks + len(turn.ticks),
                slots=self.progress.slots + len(turn.ticks) * turn.shape.tokens,
                tokens=self.progress.tokens + tokens,
                examples=self.progress.examples + examples,
            )
            due = {k for k, (_, tick) in turn.ticks.items() if tick.validate}
            if due:
                break
        return due

    def take_losses(self, group: LaneGroup, keep: int) -> None:
        """Reads the losses of all but the last `keep` turns: the host looks a few turns late."""
        while len(group.losses) > keep:
            turn, losses_K = group.losses.pop(0)
            values_K = np.asarray(losses_K)
            for k, (lane, tick) in turn.ticks.items():
                lane.add_loss(float(values_K[k]), tick.apply)
        if not group.losses and group.dispatched_at is not None:
            spent = time.monotonic() - group.dispatched_at
            group.dispatched_at = None
            self._count(train_seconds=self.progress.train_seconds + spent)

    def _validate(self, group: LaneGroup, k: int) -> None:
        lane = group.busy[k]
        score, _ = self.score(group, k, "validation", best=False)
        lane.record_validation(score)
        last = lane.step >= lane.schedule.total_steps
        lane.progress, improved = validated(
            lane.progress, score, lane.examples, last, lane.run.protocol
        )
        if improved:
            group.lanes = self._programs.keep_best(group.lanes, k)
        if lane.progress.reason is not StopReason.RUNNING:
            self._end(group, k, lane.progress)
        elif lane.checkpoint_due(self._options.checkpoint_minutes):
            save_run(self._checkpoints, lane, self._programs.read(group.lanes, k))

    def score(self, group: LaneGroup, k: int, split: str, best: bool) -> tuple[float, int]:
        """Returns a lane's score on a split, as a fraction, and how many examples got no answer."""
        began = time.monotonic()
        run = group.busy[k].run
        found = self._evaluator.score(self._programs, group.lanes, k, best, run, split)
        spent = time.monotonic() - began
        self._count(evaluation_seconds=self.progress.evaluation_seconds + spent)
        return found

    def _end(self, group: LaneGroup, k: int, ended: Progress) -> None:
        """Scores a run that has ended, keeps its weights where runs wait for them, frees its lane."""
        lane, result, failure = group.busy[k], None, None
        run = lane.run
        if ended.reason is StopReason.DIVERGED:
            failure = f"{ended.reason.sentence} (seen by step {lane.step})"
        else:
            test, unanswered = self.score(group, k, "test", best=True)
            result = result_of(lane, self.tasks.task_of(run), ended, test, unanswered)
            if result is None:
                failure = "Its score is undefined: all predictions are the same."
        if result is not None:
            kept = self._options.keep_checkpoints and self._waiting.is_source(run.id)
            if kept or self._waiting.dependants(run.id):
                best = self._programs.read(group.lanes, k).best
                self._write_results()
                self._checkpoints.save_source(run.id, self._starts.source_params(run, best))
        group.slots[k] = None
        self._finish(run, result, failure)

    def _finish(self, run: Run, result: RunResult | None, reason: str | None) -> None:
        """Closes a run's account; its record is written once its weights are safe."""
        self._waiting.close(run, reason)
        if run.id in self._waiting.silent:
            return
        self._recorder.add(run, result, reason)
        if reason is None:
            self._count(done=self.progress.done + 1)
        else:
            self._count(failed=self.progress.failed + 1)

    def _write_results(self) -> None:
        """Writes the records of runs that ended."""
        busy = (lane for group in self.groups for lane in group.busy.values())
        self._recorder.write({lane.run.depends_on for lane in busy})

    def refill(self, group: LaneGroup) -> None:
        """Starts ready runs in the free lanes of a group."""
        for k in group.free:
            shape = next((lane.shapes[0] for lane in group.busy.values()), None)
            run = self._waiting.take_next(shape)
            if run is None:
                return
            self._bases.expect(
                ref_of(upcoming)
                for upcoming in self._waiting.upcoming(shape, AHEAD)
                if upcoming.depends_on is None
            )
            try:
                group.slots[k] = self._start(group, k, run)
            except (IntertrainError, OSError, ValueError, KeyError) as error:
                self._finish(run, None, f"It could not start: {error}")

    def _start(self, group: LaneGroup, k: int, run: Run) -> LaneRun:
        tasks, objective = self.tasks, self._starts.objective
        schedule, train, blocks = (
            tasks.schedule_of(run),
            tasks.train_of(run),
            tasks.shapes_of(run).train,
        )
        config, task = self._starts.config_of(run), tasks.task_of(run)
        hyper = hyper_of(run.protocol, schedule, config, run.seed, task, objective)
        saved = load_run(self._checkpoints, run.id, objective.parameter_shapes())
        if saved is None:
            params = self._starts.params_of(run)
            group.lanes = self._programs.start(group.lanes, k, params, hyper)
            return LaneRun(run, train, schedule, blocks)
        state, fields = saved
        group.lanes = self._programs.restore(group.lanes, k, state, fields["step"], hyper)
        return LaneRun(run, train, schedule, blocks, **fields)

    def _shrink(self, error: Exception) -> None:
        """Halves the lanes after memory ran out; the runs in them start again."""
        interrupted = [lane.run for group in self.groups for lane in group.busy.values()]
        now = LaneCounts(len(self.groups), len(self.groups[0].slots))
        fewer = now.halved(self._mesh.size)
        # The old lanes go before the new ones are allocated.
        self.groups = []
        for run in interrupted:
            if fewer == now:
                self._finish(
                    run,
                    None,
                    "Memory ran out with one lane per device: lower engine.block_rows or "
                    f"protocol.max_length ({str(error).splitlines()[0]})",
                )
            else:
                self._waiting.put_back(run)
        self.open_lanes(fewer)

    def _count(self, **changes: Any) -> None:
        self.progress = replace(self.progress, **changes)
