"""How a cluster is divided among workers."""

from __future__ import annotations

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.cluster.pool import Device, divided

GPU_NODE = {"CPU": 64.0, "GPU": 8.0}
CPU_NODE = {"CPU": 16.0}


@pytest.mark.parametrize(
    ("nodes", "count", "address", "expected"),
    [
        # One for every GPU; CPUs of a node without any do not count.
        ([GPU_NODE, GPU_NODE, CPU_NODE], None, "a:1", (16, Device(1, 1, None))),
        ([GPU_NODE], 3, None, (3, Device(1, 1, None))),
        # One for every node, all its CPUs.
        ([CPU_NODE] * 3, None, "a:1", (3, Device(0, 16, 16))),
        ([CPU_NODE] * 3, 6, "a:1", (6, Device(0, 8, 8))),
        # 16 // 12 CPUs would be for one worker a node.
        ([CPU_NODE] * 3, 4, "a:1", (4, Device(0, 8, 8))),
        # On this machine there may be more workers than cores: they share them.
        ([{"CPU": 3.0}], 3, None, (3, Device(0, 1, 1))),
        ([{"CPU": 4.0}], 2, None, (2, Device(0, 2, 2))),
        ([{"CPU": 4.0}], None, None, (1, Device(0, 4, 4))),
    ],
)
def test_what_workers_get(
    nodes: list[dict[str, float]],
    count: int | None,
    address: str | None,
    expected: tuple[int, Device],
) -> None:
    assert divided(nodes, count, 4, address) == expected


@pytest.mark.parametrize(
    ("nodes", "count", "said"),
    [
        ([GPU_NODE], 9, "at most 8, as many as the cluster at a:1 has GPUs for, got 9"),
        ([CPU_NODE], 17, "at most 16, as many as the cluster at a:1 has CPUs for, got 17"),
        ([{"memory": 1.0}], None, "at most 0"),
    ],
)
def test_more_than_there_is_room_for_is_said(
    nodes: list[dict[str, float]], count: int | None, said: str
) -> None:
    with pytest.raises(IntertrainError, match=said):
        divided(nodes, count, 4, "a:1")
