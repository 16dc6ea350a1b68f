"""Saves a run in the middle of its training and takes it up again, bit for bit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import jax
import numpy as np

from intertrain_jax.base import StopReason
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.engine.lane_run import LaneRun
from intertrain_jax.engine.lanes import Lanes
from intertrain_jax.train.stopping import Progress

Tree = Any
_COUNTS = ("step", "examples", "tokens", "seconds")


def save(checkpoints: Checkpoints, lane: LaneRun, state: Lanes) -> None:
    """Writes a run that stands at the end of a batch (so its gradient accumulator is empty).

    Args:
        checkpoints: the experiment's.
        lane: the host's side of the run.
        state: the device's side, read out of its lane.
    """
    tree = {
        "params": state.runs.params,
        "mean": state.runs.mean,
        "square": state.runs.square,
        "best": state.best,
    }
    host = {
        "progress": {**asdict(lane.progress), "reason": str(lane.progress.reason)},
        "history": lane.history,
        **{name: getattr(lane, name) for name in _COUNTS},
        "seconds": lane.elapsed,
    }
    checkpoints.save_lane(lane.run.id, lane.step, jax.tree.map(np.asarray, tree), host)


def load(checkpoints: Checkpoints, run: str, shapes: Tree) -> tuple[Tree, dict[str, Any]] | None:
    """Returns (parameter, moment and best trees by name, arguments for `LaneRun`), or None.

    Args:
        checkpoints: the experiment's.
        run: the run's id.
        shapes: shapes of the lane's parameters.
    """
    saved = checkpoints.load_lane(run, dict.fromkeys(("params", "mean", "square", "best"), shapes))
    if saved is None:
        return None
    state, host = saved
    progress = {**host["progress"], "reason": StopReason(host["progress"]["reason"])}
    fields = {name: host[name] for name in _COUNTS}
    return state, {"progress": Progress(**progress), "history": host["history"], **fields}
