"""Weights that outlive a lane: the models that source runs made, and lanes in flight, with Orbax."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import OrderedDict
from collections.abc import Container
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from intertrain_jax.base import IntertrainError, StopReason, reason_of
from intertrain_jax.config.formats import read_json
from intertrain_jax.engine.feed import Weights
from intertrain_jax.engine.lane import LaneRun
from intertrain_jax.engine.lane_state import Lanes
from intertrain_jax.records.store import write_atomic
from intertrain_jax.train.stopping import Progress

Tree = Any

# Source models are kept in host memory up to this many bytes, so that their dependants start at once,
# and as many may wait to be written.
HOST_CACHE_BYTES = 4 << 30
_STATE = "host.json"
# Names and hashes of a folder's files: what is damaged is known before Orbax meets it.
_SEAL = "sha256.json"
# Key of the hash of the rest of the host's side.
_OWN_SEAL = "sha256"
# What is kept of the host's side of a run in flight, beside its progress and history.
_COUNTS: dict[str, type[int] | type[float]] = {
    "step": int,
    "examples": int,
    "tokens": int,
    "seconds": float,
    "loss": float,
    "loss_steps": int,
}


class WeightsLostError(Exception):
    """Weights that should be on disk and cannot be used: they are made again."""


def _bytes(tree: Tree) -> int:
    return sum(x.nbytes for x in jax.tree.leaves(tree))


class Checkpoints:
    """The `checkpoints/` folder of an experiment.

    `sources/<run id>` holds the best parameters of a source run while runs depend on it;
    `lanes/<run id>/<step>` holds a run in flight. Orbax writes beside and renames, so that what has
    its final name is whole. One thread writes and reads, so that runs that end together do not stop
    their devices while one model after another is written.

    It is only read until `take_over` makes it this process's own.

    Args:
        directory: created when first written to.
        host_cache_bytes: how much of the source models to keep in memory as well, and how much of them
            may wait to be written.
    """

    def __init__(self, directory: Path, host_cache_bytes: int = HOST_CACHE_BYTES) -> None:
        self._sources = directory.absolute() / "sources"
        self._lanes = directory.absolute() / "lanes"
        self._root = directory.absolute()
        self._writer = ocp.StandardCheckpointer()
        self._cache: OrderedDict[str, Tree] = OrderedDict()
        self._cache_bytes = host_cache_bytes
        self._owned = False
        self._thread = ThreadPoolExecutor(1, "weights")
        # Run → model that is being written, or waits for it.
        self._writing: OrderedDict[str, tuple[Tree, Future[None]]] = OrderedDict()

    def take_over(self) -> None:
        """Begins to write: for the one process that owns the experiment's directory.

        What a killed process left half-written has no final name and is of no use: it is deleted.
        """
        self._owned = True
        for leftover in list(self._root.rglob("*.orbax-checkpoint-tmp*")):
            shutil.rmtree(leftover, ignore_errors=True)

    def keep_only(self, lanes: Container[str] | None, sources: Container[str] | None) -> None:
        """Deletes what is of no use to any run: a kill came between a record and its weights' end.

        Args:
            lanes: ids of the runs that are still to be done; None is all.
            sources: ids of the source runs whose models are wanted; None is all.
        """
        self._check_owned()
        for folder, wanted in ((self._lanes, lanes), (self._sources, sources)):
            if wanted is None or not folder.is_dir():
                continue
            for entry in list(folder.iterdir()):
                if entry.name not in wanted:
                    shutil.rmtree(entry, ignore_errors=True)

    def save_source(self, run: str, params: Tree) -> None:
        """Lets a source run's model (numpy leaves) be written; waits where too many do so already."""
        self._check_owned()
        self.settle(run)
        self._remember(run, params)
        written = self._thread.submit(self._write, self._sources / run, params)
        self._writing[run] = params, written
        while len(self._writing) > 1 and self._bytes_to_write > self._cache_bytes:
            self.settle(next(iter(self._writing)))

    def is_safe(self, run: str) -> bool:
        """Whether nothing of a run's model is still to be written.

        Raises:
            Exception: what writing it ended with.
        """
        if run in self._writing and self._writing[run][1].done():
            self.settle(run)
        return run not in self._writing

    def settle(self, run: str) -> None:
        """Waits until nothing of a run's model is still to be written."""
        if run in self._writing:
            self._writing.pop(run)[1].result()

    def load_source(self, run: str, like: Tree) -> Tree:
        """Returns a source run's model as numpy arrays.

        Args:
            run: the source run's id.
            like: a tree of the shapes and dtypes to expect.

        Raises:
            WeightsLostError: it is not there, cannot be read, or is of another shape.
        """
        if run in self._cache:
            self._cache.move_to_end(run)
            return self._cache[run]
        if run in self._writing:
            return self._writing[run][0]
        if not self.has_source(run):
            raise WeightsLostError(f"{self._sources / run}: it is not there")
        params = self._restore(self._sources / run, like)
        self._remember(run, params)
        return params

    def has_source(self, run: str) -> bool:
        """Whether a source run's model is at hand, whole."""
        return run in self._cache or run in self._writing or (self._sources / run).is_dir()

    def forget_source(self, run: str) -> None:
        """Deletes a source run's model: its last dependant is done."""
        self._check_owned()
        self._cache.pop(run, None)
        if run in self._writing and self._writing[run][1].cancel():
            del self._writing[run]
        self.settle(run)
        if (self._sources / run).is_dir():
            shutil.rmtree(self._sources / run)

    def save_lane(self, run: str, step: int, state: Tree, host: dict[str, Any]) -> None:
        """Writes a run in flight and its host state, then drops its older checkpoints."""
        self._check_owned()
        folder = self._lanes / run / str(step)
        self._thread.submit(self._write, folder / "state", state).result()
        # The host state is written last: a folder without it is not a checkpoint.
        write_atomic(folder / _STATE, json.dumps({**host, _OWN_SEAL: _hash_of(host)}))
        for other in (self._lanes / run).iterdir():
            if other != folder:
                shutil.rmtree(other)

    def load_lane(self, run: str, like: Tree) -> tuple[Tree, dict[str, Any]] | None:
        """Returns the newest whole checkpoint of a run in flight, or None.

        Raises:
            WeightsLostError: if what is there cannot be read, or is of another shape.
        """
        if not (self._lanes / run).is_dir():
            return None
        folders = [f for f in (self._lanes / run).iterdir() if f.name.isdecimal()]
        whole = [f for f in folders if (f / _STATE).is_file()]
        if not whole:
            return None
        folder = max(whole, key=lambda f: int(f.name))
        try:
            host = read_json(folder / _STATE)
        except (IntertrainError, OSError) as error:
            raise WeightsLostError(reason_of(error, str(folder / _STATE))) from error
        if not isinstance(host, dict):
            raise WeightsLostError(f"{folder / _STATE}: it is no object")
        sealed = host.pop(_OWN_SEAL, None)
        # Earlier versions left none.
        if sealed is not None and sealed != _hash_of(host):
            raise WeightsLostError(f"{folder / _STATE}: it is not what it was when it was written")
        return self._restore(folder / "state", like), host

    def forget_lane(self, run: str) -> None:
        """Deletes the checkpoints of a run that has ended."""
        self._check_owned()
        shutil.rmtree(self._lanes / run, ignore_errors=True)

    def flush(self) -> None:
        """Waits until everything is written."""
        for run in list(self._writing):
            self.settle(run)

    def close(self) -> None:
        """Finishes writing, and removes the folder if it is owned and nothing is kept in it."""
        self.flush()
        self._thread.shutdown()
        self._writer.close()
        if not self._owned:
            return
        for folder in (self._sources, self._lanes, self._root):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    @property
    def _bytes_to_write(self) -> int:
        return sum(_bytes(params) for params, _ in self._writing.values())

    def _write(self, folder: Path, tree: Tree) -> None:
        """Writes a tree, and seals it when it is whole; in the thread that does so."""
        self._writer.save(folder, tree, force=True)
        self._writer.wait_until_finished()
        write_atomic(folder / _SEAL, json.dumps(_hashes(folder)))

    def _restore(self, folder: Path, like: Tree) -> Tree:
        """Reads a tree of numpy arrays; whatever its files hold, the result is as expected."""
        _check_seal(folder)
        target = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), like)
        try:
            read = self._thread.submit(self._writer.restore, folder, target).result()
            found = jax.tree.map(np.asarray, read)
        except MemoryError:
            raise
        # Orbax and what it stands on have no common error for files that are damaged.
        except Exception as error:
            raise WeightsLostError(reason_of(error, str(folder))) from error
        for expected, array in zip(jax.tree.leaves(target), jax.tree.leaves(found), strict=True):
            if (array.shape, array.dtype) != (expected.shape, expected.dtype):
                raise WeightsLostError(f"{folder}: it holds {array.dtype}{list(array.shape)}")
        return found

    def _check_owned(self) -> None:
        if not self._owned:
            raise RuntimeError(f"{self._root} is only read here; take_over() comes before writing")

    def _remember(self, run: str, params: Tree) -> None:
        self._cache[run] = params
        self._cache.move_to_end(run)
        while len(self._cache) > 1 and sum(map(_bytes, self._cache.values())) > self._cache_bytes:
            self._cache.popitem(last=False)


