"""The host's side of lanes: every example of a batch is dispatched once, whatever its neighbours do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from intertrain_jax.data.batches import batches_from, schedule_of
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine import lane as module
from intertrain_jax.engine.lane import LaneGroup, LaneRun, Standing, Tick
from intertrain_jax.train.arena import SplitView
from tests.engine.tiny_grid import tiny_plan, tiny_protocol

SHORT, LONG = BlockShape(2, 16, 3), BlockShape(1, 64, 2)
ROWS = 30


def view(longest: int, seed: int = 0, rows: int = ROWS) -> SplitView:
    """Returns a split of examples from 3 tokens to `longest`."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(3, longest + 1, rows).astype(np.int32)
    lengths[0] = longest
    offsets = (np.cumsum(lengths) - lengths).astype(np.int32)
    labels = generator.integers(0, 2, rows).astype(np.float32)
    return SplitView(offsets, lengths, np.minimum(lengths, 2).astype(np.int32), labels)


def lane(longest: int = 12, seed: int = 0, **changes: Any) -> LaneRun:
    """Returns a run of two epochs of batches of 8, long examples in rows of their own."""
    protocol = tiny_protocol(epochs=2, batch_size=8, validate_every=16)
    run = replace(tiny_plan(["a"], protocol=protocol).runs[0], seed=seed)
    schedule = schedule_of(protocol, ROWS)
    return LaneRun(run, view(longest, seed), schedule, (SHORT, LONG), **changes)


def batches(of: LaneRun) -> list[tuple[list[int], list[Tick]]]:
    """Takes all ticks of a run; returns, by batch, the examples of its blocks, sorted, and its ticks."""
    found, ticks = [], []
    while of.step < of.schedule.total_steps:
        ticks.append(of.take())
        if ticks[-1].apply:
            examples = np.concatenate([tick.block.examples.ravel() for tick in ticks])
            found.append((sorted(examples[examples >= 0].tolist()), ticks))
            ticks = []
    return found


@pytest.mark.parametrize("longest", [12, 50], ids=["one shape", "two shapes"])
def test_a_batch_is_dispatched_once_and_its_shares_add_up_to_its_mean(longest: int) -> None:
    taken = lane(longest)
    expected = list(batches_from(taken.run.protocol, taken.schedule, 0, 0))
    found = batches(taken)
    assert len(found) == len(expected) == taken.schedule.total_steps
    for (examples, ticks), batch in zip(found, expected, strict=True):
        assert examples == sorted(batch.examples.tolist())
        assert {tick.share for tick in ticks} == {1 / len(examples)}
        assert [tick.apply for tick in ticks] == [False] * (len(ticks) - 1) + [True]
        assert [tick.validate for tick in ticks] == [False] * (len(ticks) - 1) + [batch.validate]
        assert ticks[-1].step == batch.number + 1 and ticks[-1].examples == batch.examples_after
    assert taken.examples == expected[-1].examples_after
    seen = Counter(example for examples, _ in found for example in examples)
    assert taken.tokens == sum(int(taken.train.lengths[k]) * n for k, n in seen.items())


def test_a_run_taken_up_in_the_middle_goes_on_with_the_same_batches() -> None:
    whole = [examples for examples, _ in batches(lane(50))]
    resumed = lane(50, step=3, examples=24, tokens=100, seconds=7.0)
    assert [examples for examples, _ in batches(resumed)] == whole[3:]
    assert resumed.elapsed >= 7.0


def test_losses_are_averaged_over_batches_between_validations() -> None:
    taken = lane()
    for loss, ends in [(0.25, False), (0.5, True), (1.0, True)]:
        assert taken.add_loss(loss, ends)
    # It was sent on meanwhile.
    then, taken.step, taken.examples = Standing(2, 16, 90), 3, 24
    taken.record_validation(0.5, then)
    assert not taken.add_loss(float("inf"), True)
    taken.record_validation(float("nan"), then)
    taken.step_back(then)
    assert taken.standing == then
    assert taken.history == [
        {"step": 2, "examples": 16, "train_loss": 0.875, "validation": 50.0},
        {"step": 2, "examples": 16, "train_loss": None, "validation": None},
    ]


def test_checkpoints_are_due_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    taken = lane()
    now = 159.0
    assert not taken.checkpoint_due(1.0)
    now = 161.0
    assert taken.checkpoint_due(1.0) and not taken.checkpoint_due(1.0)
    assert taken.elapsed == 61.0


def group_of(*slots: LaneRun | None) -> LaneGroup:
    """Returns a group without a device's side."""
    nothing: Any = None
    return LaneGroup(nothing, list(slots))


def test_lanes_of_one_turn_have_one_shape_and_the_others_get_theirs_in_time() -> None:
    runs = [lane(12, 0), None, lane(50, 1), lane(50, 2)]
    expected = [run and [examples for examples, _ in batches(run)] for run in runs]
    group = group_of(lane(12, 0), None, lane(50, 1), lane(50, 2))
    assert group.free == [1] and sorted(group.busy) == [0, 2, 3]
    seen: dict[int, list[Any]] = {k: [[]] for k in group.busy}
    longest_wait = 0
    while group.busy:
        turn = group.next_turn()
        blocks = turn.blocks
        assert turn.ticks and {tick.block.shape for _, tick in turn.ticks.values()} == {
            blocks.shape
        }
        assert blocks.whole == all(tick.whole for _, tick in turn.ticks.values())
        longest_wait = max(longest_wait, *(run.waited for run in group.busy.values()))
        for k in range(4):
            used = blocks.segments.lengths_RxQ[k] > 0
            if k not in turn.ticks:
                assert not used.any() and blocks.share_K[k] == 0.0 and not blocks.apply_K[k]
                continue
            run, tick = turn.ticks[k]
            examples = blocks.segments.examples_RxQ[k][used]
            np.testing.assert_array_equal(
                blocks.segments.offsets_RxQ[k][used], run.train.offsets[examples]
            )
            assert blocks.share_K[k] == np.float32(tick.share) and blocks.apply_K[k] == tick.apply
            assert tick.whole == (len(examples) == round(1 / tick.share))
            seen[k][-1] += examples.tolist()
            if tick.apply:
                seen[k].append([])
            if run.step >= run.schedule.total_steps:
                group.slots[k] = None
    for k, found in seen.items():
        assert [sorted(batch) for batch in found[:-1]] == expected[k]
    assert longest_wait <= 4


def test_a_lane_that_waits_for_the_host_gets_no_turn() -> None:
    group = group_of(lane(12, 0), lane(12, 1))
    group.busy[0].waits = True
    assert list(group.ready) == [1] and list(group.busy) == [0, 1]
    assert list(group.next_turn().ticks) == [1]
    group.busy[0].waits = False
    assert list(group.next_turn().ticks) == [0, 1]
