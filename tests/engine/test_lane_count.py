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
    fastest,
    fusing_pays,
    laid_out,
    lane_bytes,
    lane_candidates,
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
    assert lane_candidates(20, 4) == [4, 8, 16] and lane_candidates(1, 4) == [4]
    assert fusing_pays("gpu", 10**7) and fusing_pays("cpu", 10**5)
    assert not fusing_pays("cpu", 10**7) and not fusing_pays("gpu", 10**8)


def test_the_lane_count_stops_growing_where_it_no_longer_pays() -> None:
    speeds = {1: 100.0, 2: 180.0, 4: 185.0, 8: 900.0}
    assert fastest([1, 2, 4, 8], speeds.__getitem__)[0] == 2

    def scarce(count: int) -> float:
        if count > 1:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: no")
        return 1.0

    assert fastest([1, 2], scarce) == (1, {"1": 1.0})


class Accelerator:
    """A device that is not here."""

    platform, device_kind = "gpu", "imagined"

    def memory_stats(self) -> dict[str, int]:
        return {"bytes_limit": 1 << 30}


class Imagined:
    """A mesh of one."""

    size, devices = 1, np.array([Accelerator()])


def test_lanes_are_chosen_by_measurement_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def measured(objective: object, lanes: int, *rest: object) -> float:
        calls.append(lanes)
        return {1: 1.0, 2: 2.0, 4: 2.0}[lanes]

    monkeypatch.setattr(lane_count, "tokens_per_second", measured)
    arguments = (Classification(tiny_config(), 3), SHORT, "float32", Imagined(), 5)
    assert choose_lanes(EngineConfig(), *arguments) == LaneCounts(1, 2)
    assert choose_lanes(EngineConfig(), *arguments) == LaneCounts(1, 2)
    assert calls == [1, 2, 4]
    assert choose_lanes(EngineConfig(lanes=3, fuse=3), *arguments) == LaneCounts(1, 3)


@pytest.mark.parametrize("gigabytes", [1, 4])
def test_large_models_take_turns_on_an_accelerator_without_measuring(
    monkeypatch: pytest.MonkeyPatch, gigabytes: int
) -> None:
    monkeypatch.setattr(lane_count, "LARGE_MODEL", 10)
    monkeypatch.setattr(lane_count, "tokens_per_second", None)
    monkeypatch.setattr(lane_count, "lane_bytes", lambda *arguments: 6 << 27)
    monkeypatch.setattr(Accelerator, "memory_stats", lambda self: {"bytes_limit": gigabytes << 30})
    arguments = (Classification(tiny_config(), 3), SHORT, "bfloat16", Imagined())
    turns = 1 if gigabytes == 1 else 2
    assert choose_lanes(EngineConfig(), *arguments, 100) == LaneCounts(turns, 1)
    assert choose_lanes(EngineConfig(), *arguments, 1) == LaneCounts(1, 1)
    assert choose_lanes(EngineConfig(lanes=3), *arguments, 100) == LaneCounts(3, 1)


def test_a_cpu_opens_few_lanes_without_measuring() -> None:
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