def _hash_of(host: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(host, sort_keys=True).encode()).hexdigest()


def _hashes(folder: Path) -> dict[str, str]:
    """Returns the files of a folder by their path in it, with the hash of each."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != _SEAL:
            with file.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
            found[file.relative_to(folder).as_posix()] = digest
    return found


def _check_seal(folder: Path) -> None:
    """Compares a folder's files with their seal; one that a kill left unsealed is as Orbax finds it.

    Raises:
        WeightsLostError: a file is missing or is not what it was.
    """
    seal = folder / _SEAL
    if not folder.is_dir():
        raise WeightsLostError(f"{folder}: it is not there")
    if not seal.is_file():
        return
    try:
        expected, found = read_json(seal), _hashes(folder)
    except (IntertrainError, OSError) as error:
        raise WeightsLostError(reason_of(error, str(seal))) from error
    if found != expected:
        raise WeightsLostError(f"{folder}: its files are not what they were when it was written")


def save_run(weights: Weights, lane: LaneRun, state: Lanes) -> None:
    """Writes a run that stands at the end of a batch (so its gradient accumulator is empty).

    Args:
        weights: where runs in flight are kept.
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
        "notes": list(lane.notes),
    }
    weights.save_lane(lane.run.id, lane.step, jax.tree.map(np.asarray, tree), host)


def load_run(weights: Weights, run: str, shapes: Tree) -> tuple[Tree, dict[str, Any]] | None:
    """Returns (parameter, moment and best trees by name, arguments for `LaneRun`), or None.

    Args:
        weights: where runs in flight are kept.
        run: the run's id.
        shapes: shapes of the lane's parameters.

    Raises:
        WeightsLostError: what is there cannot be used.
    """
    saved = weights.load_lane(run, dict.fromkeys(("params", "mean", "square", "best"), shapes))
    if saved is None:
        return None
    state, host = saved
    try:
        progress = {**host["progress"], "reason": StopReason(host["progress"]["reason"])}
        fields = {name: kind(host[name]) for name, kind in _COUNTS.items()}
        if fields["step"] < 0:
            raise ValueError(f"its step is {fields['step']}")
        lists = {"history": list(host["history"]), "notes": tuple(map(str, host.get("notes", ())))}
        return state, {"progress": Progress(**progress), **lists, **fields}
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise WeightsLostError(reason_of(error, f"what was kept of run {run}")) from error
