"""What the runs of this process are computed with: precision, versions, device."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version

import jax

from intertrain_jax.base import IntertrainError
from intertrain_jax.config import EngineConfig, Precision
from intertrain_jax.engine.sharding import lane_mesh
from intertrain_jax.engine.starts import shared_config
from intertrain_jax.models.hf_weights import Checkpoint

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "transformers", "numpy")


def resolve_precision(precision: Precision) -> Precision:
    """Returns what "auto" means on this machine's default devices; other values as they are."""
    if precision != "auto":
        return precision
    return "float32" if jax.default_backend() == "cpu" else "bfloat16"


def check_inputs(models: Mapping[str, Checkpoint], options: EngineConfig, max_length: int) -> None:
    """Checks what `run_grid` will be given, before anything is written.

    Args:
        models: base models by reference.
        options: of the engine.
        max_length: tokens of an input.

    Raises:
        IntertrainError: models differ in shape or take shorter inputs, or devices are lacking.
    """
    longest = shared_config(models).max_length
    if max_length > longest:
        raise IntertrainError(
            f"config key 'protocol.max_length' must be <= {longest}, the positions that"
            f" {next(iter(models))!r} has, got {max_length}. Lower it."
        )
    lane_mesh(options.devices)


def environment() -> dict[str, str]:
    """Returns versions and device, as records keep them."""
    devices = jax.devices()
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
        "platform": devices[0].platform,
        "device": devices[0].device_kind,
        "devices": str(len(devices)),
    }
