"""A run gets into the lane that is asked for, on whatever device, and out; others stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
import pytest

from intertrain_jax.engine.environment import BY_LANE, EVERYWHERE, by_lane, lane_mesh, over_lanes
from intertrain_jax.engine.lane_state import (
    TREES,
    Lanes,
    empty,
    keep_better_lane,
    keep_lane,
    read_lane,
    restore_lane,
    start_lane,
)
from intertrain_jax.train.hyper import blank_hyper
from intertrain_jax.train.stacking import stacked

LANES, DEVICES = 4, 2
MESH = lane_mesh(DEVICES)
HYPER = jax.tree.map(lambda x: np.ones(np.shape(x), np.asarray(x).dtype), blank_hyper(None))
HELD = {"apart": lambda tree: tree, "stacked": stacked}


def params_of(value: float) -> Any:
    """Returns the parameters of a model of two layers."""
    layers = {str(i): {"kernel": np.full((2, 3), value + i, np.float32)} for i in range(2)}
    return {"layers": layers, "head": {"bias": np.full(2, value, np.float32)}}


def program(function: Callable[..., Any], arguments: int, out: Any = BY_LANE) -> Any:
    """Compiles a function that changes lanes, or reads them."""
    return over_lanes(function, MESH, (BY_LANE, *(EVERYWHERE,) * arguments), out, donate=False)


READ = program(read_lane, 1)


def read(lanes: Lanes, lane: int) -> Lanes:
    """Returns a lane, from the device that holds it."""
    found = READ(lanes, np.int32(lane))
    owner = lane // (LANES // DEVICES)
    return jax.tree.map(lambda x: np.asarray(x.addressable_shards[owner].data[0]), found)


def same(one: Any, other: Any) -> None:
    """Asserts that trees are equal bit by bit."""
    assert jax.tree.structure(one) == jax.tree.structure(other)
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("held", HELD)
def test_a_run_gets_in_and_out_and_others_stay(held: str) -> None:
    hold = HELD[held]
    shapes = jax.eval_shape(hold, params_of(0.0))
    lanes = jax.jit(partial(empty, shapes, HYPER, LANES), out_shardings=by_lane(MESH))()
    assert {x.shape[0] for x in jax.tree.leaves(lanes)} == {LANES}
    start = program(partial(start_lane, hold=hold), 3)
    for lane in (0, 3):
        lanes = start(lanes, np.int32(lane), params_of(10.0 * lane + 1), HYPER)
    saved = {
        name: params_of(20.0 + n) for n, name in enumerate(("params", "mean", "square", "best"))
    }
    restore = program(partial(restore_lane, hold=hold), 4)
    lanes = restore(lanes, np.int32(2), saved, (np.int32(7), np.int32(4)), HYPER)
    lanes = restore(lanes, np.int32(3), saved, (np.int32(9), np.int32(-1)), HYPER)

    first, idle, third, last = (read(lanes, lane) for lane in range(LANES))
    same(first.runs.params, params_of(1.0))
    same(first.best, params_of(1.0))
    same(first.hyper, HYPER)
    assert not any(x.any() for x in jax.tree.leaves((first.runs.mean, first.runs.gradient)))
    assert not any(x.any() for x in jax.tree.leaves(idle))
    for found, step in ((third, 7), (last, 9)):
        assert int(found.runs.step) == step
        for name in ("params", "mean", "square"):
            same(getattr(found.runs, name), saved[name])
        same(found.best, saved["best"])
        assert not any(x.any() for x in jax.tree.leaves(found.runs.gradient))

    kept = program(keep_lane, 1)(lanes, np.int32(3))
    same(read(kept, 3).best, saved["params"])
    for lane in range(3):
        same(read(kept, lane), read(lanes, lane))

    better = over_lanes(
        keep_better_lane, MESH, (BY_LANE, EVERYWHERE, BY_LANE), BY_LANE, donate=False
    )
    # Lane 2 has had 4 right answers; neither as many nor outputs that are no numbers are better.
    for tally, right in (((4, 9, 0), 4), ((9, 0, 1), 4), ((5, 9, 0), 5)):
        counts = np.array([(99, 0, 0), tally], np.int32)
        judged = better(lanes, np.int32(2), counts)
        assert int(read(judged, 2).most_right) == right
        same(read(judged, 2).best, saved["params" if right == 5 else "best"])
        for lane in (0, 1, 3):
            same(read(judged, lane), read(lanes, lane))
    # Any number is better than none, and no numbers are better than no validation.
    for lane, tally, right in ((3, (0, 9, 0), 0), (0, (9, 0, 1), -1)):
        judged = better(lanes, np.int32(lane), np.array([tally, tally], np.int32))
        assert int(read(judged, lane).most_right) == right
        same(read(judged, lane).best, read(lanes, lane).runs.params)


def test_donated_lanes_share_no_buffer() -> None:
    lanes = jax.jit(partial(empty, params_of(0.0), HYPER, 1))()
    places = [
        x.unsafe_buffer_pointer()
        for name in TREES
        for x in jax.tree.leaves(getattr(lanes.runs, name))
    ]
    assert len(set(places)) == len(places)
