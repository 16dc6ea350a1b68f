"""The state of lanes, many runs stacked on one axis; what they do next; and how a run gets in and out.

Functions here are compiled by `LanePrograms` and run on every device with its own lanes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.environment import AXIS
from intertrain_jax.train.metrics import UNSCORED, right_answers
from intertrain_jax.train.optim import Hyper, RunState, fresh_state
from intertrain_jax.train.stacking import unstacked
from intertrain_jax.train.step import Segments, blank_segments

Array = Any  # a JAX array, or a NumPy array that JAX takes for one
Tree = Any
Hold = Callable[[Tree], Tree]  # parameters as lanes hold them

# The parts of a run's state that are shaped as its parameters are.
TREES = ("params", "mean", "square", "gradient")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Lanes:
    """The state of K runs: every leaf has the lane as its leading axis.

    Attributes:
        runs: parameters, moments, accumulated gradients and step counts.
        best: the parameters with the best validation score so far.
        most_right: int32, right answers of those, where accuracy is the score.
        hyper: hyperparameters.
    """

    runs: RunState
    best: Tree
    most_right: Array
    hyper: Hyper


@dataclass(frozen=True)
class Blocks:
    """One block of one shape for every lane.

    Attributes:
        shape: of all blocks.
        segments: leaves [K, R, Q]; an idle lane has an empty block and stays as it is.
        share_K: 1 / examples of the batch that a lane's block belongs to.
        apply_K: whether the lane's batch ends here, so that the optimiser steps.
        whole: whether every block is a batch of its own.
    """

    shape: BlockShape
    segments: Segments
    share_K: Array
    apply_K: Array
    whole: bool

    @classmethod
    def blank(cls, shape: BlockShape, lanes: int, whole: bool = False) -> Blocks:
        """Returns empty blocks, in arrays of the host that may be filled."""
        segments = blank_segments((lanes, shape.rows, shape.segments))
        flags_K = np.zeros(lanes, np.bool_)
        return cls(shape, segments, np.zeros(lanes, np.float32), flags_K, whole)


def empty(shapes: Tree, hyper: Hyper, count: int) -> Lanes:
    """Returns lanes of zeros.

    Args:
        shapes: of one lane's parameters.
        hyper: hyperparameters of any run.
        count: K.
    """
    zeros = jax.tree.map(lambda s: jnp.zeros((count, *s.shape), jnp.float32), shapes)
    # Distinct buffers: donated arguments must not alias each other.
    trees = {name: jax.tree.map(jnp.copy, zeros) for name in TREES}
    runs = RunState(**trees, step=jnp.zeros(count, jnp.int32))
    stacked_hyper = jax.tree.map(lambda x: jnp.zeros((count, *x.shape), x.dtype), hyper)
    return Lanes(runs, jax.tree.map(jnp.copy, zeros), jnp.zeros(count, jnp.int32), stacked_hyper)


def start_lane(lanes: Lanes, lane: Array, params: Tree, hyper: Hyper, hold: Hold) -> Lanes:
    """Puts a new run into a lane."""
    held = hold(params)
    fresh = Lanes(fresh_state(held), held, jnp.int32(UNSCORED), hyper)
    return _on_owner(lanes, lane, lambda all_lanes, local: _put(all_lanes, local, fresh))


def restore_lane(
    lanes: Lanes, lane: Array, saved: Tree, counts: tuple[Array, Array], hyper: Hyper, hold: Hold
) -> Lanes:
    """Puts a run that was saved between two batches into a lane.

    `counts` are its steps and `most_right`.
    """
    saved = {name: hold(tree) for name, tree in saved.items()}
    gradient = jax.tree.map(jnp.zeros_like, saved["params"])
    runs = RunState(saved["params"], saved["mean"], saved["square"], gradient, counts[0])
    whole = Lanes(runs, saved["best"], counts[1], hyper)
    return _on_owner(lanes, lane, lambda all_lanes, local: _put(all_lanes, local, whole))


def keep_lane(lanes: Lanes, lane: Array) -> Lanes:
    """Remembers a lane's current parameters as its best."""

    def keep(all_lanes: Lanes, local: Array) -> Lanes:
        current = take(all_lanes.runs.params, local)
        return replace(all_lanes, best=_put(all_lanes.best, local, current))

    return _on_owner(lanes, lane, keep)


def keep_better_lane(lanes: Lanes, lane: Array, tally: Array) -> Lanes:
    """Remembers a lane's current parameters if their validation is the best so far.

    Args:
        lanes: all lanes of a device.
        lane: which one was validated.
        tally: [1, 3] as of `tally_of`, on the device that holds the lane.
    """
    right = right_answers(tally[0])
    width = lanes.runs.step.shape[0]
    local = jnp.clip(lane - jax.lax.axis_index(AXIS) * width, 0, width - 1)

    def keep(all_lanes: Lanes, local: Array) -> Lanes:
        kept = _put(all_lanes.best, local, take(all_lanes.runs.params, local))
        return replace(all_lanes, best=kept, most_right=_put(all_lanes.most_right, local, right))

    return _on_owner(lanes, lane, keep, right > lanes.most_right[local])


def read_lane(lanes: Lanes, lane: Array) -> Lanes:
    """Copies a lane out, its layers apart; of use on the device that holds it. Leaves [1, ...]."""
    width = lanes.runs.step.shape[0]
    local = jnp.clip(lane - jax.lax.axis_index(AXIS) * width, 0, width - 1)
    found = take(lanes, local)
    trees = {part: unstacked(getattr(found.runs, part)) for part in TREES}
    runs = RunState(**trees, step=found.runs.step)
    apart = Lanes(runs, unstacked(found.best), found.most_right, found.hyper)
    return jax.tree.map(lambda x: x[None], apart)


def take(tree: Tree, lane: Array) -> Tree:
    """Returns one lane of a device."""
    return jax.tree.map(lambda x: jax.lax.dynamic_index_in_dim(x, lane, 0, keepdims=False), tree)


def _put(tree: Tree, lane: Array, value: Tree) -> Tree:
    return jax.tree.map(
        lambda x, v: jax.lax.dynamic_update_index_in_dim(x, v.astype(x.dtype), lane, 0), tree, value
    )


def _on_owner(lanes: Lanes, lane: Array, change: Any, wanted: Array | bool = True) -> Lanes:
    """Applies `change(lanes, local lane)` on the device that holds the lane, if it is wanted there."""
    width = lanes.runs.step.shape[0]
    local = lane - jax.lax.axis_index(AXIS) * width
    here = (local >= 0) & (local < width) & wanted
    # A loop of zero or one turns updates in place; a conditional would copy the whole state.
    return jax.lax.fori_loop(0, here.astype(jnp.int32), lambda _, x: change(x, local), lanes)
