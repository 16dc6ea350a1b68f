"""The host's side of lanes: a run with its batches, losses and history, and groups of lanes."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from intertrain_jax.base import StopReason
from intertrain_jax.data.batches import Schedule, steps_from
from intertrain_jax.data.packing import Block, BlockShape
from intertrain_jax.engine.evaluation import Answers
from intertrain_jax.engine.lane_state import Blocks, Lanes
from intertrain_jax.planning.plan import Run
from intertrain_jax.train.arena import SplitView
from intertrain_jax.train.step import Segments
from intertrain_jax.train.stopping import Progress

# A micro-step takes as long as so many evaluations of as many tokens: it goes forward, and back.
_PASSES = 3


@dataclass(frozen=True)
class Tick:
    """One micro-step of one run.

    Attributes:
        block: indices into the training split.
        share: 1 / examples in the batch.
        apply: whether the batch ends here, so that the optimiser steps.
        whole: whether the block is the whole batch.
        validate: whether a validation is due after that.
        step: optimiser steps done once this tick is.
        examples: examples seen once the batch is done.
    """

    block: Block
    share: float
    apply: bool
    whole: bool
    validate: bool
    step: int
    examples: int


@dataclass(frozen=True)
class Standing:
    """How far a run has been sent: optimiser steps, training examples and non-padding tokens."""

    step: int
    examples: int
    tokens: int


@dataclass
class LaneRun:
    """A run while it occupies a lane.

    Attributes:
        run: what is being trained.
        train: the training examples in use.
        schedule: its step counts.
        shapes: its block shapes, by row length.
        progress: early stopping so far.
        history: one entry for every validation.
        step: optimiser steps dispatched.
        examples: training examples dispatched.
        tokens: non-padding tokens dispatched.
        seconds: time in lanes before this process took it up.
        loss: of the batches since the last validation, added up.
        loss_steps: how many of them.
        waits: for the host to judge its validation, so that nothing is sent off for it.
        between_batches: whether every block of the last batch has been dispatched.
        waited: turns in which the group did blocks of another shape.
        notes: what there is to say of its start.
    """

    run: Run
    train: SplitView
    schedule: Schedule
    shapes: tuple[BlockShape, ...]
    progress: Progress = field(default_factory=Progress)
    history: list[dict[str, Any]] = field(default_factory=list)
    step: int = 0
    examples: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loss: float = 0.0
    loss_steps: int = 0
    waits: bool = False
    between_batches: bool = True
    waited: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._queue: deque[Tick] = deque()
        self._steps = steps_from(
            self.run.protocol,
            self.schedule,
            self.run.seed,
            self.train.lengths,
            self.shapes,
            self.step,
        )
        self._started = self._saved_at = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds in lanes so far."""
        return self.seconds + time.monotonic() - self._started

    @property
    def standing(self) -> Standing:
        """Where the run stands now."""
        return Standing(self.step, self.examples, self.tokens)

    def step_back(self, to: Standing) -> None:
        """Forgets what was sent off since then."""
        self.step, self.examples, self.tokens = to.step, to.examples, to.tokens

    @property
    def going(self) -> bool:
        """Whether nothing has ended the run, as far as is known."""
        return self.progress.reason is StopReason.RUNNING

    def checkpoint_due(self, minutes: float) -> bool:
        """Whether `minutes` have passed since this was last true, or since the run entered its lane."""
        if time.monotonic() - self._saved_at < 60.0 * minutes:
            return False
        self._saved_at = time.monotonic()
        return True

    @property
    def next_shape(self) -> BlockShape:
        """The shape of the block that this run has to do next."""
        self._plan_ahead()
        return self._queue[0].block.shape

    def take(self) -> Tick:
        """Takes the next tick off the queue, to be dispatched."""
        self._plan_ahead()
        tick = self._queue.popleft()
        used = tick.block.examples[tick.block.examples >= 0]
        self.tokens += int(self.train.lengths[used].sum())
        self.step = tick.step
        self.between_batches = tick.apply
        if tick.apply:
            self.examples = tick.examples
        return tick

    def _plan_ahead(self) -> None:
        if self._queue:
            return
        step = next(self._steps)
        last = len(step.blocks) - 1
        for i, block in enumerate(step.blocks):
            ends = i == last
            self._queue.append(
                Tick(
                    block,
                    1.0 / step.batch_size,
                    ends,
                    last == 0,
                    ends and step.validate,
                    step.number + ends,
                    step.examples_after,
                )
            )

    def add_loss(self, loss: float, ends_batch: bool) -> bool:
        """Takes in the loss of a dispatched tick, a part of its batch's mean; says if it is finite."""
        self.loss += loss
        self.loss_steps += ends_batch
        return bool(np.isfinite(loss))

    def record_validation(self, score: float, at: Standing) -> None:
        """Adds an entry to the history: the mean loss since the last one, and the score in percent.

        Args:
            score: as a fraction.
            at: where the run stood then.
        """
        loss = self.loss / max(self.loss_steps, 1)
        self.loss, self.loss_steps = 0.0, 0
        self.history.append(
            {
                "step": at.step,
                "examples": at.examples,
                "train_loss": loss if np.isfinite(loss) else None,
                "validation": 100.0 * score if np.isfinite(score) else None,
            }
        )


