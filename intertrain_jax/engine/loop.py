"""The host loop: keeps lanes busy, validates, stops, records and refills, until the plan is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import jax
import numpy as np

from intertrain_jax.base import IntertrainError, StopReason
from intertrain_jax.engine.books import books_of
from intertrain_jax.engine.checkpoint import WeightsLostError, save_run
from intertrain_jax.engine.environment import lane_mesh, prepare_process, replicated
from intertrain_jax.engine.evaluation import send
from intertrain_jax.engine.feed import Feed
from intertrain_jax.engine.lane import Ended, LaneGroup, LaneRun, Trained, Validated
from intertrain_jax.engine.lane_count import LaneCounts, choose_lanes
from intertrain_jax.engine.lanes import Programs
from intertrain_jax.engine.recording import Counts, GridProgress, result_of
from intertrain_jax.engine.starts import Starts
from intertrain_jax.engine.tasks import GridTasks
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.work import Emit, GridWork, ref_of
from intertrain_jax.records.results import RunResult
from intertrain_jax.train.arena import deterministic_programs
from intertrain_jax.train.stopping import diverged, validated

# Most micro-steps that are sent off before the host looks at losses.
TICKS = 32
# Runs that are likely to start next and whose base models may be loaded already.
AHEAD = 16

Watch = Callable[[GridProgress], None]


def run_grid(
    work: GridWork,
    emit: Emit,
    watch: Watch = lambda progress: None,
    known: Programs | None = None,
) -> GridProgress:
    """Does every run of a plan that is not done; returns when nothing is left.

    Args:
        work: the plan, its tasks and its base models.
        emit: called once for every run that ends, with its result, or with the reason why it failed.
        watch: called after every turn of the loop with the progress. If it raises KeyboardInterrupt, the
            runs in lanes are saved first, and go on from there next time.
        known: programs of earlier calls, to which those of this one are added.

    Returns:
        The final progress.

    Raises:
        IntertrainError: an option does not fit.
    """
    prepare_process()
    programs = known or Programs()
    try:
        with deterministic_programs(work.options.deterministic is True):
            return GridLoop(work, partial(books_of, work, emit), watch, programs).run()
    finally:
        programs.stop()
        work.bases.close()


class GridLoop:
    """Trains the runs that a feed gives, until there are no more.

    Args:
        work: what all of them share: tasks, base models, options, and a plan that has every kind of run.
        feed: makes the feed, when the tasks are there.
        watch: as of `run_grid`.
        known: programs, to which those of this loop are added.
    """

    def __init__(
        self, work: GridWork, feed: Callable[[GridTasks], Feed], watch: Watch, known: Programs
    ) -> None:
        plan, options = work.plan, work.options
        self._bases, self._options, self._watch, self._known = work.bases, options, watch, known
        self._protocol, self._mesh = plan.runs[0].protocol, lane_mesh(options.devices)
        self.tasks = GridTasks(work, self._mesh)
        self._feed = feed(self.tasks)
        self._starts = Starts(work.bases, self.tasks, self._protocol, self._feed.weights)
        self._pretrained: Any = None
        if any(run.protocol.l2_to_base > 0 for run in plan.runs):
            self._pretrained = jax.device_put(
                self._starts.pretrained_body(plan), replicated(self._mesh)
            )
        self._counts = Counts(self.tasks.effort_of)
        self.groups: list[LaneGroup] = []

    @property
    def progress(self) -> GridProgress:
        """What has been done so far."""
        return self._counts.progress

    def run(self) -> GridProgress:
        """Loops until no run waits and no lane is busy.

        Raises:
            IntertrainError: there is no memory for a single lane.
        """
        counts = self.lane_counts(runs) if (runs := self._feed.open()) else None
        self._counts.set(total=self._feed.to_record)
        while self._feed.more or any(group.open for group in self.groups):
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
        self._write_results(wait=True)
        self._feed.close()
        self._watch(self.progress)
        return self.progress

    def lane_counts(self, runs: int) -> LaneCounts:
        """Returns how many lanes to open for so many runs."""
        asked = (self._options, self._starts.objective, self.tasks.largest_block)
        return choose_lanes(*asked, self._protocol.precision, self._mesh, runs)

    def _round(self) -> None:
        """Gives every group its turn, and the watcher the news."""
        if not any(group.open for group in self.groups):
            self._feed.wait()
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
        self._programs = self._known.of(
            self._starts.objective,
            counts.fused,
            self._mesh,
            self._protocol.precision,
            self._options.deterministic is True,
        )
        self.groups = [
            LaneGroup(self._programs.empty_lanes(), [None] * counts.fused)
            for _ in range(counts.groups)
        ]
        self._counts.set(lanes=counts.lanes, fuse=counts.fused // self._mesh.size)
        soon = self._feed.foreseen(AHEAD)
        work = self.tasks.foreseen(soon, counts.fused)
        lanes, tokens = self.groups[0].lanes, self.tasks.arena.tokens
        self._programs.expect(lanes, work, tokens, self._pretrained)

    def _turn(self, group: LaneGroup) -> None:
        """Fills a group's free lanes, sends it on, and looks at what it did before."""
        for run, why in self._feed.take_orphans():
            source = f"Its source run {run.depends_on} ({run.base.label})"
            self._finish(run, None, f"{source} failed: {why}")
        self.refill(group)
        ahead = group.turns_ahead(self._mesh.size, self.tasks.validation_slots)
        sent, due = len(group.sent), set()
        if group.ready:
            # Where a run may turn out to have ended, little is sent that would be for nothing.
            due = self.dispatch(group, max(1, ahead) if group.unread else TICKS)
        # Devices have something to do: what was sent before is looked at, a block late.
        self._look(group, group.to_look_at(sent, ahead, due))
        self.validate(group, due)
        if self._feed.due:
            self._write_results()
        busy = [lane for group in self.groups for lane in group.busy.values()]
        self._counts.set(
            running=tuple(lane.run for lane in busy),
            compilations=self.compilations,
            damaged=self._starts.damaged,
            tokens_left=self._counts.tokens_left(self._feed.tokens, busy),
        )

    def _save_in_flight(self) -> None:
        """Takes every run in a lane to the end of its batch, and saves it there."""
        for group in self.groups:
            self.settle(group)
            while group.busy:
                for k, lane in group.busy.items():
                    if lane.between_batches:
                        save_run(self._feed.weights, lane, self._programs.read(group.lanes, k))
                        group.slots[k] = None
                if group.busy:
                    self.validate(group, self.dispatch(group, most=1))
                    self.settle(group)
        self._write_results(wait=True)
        self._feed.close()

    def dispatch(self, group: LaneGroup, most: int = TICKS) -> set[int]:
        """Sends a group on its way until a validation is due; returns the lanes that reach one.

        Args:
            group: with a ready lane at least.
            most: micro-steps to send off.
        """
        for _ in range(most):
            before = [lane.standing for lane in group.busy.values()]
            turn = group.next_turn()
            compiled, began = self.compilations, time.monotonic()
            group.lanes, losses_K = self._programs.advance(
                group.lanes, turn.blocks, self.tasks.arena.tokens, self._pretrained
            )
            if self.compilations > compiled:
                spent = self.progress.compile_seconds + time.monotonic() - began
                self._counts.set(compile_seconds=spent)
            group.sent.append(Trained(turn, losses_K))
            self._counts.set(
                lane_ticks=self.progress.lane_ticks + len(group.slots),
                busy_ticks=self.progress.busy_ticks + len(turn.ticks),
                slots=self.progress.slots + len(turn.ticks) * turn.blocks.shape.tokens,
            )
            after = [lane.standing for lane in group.busy.values()]
            self._counts.trained(after, before)
            due = {k for k, (_, tick) in turn.ticks.items() if tick.validate}
            if due:
                return due
        return set()

    def validate(self, group: LaneGroup, due: Iterable[int]) -> None:
        """Sends validations off; a lane whose schedule ends is tested at once, and free.

        Nothing is read, unless a run is due to be saved: then what was sent is looked at first.

        Args:
            group: of the lanes.
            due: lanes, whose last validation has been looked at.
        """
        due = [k for k in due if (lane := group.slots[k]) is not None and lane.going]
        for k in due:
            lane = group.busy[k]
            answers = send(self.tasks, self._programs, group.lanes, k, lane.run, best=False)
            group.sent.append(Validated(k, lane, lane.standing, answers))
            if answers.outputs is not None:
                lane.waits = True
                continue
            group.lanes = self._programs.keep_better(group.lanes, k, answers.tally)
            if lane.step >= lane.schedule.total_steps:
                self._test(group, k)
        minutes = self._options.checkpoint_minutes
        saved = [k for k in due if k in group.busy and group.busy[k].checkpoint_due(minutes)]
        if saved:
            self.settle(group)
        for k in saved:
            if k in group.busy:
                save_run(self._feed.weights, group.busy[k], self._programs.read(group.lanes, k))

    def _test(self, group: LaneGroup, k: int) -> None:
        """Sends off the test of a run that has ended, if anybody reads it, and frees its lane."""
        lane, answers = group.busy[k], None
        if self._feed.is_tested(lane.run):
            answers = send(self.tasks, self._programs, group.lanes, k, lane.run, best=True)
        wanted = self._feed.wants_weights(lane.run)
        best = self._programs.read(group.lanes, k).best if wanted else None
        group.sent.append(Ended(lane, answers, best))
        group.slots[k] = None

    def settle(self, group: LaneGroup) -> None:
        """Looks at everything that was sent off, and at what follows from it."""
        while group.sent:
            self._look(group, len(group.sent))

    def _look(self, group: LaneGroup, count: int) -> None:
        """Looks at the oldest of what was sent off; what a run did after its end is nobody's."""
        for _ in range(count):
            sent = group.sent[0]
            if isinstance(sent, Trained):
                self._look_at_losses(group, sent)
            elif isinstance(sent, Validated):
                self._look_at_validation(group, sent)
            elif sent.run.progress.reason is not StopReason.DIVERGED:
                self._look_at_test(sent)
            # Only now, so that no run is lost where memory runs out meanwhile.
            group.sent.popleft()

    def _look_at_losses(self, group: LaneGroup, sent: Trained) -> None:
        values_K = np.asarray(sent.losses_K)
        for k, (lane, tick) in sent.turn.ticks.items():
            if not lane.going or lane.add_loss(float(values_K[k]), tick.apply):
                continue
            lane.progress = diverged(lane.progress)
            if group.slots[k] is lane:
                group.slots[k] = None
            self._close(lane, None, f"{lane.progress.reason.sentence} (at step {tick.step})")

    def _look_at_validation(self, group: LaneGroup, sent: Validated) -> None:
        lane, at = sent.run, sent.at
        if not lane.going:
            return
        score, _ = sent.answers.read()
        lane.record_validation(score, at)
        last = at.step >= lane.schedule.total_steps
        rules = lane.run.protocol
        lane.progress, improved = validated(lane.progress, score, at.examples, last, rules)
        if lane.waits and improved:
            group.lanes = self._programs.keep_best(group.lanes, sent.lane)
        lane.waits = False
        ended = lane.progress.reason is not StopReason.RUNNING
        if ended and group.slots[sent.lane] is lane:
            self._counts.trained([at], [lane.standing])
            lane.step_back(at)
            self._test(group, sent.lane)

    def _look_at_test(self, sent: Ended) -> None:
        """Takes in the score of a run that has ended; keeps its weights where runs wait for them."""
        lane, failure = sent.run, None
        task, (test, unanswered) = self.tasks.task_of(lane.run), sent.read()
        result = result_of(lane, task, lane.progress, test, unanswered, self.progress)
        if result is None:
            failure = "Its score is undefined: all predictions are the same."
        elif sent.best is not None:
            self._write_results()
            self._feed.keep(lane.run, self._starts.source_params(lane.run, sent.best), result)
        self._close(lane, result, failure)

    def _close(self, lane: LaneRun, result: RunResult | None, failure: str | None) -> None:
        self._counts.stopped(lane)
        self._finish(lane.run, result, failure)

    def _finish(self, run: Run, result: RunResult | None, reason: str | None) -> None:
        """Closes a run's account; its record is written once its weights are safe."""
        if self._feed.finish(run, result, reason):
            self._counts.ended(failed=reason is not None)

    def _write_results(self, wait: bool = False) -> None:
        """Writes the records of runs that ended."""
        self._feed.write({lane.run.depends_on for g in self.groups for lane in g.open}, wait)

    def refill(self, group: LaneGroup) -> None:
        """Starts ready runs in the free lanes of a group."""
        for k in group.free:
            shape = next((lane.shapes[0] for lane in group.busy.values()), None)
            run = self._feed.take_next(shape)
            if run is None:
                return
            self._bases.expect(
                ref_of(upcoming)
                for upcoming in self._feed.upcoming(shape, AHEAD)
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
        self._starts.forget_source(run.depends_on)
        if not self._feed.wait_for_source(run):
            self._finish(
                run, None, f"It could not start: its source's model is damaged again: {why}"
            )

    def _shrink(self, now: LaneCounts, why: str) -> LaneCounts:
        """Closes the lanes after memory ran out; returns how many to open, half as many if it can be.

        The runs in them start again, or have failed where a single one was too much.
        """
        interrupted = [lane.run for group in self.groups for lane in group.busy.values()]
        unread = [lane.run for group in self.groups for lane in group.untested]
        fewer = now.halved(self._mesh.size)
        self.groups = []
        cure = "lower engine.block_rows or protocol.max_length"
        if fewer == now and not interrupted:
            raise IntertrainError(
                f"a lane on each device must fit into memory, but there is none for it: {cure} ({why})."
            )
        for run in unread:
            self._feed.put_back(run)
        for run in interrupted:
            if fewer == now:
                reason = f"Memory ran out with one lane per device: {cure} ({why})"
                self._finish(run, None, reason)
            else:
                self._feed.put_back(run)
        return fewer
