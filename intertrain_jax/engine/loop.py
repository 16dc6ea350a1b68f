"""The host loop: keeps lanes busy, validates, stops, records and refills, until the plan is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from intertrain_jax.base import IntertrainError, StopReason
from intertrain_jax.engine.checkpoint import Checkpoints, WeightsLostError, save_run
from intertrain_jax.engine.environment import lane_mesh, prepare_process, replicated
from intertrain_jax.engine.lane import LaneGroup
from intertrain_jax.engine.lane_count import LaneCounts, choose_lanes
from intertrain_jax.engine.lanes import LanePrograms
from intertrain_jax.engine.queue import RunQueue
from intertrain_jax.engine.recording import GridProgress, Recorder, result_of
from intertrain_jax.engine.starts import Starts
from intertrain_jax.engine.tasks import Evaluator, GridTasks
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.work import Emit, GridWork, ref_of
from intertrain_jax.records.results import RunResult
from intertrain_jax.train.arena import deterministic_programs
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
        watch: called after every turn of the loop with the progress. If it raises KeyboardInterrupt, the
            runs in lanes are saved first, and go on from there next time.

    Returns:
        The final progress.

    Raises:
        IntertrainError: an option does not fit.
    """
    prepare_process()
    try:
        with deterministic_programs(work.options.deterministic is True):
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
        self._mesh = lane_mesh(options.devices)
        self.tasks = GridTasks(work, self._mesh)
        self._starts = Starts(work.bases, self.tasks, self._protocol, self._checkpoints)
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
        # Tokens of the runs that ended: trained on, and of their whole schedules.
        self._stopped_at = self._stopped_of = 0
        self._started = time.monotonic()
        self.groups: list[LaneGroup] = []
        self.progress = GridProgress(total=self._waiting.to_record)

    def run(self) -> GridProgress:
        """Loops until no run waits and no lane is busy.

        Raises:
            IntertrainError: there is no memory for a single lane.
        """
        self._checkpoints.take_over()
        wanted = {run for run in self._waiting.runs if self._waiting.dependants(run)}
        self._checkpoints.keep_only(
            self._waiting.waiting, None if self._options.keep_checkpoints else wanted
        )
        counts = self._lane_counts() if len(self._waiting) else None
        while len(self._waiting) or any(group.busy for group in self.groups):
            assert counts is not None
            scarce = None
            try:
                if not self.groups:
                    self.open_lanes(counts)
                self._round()
            except jax.errors.JaxRuntimeError as error:
                if "RESOURCE_EXHAUSTED" not in str(error):
                    raise
                scarce = str(error).splitlines()[0]
            # Only out here has the error let go of the arrays that were in use when it came.
            if scarce is not None:
                counts = self._shrink(counts, scarce)
        self._write_results()
        self._checkpoints.close()
        self._watch(self.progress)
        return self.progress

    def _lane_counts(self) -> LaneCounts:
        """Returns how many lanes to open at first."""
        shapes = [shape for task in self.tasks.shapes.values() for shape in task.train]
        return choose_lanes(
            self._options,
            self._starts.objective,
            max(shapes, key=lambda shape: shape.tokens),
            self._protocol.precision,
            self._mesh,
            len(self._waiting),
        )

    def _round(self) -> None:
        """Gives every group its turn, and the watcher the news."""
        for group in self.groups:
            self._turn(group)
            try:
                self._watch(self.progress)
            except KeyboardInterrupt:
                self._save_in_flight()
                raise

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
            self._take_in(group, self.dispatch(group), TICKS)
        if self._recorder.due:
            self._write_results()
        self._count(
            active=sum(len(group.busy) for group in self.groups),
            compilations=self.compilations,
            damaged=self._starts.damaged,
            tokens_left=self._tokens_left(),
            seconds=time.monotonic() - self._started,
        )

    def _tokens_left(self) -> float:
        """Returns the tokens still to be trained on, if runs stop as early as those that ended."""
        stopped = self._stopped_at / self._stopped_of if self._stopped_of else 1.0
        left = self._waiting.tokens * stopped
        for group in self.groups:
            for lane in group.busy.values():
                left += max(self.tasks.effort_of(lane.run).tokens * stopped - lane.tokens, 0.0)
        return left

    def _take_in(self, group: LaneGroup, due: set[int], keep: int) -> None:
        """Reads losses that are at hand, and validates the lanes that are due.

        Args:
            group: of lanes that were sent on their way.
            due: lanes that have reached a validation.
            keep: how many turns may stay unread where none has.
        """
        self.take_losses(group, keep=0 if due else keep)
        for k, lane in group.busy.items():
            if lane.lost:
                self._end(group, k, diverged(lane.progress))
            elif k in due:
                self._validate(group, k)

    def _save_in_flight(self) -> None:
        """Takes every run in a lane to the end of its batch, and saves it there."""
        for group in self.groups:
            self._take_in(group, set(), keep=0)
            while group.busy:
                for k, lane in group.busy.items():
                    if lane.between_batches:
                        save_run(self._checkpoints, lane, self._programs.read(group.lanes, k))
                        group.slots[k] = None
                if group.busy:
                    self._take_in(group, self.dispatch(group, most=1), keep=0)
        self._write_results()
        self._checkpoints.close()

    def dispatch(self, group: LaneGroup, most: int = TICKS) -> set[int]:
        """Sends a group on its way until a validation is due; returns the lanes that reach one.

        Args:
            group: with a busy lane at least.
            most: micro-steps to send off.
        """
        if group.dispatched_at is None:
            group.dispatched_at = time.monotonic()
        due: set[int] = set()
        for _ in range(most):
            before = sum(lane.tokens for lane in group.busy.values())
            seen = sum(lane.examples for lane in group.busy.values())
            turn = group.next_turn()
            compiled, began = self.compilations, time.monotonic()
            group.lanes, losses_K = self._programs.advance(
                group.lanes, turn.blocks, self.tasks.arena.tokens, self._pretrained
            )
            if self.compilations > compiled:
                spent = self.progress.compile_seconds + time.monotonic() - began
                self._count(compile_seconds=spent)
            group.losses.append((turn, losses_K))
            tokens = sum(lane.tokens for lane in group.busy.values()) - before
            examples = sum(lane.examples for lane in group.busy.values()) - seen
            self._count(
                lane_ticks=self.progress.lane_ticks + len(group.slots),
                busy_ticks=self.progress.busy_ticks + len(turn.ticks),
                slots=self.progress.slots + len(turn.ticks) * turn.blocks.shape.tokens,
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
        self._stopped_at += lane.tokens
        self._stopped_of += self.tasks.effort_of(run).tokens
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
                group.lanes, group.slots[k] = self._starts.enter(
                    self._programs, group.lanes, k, run
                )
            except WeightsLostError as error:
                self._repeat_source(run, str(error))
            except (IntertrainError, OSError, ValueError, KeyError) as error:
                self._finish(run, None, f"It could not start: {error}")

    def _repeat_source(self, run: Run, why: str) -> None:
        """Lets a run wait until the model that it starts from has been made again."""
        assert run.depends_on is not None
        self._checkpoints.forget_source(run.depends_on)
        self._starts.damaged += 1
        if not self._waiting.wait_for_source(run):
            self._finish(
                run, None, f"It could not start: its source's model is damaged again: {why}"
            )

    def _shrink(self, now: LaneCounts, why: str) -> LaneCounts:
        """Closes the lanes after memory ran out; returns how many to open, half as many if it can be.

        The runs in them start again, or have failed where a single one was too much.
        """
        interrupted = [lane.run for group in self.groups for lane in group.busy.values()]
        fewer = now.halved(self._mesh.size)
        self.groups = []
        cure = "lower engine.block_rows or protocol.max_length"
        if fewer == now and not interrupted:
            raise IntertrainError(
                f"a lane on each device must fit into memory, but there is none for it: {cure} ({why})."
            )
        for run in interrupted:
            if fewer == now:
                reason = f"Memory ran out with one lane per device: {cure} ({why})"
                self._finish(run, None, reason)
            else:
                self._waiting.put_back(run)
        return fewer

    def _count(self, **changes: Any) -> None:
        self.progress = replace(self.progress, **changes)
