"""How many lanes to open: what memory holds, and of that what fills a device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.train.objectives import Objective

# Lanes hold parameters, two moments, a gradient accumulator and the best parameters, in float32;
# beside them one gradient per lane is made in every micro-step.
COPIES = 6
_MEMORY_SHARE = 0.85
_MOST = 64
# Lanes of a CPU, in turn or fused, and the parameters below which fusing pays there. Measured on two
# cores: of the quickstart's encoder (0.2 M parameters) 8 fused lanes train 1.5 times the examples per
# second of 8 lanes in turn; of MiniLM (23 M) 4 fused lanes train fewer.
CPU_LANES, CPU_FUSED_LANES, SMALL_MODEL = 4, 8, 2_000_000
# Lanes of an accelerator in turn, and the parameters from which on they are not fused: one block of
# RoBERTa-base keeps an H100's matrix units as busy as they get, and a lane by itself has a cheaper
# program (see `LanePrograms`). A second one runs while the host looks at the first.
TURNS, LARGE_MODEL = 2, 50_000_000
# Fused lanes of a device from which on small blocks fill it.
SHARING_LANES = 8
# Token slots of a device's micro-step from which on more fused lanes bring little. Trying lane counts on
# the device instead compiled seven programs, one after another: 245 s of an H200 (docs/speed.md).
FILLING_TOKENS = 65_536


def lane_bytes(objective: Objective, shape: BlockShape, precision: str) -> int:
    """Estimates the memory of one lane: its state, and the activations of one micro-step."""
    config = objective.config
    width = 2 if precision == "bfloat16" else 4
    per_token = (config.num_layers + config.num_decoder_layers) * (
        10 * config.hidden_size + 4 * config.intermediate_size + 4 * config.num_heads * shape.length
    )
    return COPIES * 4 * _parameters(objective) + shape.tokens * per_token * width


def _parameters(objective: Objective) -> int:
    """Returns how many parameters a run trains."""
    return sum(int(np.prod(s.shape)) for s in jax.tree.leaves(objective.parameter_shapes()))


def memory_limit(device: Any) -> int:
    """Returns the memory of one device in bytes: an accelerator's own, or the machine's for a CPU."""
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"])
    for line in Path("/proc/meminfo").read_text().splitlines() if _has_meminfo() else ():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 8 << 30


def _has_meminfo() -> bool:
    return Path("/proc/meminfo").is_file()


@dataclass(frozen=True)
class LaneCounts:
    """How lanes are laid out.

    Attributes:
        groups: states that are advanced in turn.
        fused: lanes of a group, advanced by one call; a multiple of the devices.
    """

    groups: int
    fused: int

    @property
    def lanes(self) -> int:
        """K, over all groups."""
        return self.groups * self.fused

    def halved(self, devices: int) -> LaneCounts:
        """Returns about half as many lanes, at least one per device."""
        if self.groups > 1:
            return LaneCounts(self.groups // 2, self.fused)
        return LaneCounts(1, max(devices, self.fused // 2 // devices * devices))


def laid_out(lanes: int, fuse: int | str, devices: int, fuses_well: bool) -> LaneCounts:
    """Returns the layout of at least `lanes` lanes.

    Args:
        lanes: lanes over all devices.
        fuse: lanes per device and group; "auto" fuses all where that pays, and none where not.
        devices: of the mesh.
        fuses_well: whether fusing pays.
    """
    per_device = -(-lanes // devices)
    wanted = (per_device if fuses_well else 1) if fuse == "auto" else int(fuse)
    together = min(wanted, per_device)
    return LaneCounts(-(-per_device // together), together * devices)


def fusing_pays(platform: str, parameters: int) -> bool:
    """Whether several lanes in one call are faster than one after another.

    One lane of a large model keeps a device busy, and lanes that are not fused step their optimisers
    only when their own batches end; a small model's operations are too short for that.
    """
    return parameters < (SMALL_MODEL if platform == "cpu" else LARGE_MODEL)


def shares_blocks(options: EngineConfig, objective: Objective, mesh: Mesh) -> bool:
    """Whether all tasks of a grid have one block shape, a small one, so that no lane waits for others.

    On accelerators, for models that are fused: the work of many lanes fills the device, and a lane that
    waits for a shape of its own is computed all the same.
    """
    device = mesh.devices.flat[0]
    many = options.lanes == "auto" or int(options.lanes) >= SHARING_LANES * mesh.size
    fused = options.fuse == "auto" and fusing_pays(device.platform, _parameters(objective))
    return device.platform != "cpu" and fused and many


def choose_lanes(
    options: EngineConfig,
    objective: Objective,
    shape: BlockShape,
    precision: str,
    mesh: Mesh,
    runs: int,
) -> LaneCounts:
    """Returns how many lanes to open.

    "auto" bounds their number by memory, by the number of runs, and by what fills a device: of models
    that are fused there, lanes of `FILLING_TOKENS` slots together; of others a few in turn.

    Args:
        options: `lanes` and `fuse`.
        objective: the model's shape, and what is optimised.
        shape: the largest block shape in use.
        precision: "float32" or "bfloat16".
        mesh: devices.
        runs: runs to do.
    """
    devices, device = mesh.size, mesh.devices.flat[0]
    pays = fusing_pays(device.platform, _parameters(objective))
    if options.lanes != "auto":
        return laid_out(int(options.lanes), options.fuse, devices, pays)
    # Simulated CPU devices share one memory.
    sharing = devices if device.platform == "cpu" else 1
    budget = _MEMORY_SHARE * memory_limit(device) / sharing
    fitting = int(budget // lane_bytes(objective, shape, precision)) * devices
    most = min(fitting, _MOST, -(-runs // devices) * devices)
    # More than these only lengthen the idle tail.
    if device.platform == "cpu":
        each = CPU_FUSED_LANES if pays else CPU_LANES
    else:
        each = max(1, FILLING_TOKENS // shape.tokens) if pays else TURNS
    return laid_out(max(1, min(most, each * devices)), options.fuse, devices, pays)
