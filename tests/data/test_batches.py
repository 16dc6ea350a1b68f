"""Schedules in examples, seeded order, validation points, and resuming in the middle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.batches import epoch_order, schedule_of, steps_from
from intertrain_jax.data.packing import EMPTY, BlockShape

PROTOCOL = Protocol(epochs=3, batch_size=8, validate_every=30, patience=90, warmup_fraction=0.1)
SHAPES = (BlockShape(2, 32, 5),)
LENGTHS = np.random.default_rng(0).integers(3, 20, 20).astype(np.int32)


def test_schedule_counts_in_epochs_or_examples() -> None:
    schedule = schedule_of(PROTOCOL, 20)
    assert (schedule.steps_per_epoch, schedule.total_steps, schedule.warmup_steps) == (3, 9, 1)
    bounded = replace(PROTOCOL, epochs=None, max_examples=100)
    assert schedule_of(bounded, 20).total_steps == 13
    assert schedule_of(replace(PROTOCOL, max_examples=40), 20).total_steps == 5


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 1e9},
        {"epochs": 1e308},
        {"epochs": None, "max_examples": 10**400},
        {"epochs": 1e308, "max_examples": 2**40},
    ],
)
def test_more_steps_than_can_be_counted_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(IntertrainError, match=r"at most 2,147,483,647 optimiser steps"):
        schedule_of(replace(PROTOCOL, **change), 20_000)
    longest = replace(PROTOCOL, epochs=1e308, max_examples=8 * (2**31 - 1), probe_epochs=1e300)
    assert schedule_of(longest, 20).total_steps == 2**31 - 1
    assert schedule_of(replace(longest, method="lp_then_ft"), 20).head_only_steps == 2**31 - 1


@pytest.mark.parametrize(("method", "steps"), [("finetune", 0), ("probe", 9), ("lp_then_ft", 6)])
def test_head_only_steps(method: str, steps: int) -> None:
    protocol = replace(PROTOCOL, method=method)
    assert schedule_of(protocol, 20).head_only_steps == steps


def test_an_epoch_sees_every_example_once_in_a_seeded_order() -> None:
    schedule = schedule_of(PROTOCOL, 20)
    steps = list(steps_from(PROTOCOL, schedule, 3, LENGTHS, SHAPES))
    for epoch in range(3):
        seen = [
            int(i)
            for step in steps[3 * epoch : 3 * epoch + 3]
            for block in step.blocks
            for i in block.examples.ravel()
            if i != EMPTY
        ]
        assert sorted(seen) == list(range(20))
    orders = {tuple(epoch_order(seed, epoch, 20)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9
    assert [step.batch_size for step in steps] == [8, 8, 4] * 3
    assert [step.examples_after for step in steps][-1] == 60


def test_validation_is_due_when_examples_are_and_at_the_end() -> None:
    schedule = schedule_of(PROTOCOL, 20)
    steps = list(steps_from(PROTOCOL, schedule, 0, LENGTHS, SHAPES))
    assert [s.examples_after for s in steps if s.validate] == [36, 60]
    rare = replace(PROTOCOL, validate_every=10**6)
    assert [s.number for s in steps_from(rare, schedule, 0, LENGTHS, SHAPES) if s.validate] == [8]


def test_a_run_resumes_with_the_same_steps() -> None:
    schedule = schedule_of(PROTOCOL, 20)
    whole = list(steps_from(PROTOCOL, schedule, 1, LENGTHS, SHAPES))
    rest = list(steps_from(PROTOCOL, schedule, 1, LENGTHS, SHAPES, first=4))
    for ours, theirs in zip(rest, whole[4:], strict=True):
        assert (ours.number, ours.validate) == (theirs.number, theirs.validate)
        for a, b in zip(ours.blocks, theirs.blocks, strict=True):
            np.testing.assert_array_equal(a.examples, b.examples)
