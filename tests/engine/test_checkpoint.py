"""Weights on disk: whole or absent, and written by their owner alone."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from intertrain_jax.base import StopReason
from intertrain_jax.data.batches import schedule_of
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.checkpoint import Checkpoints, WeightsLostError, load_run, save_run
from intertrain_jax.engine.lane import LaneRun
from intertrain_jax.train.arena import SplitView
from intertrain_jax.train.stopping import Progress
from tests.engine.tiny_grid import tiny_plan

NAMES = [f"source-{k}" for k in range(12)]


def model(seed: int, size: int = 20_000) -> dict[str, Any]:
    """Returns parameters of a source run, large enough that writing them takes a while."""
    generator = np.random.default_rng(seed)
    return {"a": {"b": generator.normal(size=(4, size)).astype(np.float32)}, "c": np.zeros(3)}


def test_checkpoints_are_whole_or_absent(tmp_path: Path) -> None:
    params = {"a": {"b": np.arange(6, dtype=np.float32).reshape(2, 3)}}
    store = Checkpoints(tmp_path / "checkpoints", host_cache_bytes=0)
    store.take_over()
    store.save_source("one", params)
    store.save_source("two", params)
    store.flush()
    leftover = tmp_path / "checkpoints" / "sources" / "three.orbax-checkpoint-tmp"
    leftover.mkdir()
    fresh = Checkpoints(tmp_path / "checkpoints")
    # Another process may be writing it: who only reads deletes nothing, and cannot write.
    assert leftover.exists() and fresh.has_source("one")
    with pytest.raises(RuntimeError, match="only read here"):
        fresh.save_source("four", params)
    fresh.close()
    assert leftover.exists() and fresh.has_source("one")
    fresh = Checkpoints(tmp_path / "checkpoints")
    fresh.take_over()
    assert not leftover.exists()
    np.testing.assert_array_equal(fresh.load_source("one", params)["a"]["b"], params["a"]["b"])
    assert not fresh.has_source("three")
    with pytest.raises(WeightsLostError):
        fresh.load_source("three", params)
    fresh.save_lane("run", 4, params, {"step": 4})
    fresh.save_lane("run", 9, params, {"step": 9})
    state, host = fresh.load_lane("run", params)  # type: ignore[misc]
    assert host == {"step": 9} and state["a"]["b"][1, 2] == 5.0
    (tmp_path / "checkpoints" / "lanes" / "run" / "9" / "host.json").unlink()
    assert fresh.load_lane("run", params) is None
    fresh.forget_lane("run")
    for name in ("one", "two"):
        fresh.forget_source(name)
    store.close()
    fresh.close()
    assert not (tmp_path / "checkpoints").exists()


def test_who_only_reads_never_harms_weights_that_are_being_written(tmp_path: Path) -> None:
    """As `models sources` does beside a live grid: it opens, looks, loads and closes, in turns."""
    directory, stop, broken = tmp_path / "checkpoints", threading.Event(), []
    owner = Checkpoints(directory, host_cache_bytes=0)
    owner.take_over()
    looked = 0

    def read() -> None:
        nonlocal looked
        while not stop.is_set():
            reader = Checkpoints(directory)
            for k, name in enumerate(NAMES):
                if reader.has_source(name):
                    found = reader.load_source(name, model(k))
                    if not np.array_equal(found["a"]["b"], model(k)["a"]["b"]):
                        broken.append(name)
            reader.close()
            looked += 1

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for k, name in enumerate(NAMES):
            owner.save_source(name, model(k))
        owner.flush()
        # The reader has been through it while weights were written, or goes through it now.
        while not looked and thread.is_alive():
            thread.join(0.01)
    finally:
        stop.set()
        thread.join()
    assert looked and not broken
    fresh = Checkpoints(directory)
    for k, name in enumerate(NAMES):
        np.testing.assert_array_equal(
            fresh.load_source(name, model(k))["a"]["b"], model(k)["a"]["b"]
        )
    fresh.close()
    owner.close()


def test_models_in_memory_are_bounded_and_the_last_used_stay(tmp_path: Path) -> None:
    size = sum(x.nbytes for x in (model(0)["a"]["b"], model(0)["c"]))
    store = Checkpoints(tmp_path / "checkpoints", host_cache_bytes=2 * size)
    store.take_over()
    kept = {name: model(k) for k, name in enumerate(("one", "two", "three"))}
    store.save_source("one", kept["one"])
    store.save_source("two", kept["two"])
    assert store.load_source("one", kept["one"]) is kept["one"]
    store.save_source("three", kept["three"])
    store.flush()
    assert store.load_source("one", kept["one"]) is kept["one"]
    assert store.load_source("three", kept["three"]) is kept["three"]
    again = store.load_source("two", kept["two"])
    assert again is not kept["two"]
    np.testing.assert_array_equal(again["a"]["b"], kept["two"]["a"]["b"])
    store.close()


class Slow:
    """Writes models only when it is let; else as Orbax does."""

    def __init__(self, store: Checkpoints) -> None:
        self.let, self.order = threading.Event(), []
        self._write = store._write
        store._write = self  # type: ignore[method-assign,assignment]

    def __call__(self, folder: Path, tree: Any) -> None:
        assert self.let.wait(30)
        self.order.append(folder.name)
        self._write(folder, tree)


def test_models_are_written_while_others_go_on(tmp_path: Path) -> None:
    """Runs that end together hand their models over at once; each can be had before it is on disk."""
    store = Checkpoints(tmp_path / "checkpoints")
    store.take_over()
    slow, kept = Slow(store), {name: model(k) for k, name in enumerate(("one", "two", "three"))}
    for name, params in kept.items():
        store.save_source(name, params)
    store._cache.clear()
    assert not any(store.is_safe(name) for name in kept) and all(map(store.has_source, kept))
    assert store.load_source("two", kept["two"]) is kept["two"]
    # One that is still to be written is not written at all.
    store.forget_source("three")
    assert store.is_safe("three") and not store.has_source("three")
    slow.let.set()
    store.settle("one")
    assert store.is_safe("one")
    store.flush()
    assert slow.order == ["one", "two"] and all(map(store.is_safe, kept))
    store.forget_source("one")
    assert [f.name for f in (tmp_path / "checkpoints" / "sources").iterdir()] == ["two"]
    again = store.load_source("two", kept["two"])
    np.testing.assert_array_equal(again["a"]["b"], kept["two"]["a"]["b"])
    store.close()


def test_no_more_models_wait_than_memory_may_hold(tmp_path: Path) -> None:
    size = sum(x.nbytes for x in (model(0)["a"]["b"], model(0)["c"]))
    store = Checkpoints(tmp_path / "checkpoints", host_cache_bytes=2 * size)
    store.take_over()
    slow = Slow(store)
    store.save_source("one", model(1))
    store.save_source("two", model(2))
    threading.Timer(0.2, slow.let.set).start()
    store.save_source("three", model(3))
    assert slow.let.is_set() and slow.order[0] == "one" and store.is_safe("one")
    store.close()


def test_what_stops_a_model_from_being_written_is_raised(tmp_path: Path) -> None:
    """No record may promise it."""
    store = Checkpoints(tmp_path / "checkpoints")
    store.take_over()

    def full(folder: Path, tree: Any) -> None:
        raise OSError(28, "No space left on device")

    store._write = full  # type: ignore[method-assign]
    store.save_source("one", model(1))
    with pytest.raises(OSError, match="No space left"):
        store.flush()
    store.save_source("two", model(2))
    assert isinstance(store._writing["two"][1].exception(timeout=30), OSError)
    with pytest.raises(OSError, match="No space left"):
        store.is_safe("two")
    store.close()


def in_flight() -> tuple[LaneRun, Any, dict[str, Any]]:
    """Returns a run that has had six steps, its lane, and the lane's trees by name."""
    run = tiny_plan(["a"]).runs[0]
    zeros = np.zeros(40, np.int32)
    train = SplitView(zeros, zeros + 5, zeros + 1, zeros.astype(np.float32))
    history = [{"step": 5, "examples": 40, "train_loss": 0.5, "validation": 60.0}]
    progress = Progress(best=0.6, reference=0.6, reference_at=40, reason=StopReason.RUNNING)
    schedule, shapes = schedule_of(run.protocol, 40), (BlockShape(2, 16, 3),)
    fields = {"step": 6, "examples": 48, "tokens": 240, "seconds": 3.0}
    lane = LaneRun(run, train, schedule, shapes, progress, history, **fields)
    trees = {name: model(k) for k, name in enumerate(("params", "mean", "square", "best"))}
    runs = SimpleNamespace(**{name: trees[name] for name in ("params", "mean", "square")})
    return lane, SimpleNamespace(runs=runs, best=trees["best"]), trees


