"""Weights that outlive a lane: the models that source runs made, and lanes in flight, with Orbax."""

from __future__ import annotations

import json
import shutil
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from intertrain_jax.base import StopReason
from intertrain_jax.config.formats import read_json
from intertrain_jax.engine.lane import LaneRun
from intertrain_jax.engine.lanes import Lanes
from intertrain_jax.train.stopping import Progress

Tree = Any

# Source models are kept in host memory up to this many bytes, so that their dependants start at once.
HOST_CACHE_BYTES = 4 << 30
_STATE = "host.json"
# What is kept of the host's side of a run in flight, beside its progress and history.
_COUNTS = ("step", "examples", "tokens", "seconds")


def _bytes(tree: Tree) -> int:
    return sum(x.nbytes for x in jax.tree.leaves(tree))


class Checkpoints:
    """The `checkpoints/` folder of an experiment.

    `sources/<run id>` holds the best parameters of a source run while runs depend on it;
    `lanes/<run id>/<step>` holds a run in flight. Orbax writes beside and renames, so that what has
    its final name is whole.

    It is only read until `take_over` makes it this process's own.

    Args:
        directory: created when first written to.
        host_cache_bytes: how much of the source models to keep in memory as well.
    """

    def __init__(self, directory: Path, host_cache_bytes: int = HOST_CACHE_BYTES) -> None:
        self._sources = directory.absolute() / "sources"
        self._lanes = directory.absolute() / "lanes"
        self._root = directory.absolute()
        self._writer = ocp.StandardCheckpointer()
        self._cache: OrderedDict[str, Tree] = OrderedDict()
        self._cache_bytes = host_cache_bytes
        self._owned = False

    def take_over(self) -> None:
        """Begins to write: for the one process that owns the experiment's directory.

        What a killed process left half-written has no final name and is of no use: it is deleted.
        """
        self._owned = True
        for folder in (self._sources, *self._lanes.glob("*")):
            for leftover in folder.glob("*.orbax-checkpoint-tmp*"):
                shutil.rmtree(leftover)

    def save_source(self, run: str, params: Tree) -> None:
        """Begins to write a source run's model (numpy leaves); `flush` waits for it."""
        self._check_owned()
        self._remember(run, params)
        self._writer.save(self._sources / run, params, force=True)

    def load_source(self, run: str, like: Tree) -> Tree:
        """Returns a source run's model as numpy arrays.

        Args:
            run: the source run's id.
            like: a tree of the shapes and dtypes to expect.

        Raises:
            FileNotFoundError: if it was never written or has been deleted.
        """
        if run in self._cache:
            self._cache.move_to_end(run)
            return self._cache[run]
        if not self.has_source(run):
            raise FileNotFoundError(str(self._sources / run))
        target = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), like)
        params = self._writer.restore(self._sources / run, target)
        params = jax.tree.map(np.asarray, params)
        self._remember(run, params)
        return params

    def has_source(self, run: str) -> bool:
        """Whether a source run's model is at hand, whole."""
        return run in self._cache or (self._sources / run).is_dir()

    def forget_source(self, run: str) -> None:
        """Deletes a source run's model: its last dependant is done."""
        self._check_owned()
        self._cache.pop(run, None)
        if (self._sources / run).is_dir():
            self.flush()
            shutil.rmtree(self._sources / run)

    def save_lane(self, run: str, step: int, state: Tree, host: dict[str, Any]) -> None:
        """Writes a run in flight and its host state, then drops its older checkpoints."""
        self._check_owned()
        folder = self._lanes / run / str(step)
        self._writer.save(folder / "state", state, force=True)
        self.flush()
        # The host state is written last: a folder without it is not a checkpoint.
        temporary = folder / (_STATE + ".tmp")
        temporary.write_text(json.dumps(host))
        temporary.replace(folder / _STATE)
        for other in (self._lanes / run).iterdir():
            if other != folder:
                shutil.rmtree(other)

    def load_lane(self, run: str, like: Tree) -> tuple[Tree, dict[str, Any]] | None:
        """Returns the newest whole checkpoint of a run in flight, or None."""
        if not (self._lanes / run).is_dir():
            return None
        whole = [f for f in (self._lanes / run).iterdir() if (f / _STATE).is_file()]
        if not whole:
            return None
        folder = max(whole, key=lambda f: int(f.name))
        target = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), like)
        state = self._writer.restore(folder / "state", target)
        host: dict[str, Any] = read_json(folder / _STATE)
        return jax.tree.map(np.asarray, state), host

    def forget_lane(self, run: str) -> None:
        """Deletes the checkpoints of a run that has ended."""
        self._check_owned()
        shutil.rmtree(self._lanes / run, ignore_errors=True)

    def flush(self) -> None:
        """Waits until everything begun is written."""
        self._writer.wait_until_finished()

    def close(self) -> None:
        """Finishes writing, and removes the folder if it is owned and nothing is kept in it."""
        self._writer.close()
        if not self._owned:
            return
        for folder in (self._sources, self._lanes, self._root):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def _check_owned(self) -> None:
        if not self._owned:
            raise RuntimeError(f"{self._root} is only read here; take_over() comes before writing")

    def _remember(self, run: str, params: Tree) -> None:
        self._cache[run] = params
        self._cache.move_to_end(run)
        while len(self._cache) > 1 and sum(map(_bytes, self._cache.values())) > self._cache_bytes:
            self._cache.popitem(last=False)


def save_run(checkpoints: Checkpoints, lane: LaneRun, state: Lanes) -> None:
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


def load_run(
    checkpoints: Checkpoints, run: str, shapes: Tree
) -> tuple[Tree, dict[str, Any]] | None:
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
