"""What the engine runs on: checks of inputs before anything compiles, versions, compilation cache."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

import jax

from intertrain_jax.base import IntertrainError, cache_root
from intertrain_jax.config import EngineConfig, Precision
from intertrain_jax.engine.sharding import lane_mesh
from intertrain_jax.engine.starts import shared_config
from intertrain_jax.models.hf_weights import Checkpoint

_PACKAGES = (
    "intertrain_jax",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "transformers",
    "tokenizers",
    "numpy",
)
_CACHE_VARIABLE = "JAX_COMPILATION_CACHE_DIR"


def check_inputs(models: Mapping[str, Checkpoint], options: EngineConfig, max_length: int) -> None:
    """Checks what can be checked before anything is written or compiled.

    Raises:
        IntertrainError: base models differ in shape, inputs are longer than the model's position
            embeddings, or there are fewer devices than asked for.
    """
    config = shared_config(models)
    if max_length > config.max_length:
        raise IntertrainError(
            f"config key 'protocol.max_length' must be at most {config.max_length}, the positions of"
            f" model {next(iter(models))!r}, but is {max_length}."
            f" Give --set protocol.max_length={config.max_length}."
        )
    lane_mesh(options.devices)


def resolve_precision(precision: Precision) -> Precision:
    """Returns what "auto" means here: float32 on a CPU, bfloat16 on accelerators."""
    if precision != "auto":
        return precision
    return "float32" if jax.default_backend() == "cpu" else "bfloat16"


def environment() -> dict[str, str]:
    """Returns the versions and devices that results depend on, for records."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    devices = jax.devices()
    found["device"] = f"{len(devices)} x {devices[0].device_kind}"
    found["platform"] = f"{devices[0].platform} on {platform.system()} {platform.machine()}"
    return found


def use_compilation_cache() -> None:
    """Keeps compiled programs on disk, unless JAX has been told already where to."""
    if _CACHE_VARIABLE not in os.environ and not getattr(
        jax.config, "jax_compilation_cache_dir", None
    ):
        jax.config.update("jax_compilation_cache_dir", str(cache_root() / "xla"))