def test_a_run_in_flight_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    lane, state, trees = in_flight()
    run = lane.run
    store = Checkpoints(tmp_path / "checkpoints")
    store.take_over()
    assert load_run(store, run.id, model(0)) is None
    save_run(store, lane, state)
    # An older one that a kill left beside it does not win.
    save_run(store, replace(lane, step=9), state)
    (tmp_path / "checkpoints" / "lanes" / run.id / "7").mkdir()
    loaded = load_run(store, run.id, model(0))
    assert loaded is not None
    for name, tree in trees.items():
        np.testing.assert_array_equal(loaded[0][name]["a"]["b"], tree["a"]["b"])
    assert loaded[1]["progress"] == lane.progress and loaded[1]["history"] == lane.history
    assert loaded[1]["seconds"] >= 3.0
    again = LaneRun(run, lane.train, lane.schedule, lane.shapes, **loaded[1])
    assert (again.step, again.examples, again.tokens) == (9, 48, 240)
    store.forget_lane(run.id)
    store.close()


def damage(folder: Path, how: str) -> None:
    """Damages what was saved of one run in flight."""
    host = next(folder.rglob("host.json"))
    state = host.parent / "state"
    largest = max(state.rglob("d/*"), key=lambda f: f.stat().st_size)
    content = json.loads(host.read_text())
    if how == "cut":
        largest.write_bytes(largest.read_bytes()[:-40])
    elif how == "flipped":
        largest.write_bytes(bytes(b ^ 255 for b in largest.read_bytes()))
    elif how == "no file":
        largest.unlink()
    elif how == "no state":
        shutil.rmtree(state)
    elif how == "nothing in it":
        for file in state.rglob("*"):
            if file.is_file():
                file.write_bytes(b"")
    elif how == "no metadata":
        for file in state.rglob("_*"):
            file.unlink()
    elif how == "words":
        host.write_text("what")
    elif how == "no object":
        host.write_text("[1, 2]")
    elif how == "deep":
        host.write_text("[" * 100_000)
    elif how == "not UTF-8":
        host.write_bytes(b"{\xff")
    elif how == "no step":
        host.write_text(json.dumps({k: v for k, v in content.items() if k != "step"}))
    else:
        changes = {
            "step in words": {"step": "some"},
            "step below": {"step": -1},
            "no reason": {"progress": {}},
            "reason unknown": {"progress": {**content["progress"], "reason": "bored"}},
            "no history": {"history": 3},
            # As it could be, but is not what was written.
            "another step": {"step": content["step"] + 1},
            "best in words": {"progress": {**content["progress"], "best": "high"}},
            "endless": {"sha256": None, "tokens": float("inf")},
        }
        host.write_text(json.dumps({**content, **changes[how]}))


DAMAGES = (
    *(
        "cut",
        "flipped",
        "no file",
        "no state",
        "nothing in it",
        "no metadata",
        "words",
        "no object",
    ),
    *("deep", "not UTF-8", "no step", "step in words", "step below", "no reason"),
    *("reason unknown", "no history", "another step", "best in words", "endless"),
)


@pytest.mark.parametrize("how", DAMAGES)
def test_damage_is_known_whatever_it_is(tmp_path: Path, how: str) -> None:
    lane, state, _ = in_flight()
    store = Checkpoints(tmp_path / "checkpoints")
    store.take_over()
    save_run(store, lane, state)
    damage(tmp_path / "checkpoints" / "lanes", how)
    with pytest.raises(WeightsLostError):
        load_run(store, lane.run.id, model(0))
    store.forget_lane(lane.run.id)
    assert load_run(store, lane.run.id, model(0)) is None
    store.close()


def test_weights_of_another_shape_are_lost(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path / "checkpoints", host_cache_bytes=0)
    store.take_over()
    store.save_source("one", model(1))
    store.save_source("two", model(2))
    store.flush()
    with pytest.raises(WeightsLostError):
        store.load_source("one", model(1, size=30_000))
    store.close()
