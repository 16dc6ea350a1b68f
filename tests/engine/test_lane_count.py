"""How many lanes a grid opens, and how they are laid out over devices."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine import lane_count
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.engine.lane_count import (
    LaneCounts,
    choose_lanes,
    fusing_pays,
    laid_out,
    lane_bytes,
    shares_blocks,
)
from intertrain_jax.train.objectives import Classification
from tests.engine.tiny_grid import tiny_checkpoint, tiny_config

SHORT, LONG = BlockShape(4, 32, 5), BlockShape(2, 128, 20)


def test_lanes_are_laid_out_over_devices() -> None:
    assert laid_out(8, "auto", 1, True) == LaneCounts(1, 8)
    assert laid_out(8, "auto", 1, False) == LaneCounts(8, 1)
    assert laid_out(6, "auto", 4, True) == LaneCounts(1, 8)
    assert laid_out(6, "auto", 4, False) == LaneCounts(2, 4)
    assert laid_out(8, 3, 1, False) == LaneCounts(3, 3)
    assert LaneCounts(3, 3).halved(1) == LaneCounts(1, 3)
    assert LaneCounts(1, 8).halved(4) == LaneCounts(1, 4) == LaneCounts(1, 4).halved(4)
    assert fusing_pays("gpu", 10**7) and fusing_pays("cpu", 10**5)
    assert not fusing_pays("cpu", 10**7) and not fusing_pays("gpu", 10**8)


class Accelerator:
    """A device that is not here."""

    platform, device_kind = "gpu", "imagined"

    def memory_stats(self) -> dict[str, int]:
        return {"bytes_limit": 1 << 30}


class Imagined:
    """A mesh of one."""

    size, devices = 1, np.array([Accelerator()])


@pytest.mark.parametrize(
    ("rows", "runs", "devices", "lanes"),
    [
        (16, 500, 1, 64),  # never more than this
        (32, 500, 1, 32),  # blocks of 2,048 tokens: 32 of them fill the device
        (32, 500, 2, 64),
        (32, 5, 1, 5),
        (32, 5, 2, 6),
        (4096, 500, 1, 1),
    ],
)
def test_as_many_small_lanes_are_fused_as_fill_an_accelerator(
    rows: int, runs: int, devices: int, lanes: int
) -> None:
    shape = BlockShape(rows, 64, 21)
    mesh: Any = SimpleNamespace(size=devices, devices=np.array([Accelerator()] * devices))
    asked = (Classification(tiny_config(), 3), shape, "float32", mesh, runs)
    assert choose_lanes(EngineConfig(), *asked) == LaneCounts(1, lanes)
    assert choose_lanes(EngineConfig(lanes=3), *asked).fused == -(-3 // devices) * devices


def test_memory_bounds_fused_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_count, "lane_bytes", lambda *arguments: 3 << 27)
    asked = (Classification(tiny_config(), 3), SHORT, "float32", Imagined())
    assert choose_lanes(EngineConfig(), *asked, 100) == LaneCounts(1, 2)


@pytest.mark.parametrize("gigabytes", [1, 4])
def test_large_models_take_turns_on_an_accelerator(
    monkeypatch: pytest.MonkeyPatch, gigabytes: int
) -> None:
    monkeypatch.setattr(lane_count, "LARGE_MODEL", 10)
    monkeypatch.setattr(lane_count, "lane_bytes", lambda *arguments: 6 << 27)
    monkeypatch.setattr(Accelerator, "memory_stats", lambda self: {"bytes_limit": gigabytes << 30})
    arguments = (Classification(tiny_config(), 3), SHORT, "bfloat16", Imagined())
    turns = 1 if gigabytes == 1 else 2
    assert choose_lanes(EngineConfig(), *arguments, 100) == LaneCounts(turns, 1)
    assert choose_lanes(EngineConfig(), *arguments, 1) == LaneCounts(1, 1)
    assert choose_lanes(EngineConfig(lanes=3), *arguments, 100) == LaneCounts(3, 1)


def test_a_cpu_opens_few_lanes() -> None:
    arguments = (Classification(tiny_config(), 3), SHORT, "float32", lane_mesh(1))
    assert choose_lanes(EngineConfig(), *arguments, 100) == LaneCounts(1, 8)
    assert choose_lanes(EngineConfig(), *arguments, 3) == LaneCounts(1, 3)


def test_a_lane_needs_more_memory_than_its_parameters() -> None:
    sizes = sum(x.size for x in jax.tree.leaves(tiny_checkpoint().params))
    objective = Classification(tiny_config(), 2)
    assert lane_bytes(objective, SHORT, "float32") > 6 * 4 * sizes
    assert lane_bytes(objective, LONG, "float32") > lane_bytes(objective, SHORT, "float32")


class Mesh:
    """A mesh of so many devices of a platform."""

    def __init__(self, platform: str, size: int) -> None:
        self.size, self.devices = size, np.array([SimpleNamespace(platform=platform)] * size)


@pytest.mark.parametrize(
    ("platform", "devices", "options", "shared"),
    [
        ("cuda", 1, {}, True),
        ("cuda", 1, {"lanes": 8}, True),
        ("cuda", 2, {"lanes": 8}, False),
        ("cuda", 1, {"lanes": 1}, False),
        ("cuda", 1, {"fuse": 1}, False),
        ("cpu", 1, {}, False),
    ],
)
def test_tasks_share_a_block_where_many_small_lanes_are_fused(
    platform: str, devices: int, options: dict[str, Any], shared: bool
) -> None:
    objective, mesh = Classification(tiny_config(), 2), Mesh(platform, devices)
    stand_in: Any = mesh
    assert shares_blocks(EngineConfig(**options), objective, stand_in) == shared
