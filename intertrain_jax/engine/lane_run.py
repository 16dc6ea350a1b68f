"""The host's side of one run in a lane: its batches, its losses, its validation history."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.config import Protocol
from intertrain_jax.data.batches import Schedule, steps_from
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.arena import SplitView
from intertrain_jax.grid.plan import Run
from intertrain_jax.models.bert import EncoderConfig
from intertrain_jax.train.optim import Hyper
from intertrain_jax.train.stopping import Progress


def hyper_of(
    protocol: Protocol,
    schedule: Schedule,
    config: EncoderConfig,
    seed: int,
    num_classes: int,
    regression: bool,
) -> Hyper:
    """Returns a run's hyperparameters as the scalars of its lane."""

    def rate(own: float) -> np.float32:
        return np.float32(own if protocol.dropout is None else protocol.dropout)

    digest = hashlib.sha256(f"dropout:{seed}".encode()).digest()
    return Hyper(
        learning_rate=np.float32(protocol.learning_rate),
        warmup_steps=np.int32(schedule.warmup_steps),
        total_steps=np.int32(schedule.total_steps),
        constant=np.bool_(protocol.schedule == "constant"),
        head_only_steps=np.int32(schedule.head_only_steps),
        weight_decay=np.float32(protocol.weight_decay),
        l2_to_base=np.float32(protocol.l2_to_base),
        clip_norm=np.float32(np.inf if protocol.clip_norm is None else protocol.clip_norm),
        beta1=np.float32(protocol.adam_beta1),
        beta2=np.float32(protocol.adam_beta2),
        epsilon=np.float32(protocol.adam_epsilon),
        hidden_dropout=rate(config.hidden_dropout),
        attention_dropout=rate(config.attention_dropout),
        classifier_dropout=rate(config.classifier_dropout),
        dropout_seed=np.uint32(int.from_bytes(digest[:4], "little")),
        num_classes=np.int32(num_classes),
        regression=np.bool_(regression),
    )


@dataclass(frozen=True)
class Tick:
    """One micro-step of one run.

    Attributes:
        block: [R, Q] indices into the training split.
        share: 1 / examples in the batch.
        apply: whether the batch ends here, so that the optimiser steps.
        validate: whether a validation is due after that.
        step: optimiser steps done once this tick is.
        examples: examples seen once the batch is done.
    """

    block: NDArray[np.int32]
    share: float
    apply: bool
    validate: bool
    step: int
    examples: int


@dataclass
class LaneRun:
    """A run while it occupies a lane.

    Attributes:
        run: what is being trained.
        train: the training examples in use.
        schedule: its step counts.
        shape: its block shape.
        progress: early stopping so far.
        history: one entry for every validation.
        step: optimiser steps dispatched.
        examples: training examples dispatched.
        tokens: non-padding tokens dispatched.
        seconds: time in lanes before this process took it up.
    """

    run: Run
    train: SplitView
    schedule: Schedule
    shape: BlockShape
    progress: Progress = field(default_factory=Progress)
    history: list[dict[str, Any]] = field(default_factory=list)
    step: int = 0
    examples: int = 0
    tokens: int = 0
    seconds: float = 0.0
    lost: bool = False

    def __post_init__(self) -> None:
        self._queue: deque[Tick] = deque()
        self._steps = steps_from(
            self.run.protocol,
            self.schedule,
            self.run.seed,
            self.train.lengths,
            self.shape,
            self.step,
        )
        self._started = self._saved_at = time.monotonic()
        self._loss = 0.0
        self._loss_steps = 0

    @property
    def elapsed(self) -> float:
        """Seconds in lanes so far."""
        return self.seconds + time.monotonic() - self._started

    def checkpoint_due(self, minutes: float) -> bool:
        """Whether `minutes` have passed since this was last true, or since the run entered its lane."""
        if time.monotonic() - self._saved_at < 60.0 * minutes:
            return False
        self._saved_at = time.monotonic()
        return True

    def ticks_until_event(self, at_most: int) -> int:
        """Returns how many ticks may be dispatched before this run has to be validated."""
        while len(self._queue) < at_most and not (self._queue and self._queue[-1].validate):
            step = next(self._steps)
            last = len(step.blocks) - 1
            for i, block in enumerate(step.blocks):
                ends = i == last
                self._queue.append(
                    Tick(
                        block,
                        1.0 / step.batch_size,
                        ends,
                        ends and step.validate,
                        step.number + ends,
                        step.examples_after,
                    )
                )
        for i, tick in enumerate(self._queue):
            if tick.validate or i + 1 == at_most:
                return i + 1
        raise AssertionError("a schedule ends with a validation")

    def take(self, count: int) -> list[Tick]:
        """Takes the next ticks off the queue, to be dispatched."""
        ticks = [self._queue.popleft() for _ in range(count)]
        for tick in ticks:
            used = tick.block[tick.block >= 0]
            self.tokens += int(self.train.lengths[used].sum())
            self.step = tick.step
            if tick.apply:
                self.examples = tick.examples
        return ticks

    def add_losses(self, losses: NDArray[np.float32], steps: int) -> None:
        """Takes in the losses of some dispatched ticks, which held `steps` ends of batches."""
        for loss in losses.tolist():  # one by one: the sum must not depend on how ticks were grouped
            self._loss += loss
        self._loss_steps += steps
        self.lost = self.lost or not np.isfinite(losses).all()

    def record_validation(self, score: float) -> None:
        """Adds an entry to the history: the mean loss since the last one, and the score in percent."""
        loss = self._loss / max(self._loss_steps, 1)
        self._loss, self._loss_steps = 0.0, 0
        self.history.append(
            {
                "step": self.step,
                "examples": self.examples,
                "train_loss": loss if np.isfinite(loss) else None,
                "validation": 100.0 * score if np.isfinite(score) else None,
            }
        )
