"""The order in which a run sees its training examples: seeded epochs, batches, validation points."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.base import IntertrainError, stream
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.packing import Block, BlockShape, pack

# Steps are counted in 32 bits.
MOST_STEPS = 2**31 - 1


@dataclass(frozen=True)
class Schedule:
    """The lengths of a run, derived once from its protocol and its number of training examples.

    Attributes:
        num_examples: N, rows of the training split in use.
        steps_per_epoch: optimiser steps in one pass over them.
        total_steps: steps until the learning rate has decayed to zero (or the safety bound).
        warmup_steps: steps of linear warm-up, counted within `total_steps`.
        head_only_steps: first steps in which only the head is trained.
    """

    num_examples: int
    steps_per_epoch: int
    total_steps: int
    warmup_steps: int
    head_only_steps: int


def schedule_of(protocol: Protocol, num_examples: int) -> Schedule:
    """Derives step counts from a protocol that counts in examples and epochs (paper, App. B).

    Raises:
        IntertrainError: there are more steps than programs can count.
    """
    per_epoch = math.ceil(num_examples / protocol.batch_size)
    bounds = []
    if protocol.epochs is not None:
        # Compared as floats: ten to any power of epochs may be asked for.
        bounds.append(math.ceil(min(protocol.epochs * per_epoch, 2.0 * MOST_STEPS)))
    if protocol.max_examples is not None:
        bounds.append(-(-protocol.max_examples // protocol.batch_size))
    total = max(1, min(bounds))
    if total > MOST_STEPS:
        raise IntertrainError(
            f"config key 'protocol.epochs' must make at most {MOST_STEPS:,} optimiser steps, but with"
            f" {num_examples:,} examples in batches of {protocol.batch_size:,} it makes more. Lower it,"
            " or set protocol.max_examples."
        )
    head_only = {
        "finetune": 0,
        "probe": total,
        "lp_then_ft": min(
            total, math.ceil(min(protocol.probe_epochs * per_epoch, 2.0 * MOST_STEPS))
        ),
    }[protocol.method]
    return Schedule(
        num_examples, per_epoch, total, math.ceil(protocol.warmup_fraction * total), head_only
    )


@dataclass(frozen=True)
class Step:
    """One optimiser step of a run.

    Attributes:
        number: from 0.
        blocks: micro-steps, of indices into the training split.
        batch_size: examples in this batch (the last batch of an epoch may be smaller).
        examples_after: examples seen once this step is done.
        validate: whether a validation is due after this step.
    """

    number: int
    blocks: list[Block]
    batch_size: int
    examples_after: int
    validate: bool


def epoch_order(seed: int, epoch: int, num_examples: int) -> NDArray[np.int64]:
    """Returns the seeded permutation of one epoch, the same on every machine and engine."""
    return stream(seed, "order", epoch).permutation(num_examples)


@dataclass(frozen=True)
class Batch:
    """The examples of one optimiser step of a run.

    Attributes:
        number: of the step, from 0.
        examples: indices into the training split (the last batch of an epoch may be smaller).
        examples_after: examples seen once this step is done.
        validate: whether a validation is due after this step.
    """

    number: int
    examples: NDArray[np.int64]
    examples_after: int
    validate: bool


def batches_from(
    protocol: Protocol, schedule: Schedule, seed: int, first: int = 0
) -> Iterator[Batch]:
    """Yields a run's batches in order, beginning with step `first`.

    Args:
        protocol: batch size and validation interval, both in examples.
        schedule: from `schedule_of`.
        seed: the run's seed.
        first: number of the first step to yield.
    """
    size, per_epoch = protocol.batch_size, schedule.steps_per_epoch
    order, order_epoch = np.zeros(0, np.int64), -1
    for number in range(first, schedule.total_steps):
        epoch, within = divmod(number, per_epoch)
        if epoch != order_epoch:
            order, order_epoch = epoch_order(seed, epoch, schedule.num_examples), epoch
        batch = order[within * size : (within + 1) * size]
        before = epoch * schedule.num_examples + within * size
        after = before + len(batch)
        due = after // protocol.validate_every > before // protocol.validate_every
        yield Batch(number, batch, after, due or number == schedule.total_steps - 1)


def steps_from(
    protocol: Protocol,
    schedule: Schedule,
    seed: int,
    lengths: NDArray[np.int32],
    shapes: Sequence[BlockShape],
    first: int = 0,
) -> Iterator[Step]:
    """Yields a run's steps in order, beginning with step `first` (to resume in the middle).

    Args:
        protocol: batch size and validation interval, both in examples.
        schedule: from `schedule_of`.
        seed: the run's seed.
        lengths: [N] tokens of every training example in use.
        shapes: micro-step shapes into which batches are packed, by row length.
        first: number of the first step to yield.
    """
    for batch in batches_from(protocol, schedule, seed, first):
        examples = batch.examples
        blocks = [
            Block(block.shape, _renamed(block.examples, examples))
            for block in pack(lengths[examples].tolist(), shapes)
        ]
        yield Step(batch.number, blocks, len(examples), batch.examples_after, batch.validate)


def _renamed(examples: NDArray[np.int32], batch: NDArray[np.int64]) -> NDArray[np.int32]:
    """Turns positions in a batch into positions in the split; empty slots stay empty."""
    return np.where(examples >= 0, batch[examples], examples).astype(np.int32)