@dataclass(frozen=True)
class Turn:
    """What the lanes of a group do in one micro-step.

    Attributes:
        blocks: one for every lane, empty for those that do nothing.
        ticks: lane → its run and tick; lanes whose next block has another shape wait.
    """

    blocks: Blocks
    ticks: dict[int, tuple[LaneRun, Tick]]


@dataclass(frozen=True)
class Trained:
    """A turn that was sent off, and its losses [K]."""

    turn: Turn
    losses_K: Any


@dataclass(frozen=True)
class Validated:
    """A validation that was sent off.

    Attributes:
        lane: index of the lane.
        run: that is, or was, in it.
        at: where the run stood.
        answers: on the validation split.
    """

    lane: int
    run: LaneRun
    at: Standing
    answers: Answers


@dataclass(frozen=True)
class Ended:
    """The test of a run that has left its lane.

    Attributes:
        run: that ended, unless one of its last losses says that it diverged.
        answers: of its best parameters, on the test split; None for a run that is not tested.
        best: those parameters, where runs wait for them.
    """

    run: LaneRun
    answers: Answers | None
    best: Any

    def read(self) -> tuple[float | None, int]:
        """Waits for the answers; returns the score as a fraction, and how many examples got none."""
        return (None, 0) if self.answers is None else self.answers.read()


@dataclass
class LaneGroup:
    """The lanes of one device state.

    Attributes:
        lanes: the device's side of all of them.
        slots: the host's side of each; None where a lane is free.
        sent: what was sent off and is not yet looked at, in that order.
    """

    lanes: Lanes
    slots: list[LaneRun | None]
    sent: deque[Trained | Validated | Ended] = field(default_factory=deque)

    @property
    def busy(self) -> dict[int, LaneRun]:
        """Lane → its run, where there is one."""
        return {k: lane for k, lane in enumerate(self.slots) if lane is not None}

    @property
    def free(self) -> list[int]:
        """Lanes without a run."""
        return [k for k, lane in enumerate(self.slots) if lane is None]

    @property
    def ready(self) -> dict[int, LaneRun]:
        """Lane → its run, where there is one that can go on."""
        return {k: lane for k, lane in self.busy.items() if not lane.waits}

    @property
    def unread(self) -> bool:
        """Whether a validation was sent off that is not yet looked at."""
        return any(isinstance(sent, Validated) for sent in self.sent)

    @property
    def open(self) -> list[LaneRun]:
        """Runs without an outcome: in lanes, or out of them already."""
        return [*self.busy.values(), *self.untested]

    @property
    def untested(self) -> list[LaneRun]:
        """Runs that have left their lanes, and whose tests nobody has looked at."""
        ended = [sent.run for sent in self.sent if isinstance(sent, Ended)]
        return [run for run in ended if run.progress.reason is not StopReason.DIVERGED]

    def turns_ahead(self, devices: int, slots: Callable[[Run], int]) -> int:
        """Returns how many turns the host sends off before it looks back.

        Devices of a mesh validate at different times. While one does, the others need work, and whoever
        reads an answer or a loss waits for the slowest of them: as many turns as a validation is long.
        On one device they would be for nothing, where a run turns out to have ended.

        Args:
            devices: of the mesh.
            slots: token slots that a run's validation computes.
        """
        if devices == 1:
            return 0
        lanes = len(self.slots) // devices
        turns = (
            -(-slots(lane.run) // (_PASSES * lanes * lane.shapes[0].tokens))
            for lane in self.busy.values()
        )
        return max(turns, default=0)

    def to_look_at(self, sent: int, ahead: int, due: Container[int]) -> int:
        """Returns how many of the oldest of `self.sent` are to be looked at.

        Args:
            sent: how many had been sent before the last turns.
            ahead: turns that devices have to do meanwhile, if any were sent.
            due: lanes whose last validation is to be looked at, as they reach the next one.
        """
        known = [isinstance(x, Validated) and x.lane in due for x in self.sent]
        needed = max((i + 1 for i, one in enumerate(known) if one), default=0)
        count, turns = len(self.sent), 0
        none_sent = count == sent
        while count > sent or (count and turns < ahead and not none_sent):
            count -= 1
            turns += isinstance(self.sent[count], Trained)
        return max(count, needed)

    def next_turn(self) -> Turn:
        """Takes the next tick of all ready lanes whose next block has the most wanted shape.

        A lane that waits has a growing vote, so that a rare shape gets its turn.
        """
        lanes = self.ready
        votes: Counter[BlockShape] = Counter()
        for lane in lanes.values():
            votes[lane.next_shape] += 1 + lane.waited
        shape = max(votes, key=lambda shape: (votes[shape], shape.length, shape.rows))
        for lane in lanes.values():
            lane.waited = 0 if lane.next_shape == shape else lane.waited + 1
        ticks = {k: (lane, lane.take()) for k, lane in lanes.items() if not lane.waited}
        whole = all(tick.whole for _, tick in ticks.values())
        blocks = Blocks.blank(shape, len(self.slots), whole)
        for k, (lane, tick) in ticks.items():
            segments = lane.train.segments(tick.block.examples)
            for name in Segments.__dataclass_fields__:
                getattr(blocks.segments, name)[k] = getattr(segments, name)
            blocks.share_K[k], blocks.apply_K[k] = tick.share, tick.apply
        return Turn(blocks, ticks)
