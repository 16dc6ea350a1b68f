"""The engine's decisions that need no training: shapes, lanes, checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.config.protocol import Protocol, TextProtocol
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine import lane_count
from intertrain_jax.engine.blocks import cheapest_rows, choose_shapes, row_lengths_of
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.engine.environment import check_inputs, environment, lane_mesh
from intertrain_jax.engine.lane_count import (
    LaneCounts,
    choose_lanes,
    fastest,
    fusing_pays,
    laid_out,
    lane_bytes,
    lane_candidates,
)
from intertrain_jax.train.objectives import Classification
from tests.engine.tiny_grid import tiny_checkpoint, tiny_config

SHORT, LONG = BlockShape(4, 32, 5), BlockShape(2, 128, 20)


def lengths(longest: int, rows: int = 300) -> np.ndarray:
    """Returns lengths up to a longest one."""
    found = np.random.default_rng(longest).integers(3, longest + 1, rows).astype(np.int32)
    found[0] = longest
    return found


def test_tasks_share_shapes_and_few_long_examples_get_their_own_rows() -> None:
    tweets = lengths(40)
    tweets[0] = 250
    by_task = {"a": lengths(30), "b": lengths(28), "tweets": tweets}
    longest = {"a": 30, "b": 32, "tweets": 250}
    shapes = choose_shapes(by_task, longest, 32, "auto", "auto", "cpu")
    assert shapes["a"] == shapes["b"] and [s.length for s in shapes["a"].train] == [32]
    assert [s.length for s in shapes["tweets"].train] == [64, 256]
    assert shapes["tweets"].train[1].rows == 1
    assert shapes["a"].evaluate[0].rows > shapes["a"].train[0].rows
    assert row_lengths_of(lengths(100), 100) == (128,)
    forced = choose_shapes(by_task, longest, 32, 256, 2, "cpu")
    assert {s for task in forced.values() for s in task.train} == {
        BlockShape(2, 256, forced["a"].train[0].segments)
    }
    with pytest.raises(IntertrainError, match=r"row_length is 64, but task 'tweets' has .* 250"):
        choose_shapes(by_task, longest, 32, 64, "auto", "cpu")


def test_rows_are_chosen_by_cost() -> None:
    # Batches of exactly 12 rows: blocks that divide 12 waste nothing, and one block saves overhead.
    assert cheapest_rows([[12, 12]], 64, "cpu") == 12
    assert cheapest_rows([[12, 12], [3, 3]], 64, "cpu") == 3
    assert cheapest_rows([[1000]], 64, "cpu") <= 2048 // 64


def test_lanes_are_laid_out_over_devices() -> None:
    assert laid_out(8, "auto", 1, True) == LaneCounts(1, 8)
    assert laid_out(8, "auto", 1, False) == LaneCounts(8, 1)
    assert laid_out(6, "auto", 4, True) == LaneCounts(1, 8)
    assert laid_out(6, "auto", 4, False) == LaneCounts(2, 4)
    assert laid_out(8, 3, 1, False) == LaneCounts(3, 3)
    assert LaneCounts(3, 3).halved(1) == LaneCounts(1, 3)
    assert LaneCounts(1, 8).halved(4) == LaneCounts(1, 4) == LaneCounts(1, 4).halved(4)
    assert lane_candidates(20, 4) == [4, 8, 16] and lane_candidates(1, 4) == [4]
    assert fusing_pays("gpu", 10**9) and fusing_pays("cpu", 10**5)
    assert not fusing_pays("cpu", 10**8)


def test_the_lane_count_stops_growing_where_it_no_longer_pays() -> None:
    speeds = {1: 100.0, 2: 180.0, 4: 185.0, 8: 900.0}
    assert fastest([1, 2, 4, 8], speeds.__getitem__)[0] == 2

    def scarce(count: int) -> float:
        if count > 1:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: no")
        return 1.0

    assert fastest([1, 2], scarce) == (1, {"1": 1.0})


def test_lanes_are_chosen_by_measurement_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def measured(objective: object, lanes: int, *rest: object) -> float:
        calls.append(lanes)
        return {1: 1.0, 2: 2.0, 4: 2.0}[lanes]

    class Accelerator:
        platform, device_kind = "gpu", "imagined"

        def memory_stats(self) -> dict[str, int]:
            return {"bytes_limit": 1 << 30}

    class Mesh:
        size, devices = 1, np.array([Accelerator()])

    monkeypatch.setattr(lane_count, "tokens_per_second", measured)
    arguments = (Classification(tiny_config(), 3), SHORT, "float32", Mesh(), 5)
    assert choose_lanes(EngineConfig(), *arguments) == LaneCounts(1, 2)
    assert choose_lanes(EngineConfig(), *arguments) == LaneCounts(1, 2)
    assert calls == [1, 2, 4]
    assert choose_lanes(EngineConfig(lanes=3, fuse=3), *arguments) == LaneCounts(1, 3)


def test_a_cpu_opens_few_lanes_without_measuring() -> None:
    arguments = (Classification(tiny_config(), 3), SHORT, "float32", lane_mesh(1))
    assert choose_lanes(EngineConfig(), *arguments, 100) == LaneCounts(1, 8)
    assert choose_lanes(EngineConfig(), *arguments, 3) == LaneCounts(1, 3)


def test_a_lane_needs_more_memory_than_its_parameters() -> None:
    sizes = sum(x.size for x in jax.tree.leaves(tiny_checkpoint().params))
    objective = Classification(tiny_config(), 2)
    assert lane_bytes(objective, SHORT, "float32") > 6 * 4 * sizes
    assert lane_bytes(objective, LONG, "float32") > lane_bytes(objective, SHORT, "float32")


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
    with pytest.raises(FileNotFoundError):
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


def test_inputs_are_checked_before_anything_compiles() -> None:
    one, t5 = tiny_config("bert"), tiny_config("t5")
    with pytest.raises(IntertrainError, match=r"'protocol.max_length' must be at most 70"):
        check_inputs("one", one, EngineConfig(), Protocol(max_length=71))
    with pytest.raises(IntertrainError, match=r"engine.devices is 9, but JAX sees 4 cpu"):
        check_inputs("one", one, EngineConfig(devices=9), Protocol(max_length=64))
    text = Protocol(max_length=64, text=TextProtocol(), head="inherit")
    with pytest.raises(IntertrainError, match=r"'one' is of family bert\. Remove it"):
        check_inputs("one", one, EngineConfig(), text)
    with pytest.raises(IntertrainError, match=r"family t5\. Give --set protocol\.text\.decision"):
        check_inputs("one", t5, EngineConfig(), Protocol())
    check_inputs("one", t5, EngineConfig(), replace(text, max_length=9999))
    assert environment()["device"].startswith("4 x")
