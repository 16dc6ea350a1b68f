"""What the engine runs on: its devices, checks of inputs, versions, and how its process keeps memory.

Lanes are laid out along the one axis of a mesh of devices, with no communication between them.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from intertrain_jax.base import IntertrainError, cache_root
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.config.protocol import Precision, Protocol
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.models.fits import check_positions
from intertrain_jax.train.arena import backend_of, compiler_options

AXIS = "lanes"
BY_LANE = P(AXIS)
EVERYWHERE = P()

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
# glibc's mallopt parameters by number, as in its malloc.h: from M_MMAP_THRESHOLD bytes on blocks are
# pages of their own; M_TRIM_THRESHOLD unused bytes may stay; M_ARENA_MAX heaps are shared by threads
# (only the first one can grow and hold large blocks).
_MALLOC_OPTIONS = {-3: 1 << 30, -1: (1 << 31) - 1, -8: 1}


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
    return jax.jit(
        mapped, donate_argnums=(0,) if donate else (), compiler_options=compiler_options(mesh)
    )


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of an array that every device holds whole."""
    return NamedSharding(mesh, EVERYWHERE)


def by_lane(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of an array whose leading axis is the lane."""
    return NamedSharding(mesh, BY_LANE)


def check_inputs(name: str, config: AnyConfig, options: EngineConfig, protocol: Protocol) -> None:
    """Checks what can be checked before anything is written or compiled.

    Args:
        name: what the user calls the pretrained model.
        config: that model's shape, which all base models have.
        options: devices.
        protocol: of all runs.

    Raises:
        IntertrainError: as of `check_protocol`; or there are fewer devices than asked for.
    """
    check_protocol(name, config, protocol)
    lane_mesh(options.devices)


def check_protocol(name: str, config: AnyConfig, protocol: Protocol) -> None:
    """Checks that a model and the protocol fit each other, whatever the devices.

    Args:
        name: what the user calls the pretrained model.
        config: that model's shape.
        protocol: of all runs.

    Raises:
        IntertrainError: the protocol is for another kind of model, or inputs are longer than the model's
            position embeddings.
    """
    if FAMILIES[config.family].text_to_text != (protocol.text is not None):
        raise IntertrainError(
            f"config key 'protocol.text' must be set for text-to-text models and for no others, and"
            f" model {name!r} is of family {config.family}. "
            + (
                "Remove it."
                if protocol.text
                else "Give --set protocol.text.decision=generate --set protocol.head=inherit."
            )
        )
    check_positions(config, name, protocol)


def resolve_precision(precision: Precision) -> Precision:
    """Returns what "auto" means here: float32 on a CPU, bfloat16 on accelerators."""
    if precision != "auto":
        return precision
    return "float32" if jax.default_backend() == "cpu" else "bfloat16"


def environment(options: EngineConfig | None = None) -> dict[str, str]:
    """Returns the versions and devices that results depend on, for records.

    Args:
        options: of a grid, whose runs are the same bits each time, or not; None leaves that out, as of a
            ranking, which has no gradients whose order is open.
    """
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    devices = jax.devices()
    found["device"] = f"{len(devices)} x {devices[0].device_kind}"
    found["platform"] = f"{devices[0].platform} on {platform.system()} {platform.machine()}"
    if options is not None:
        same = options.deterministic is True or backend_of(lane_mesh(1)) != "gpu"
        found["deterministic"] = "true" if same else "false"
    return found


def prepare_process() -> None:
    """Sets up the process for long computations: compilation cache, and memory that is used again.

    Works best before anything else has used JAX; doing it twice does no harm.
    """
    _use_compilation_cache()
    _keep_freed_memory()


def _use_compilation_cache() -> None:
    """Keeps compiled programs on disk, unless JAX has been told already where to."""
    if _CACHE_VARIABLE not in os.environ and not getattr(
        jax.config, "jax_compilation_cache_dir", None
    ):
        jax.config.update("jax_compilation_cache_dir", str(cache_root() / "xla"))


def _keep_freed_memory() -> None:
    """Lets a CPU's programs use the same memory again instead of asking for new pages every time.

    A program's scratch is allocated for each call. By default glibc gives blocks of that size back to
    the system, and the next call pays for every page anew: a fifth to a third of the time of a grid
    on two cores. Threads keep the heap that they began with, so this comes before JAX starts its own.
    With other C libraries, or where an accelerator's plugin is installed, it does nothing.
    """
    if platform.libc_ver()[0] != "glibc" or find_spec("jax_plugins") is not None:
        return
    mallopt = ctypes.CDLL(None).mallopt
    for parameter, value in _MALLOC_OPTIONS.items():
        mallopt(parameter, value)
