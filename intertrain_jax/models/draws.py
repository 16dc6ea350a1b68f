"""Random initial values of linear maps, by seed and name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.base import stream


def draw_linear(
    inputs: int, outputs: int, deviation: float, seed: int, name: str
) -> dict[str, NDArray[np.float32]]:
    """Returns a kernel [inputs, outputs] from a normal distribution, and a bias of zeros.

    Every output draws from where the output before it stopped, so the first outputs are the same
    however many there are.

    Args:
        inputs: of the map.
        outputs: of the map.
        deviation: standard deviation of the kernel.
        seed: at least 0.
        name: of the seed's stream of numbers.
    """
    kernel_CxD = stream(seed, name).standard_normal((outputs, inputs)) * deviation
    return {
        "kernel": np.ascontiguousarray(kernel_CxD.T, np.float32),
        "bias": np.zeros(outputs, np.float32),
    }
