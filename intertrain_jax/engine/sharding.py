"""The device mesh along which lanes are laid out: one axis, no communication between lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from intertrain_jax.base import IntertrainError

AXIS = "lanes"
BY_LANE = P(AXIS)
EVERYWHERE = P()


def lane_mesh(devices: int | str) -> Mesh:
    """Returns a mesh over the first `devices` devices of the default backend ("auto": all).

    Raises:
        IntertrainError: if there are fewer devices than asked for.
    """
    available = jax.devices()
    count = len(available) if devices == "auto" else int(devices)
    if count > len(available):
        raise IntertrainError(
            f"engine.devices is {count}, but JAX sees {len(available)} "
            f"{available[0].platform} device(s): set engine.devices to at most {len(available)}."
        )
    return jax.make_mesh((count,), (AXIS,), devices=available[:count], axis_types=(AxisType.Auto,))


def over_lanes(
    function: Callable[..., Any], mesh: Mesh, in_specs: Any, out_specs: Any, donate: bool
) -> Any:
    """Compiles `function` to run on every device with its own lanes, reusing its first argument."""
    mapped = jax.shard_map(
        function, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False
    )
    return jax.jit(mapped, donate_argnums=(0,) if donate else ())


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of an array that every device holds whole."""
    return NamedSharding(mesh, EVERYWHERE)


def by_lane(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of an array whose leading axis is the lane."""
    return NamedSharding(mesh, BY_LANE)
