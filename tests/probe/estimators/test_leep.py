"""LEEP against its definition by loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from intertrain_jax.probe.estimators.leep import leep
from tests.probe.estimators.cases import source_case


@pytest.mark.parametrize("seed", range(3))
def test_leep_by_loops(seed: int) -> None:
    probs, labels = source_case(seed)
    labels = np.where(labels == 1, 2, labels) if seed == 2 else labels  # class 1 is missing
    n, z = probs.shape
    joint = {
        (y, s): sum(probs[i, s] for i in range(n) if labels[i] == y) / n
        for y in range(3)
        for s in range(z)
    }
    marginal = [sum(joint[y, s] for y in range(3)) for s in range(z)]
    total = 0.0
    for i in range(n):
        total += math.log(
            sum(joint[labels[i], s] / marginal[s] * probs[i, s] for s in range(z) if marginal[s])
        )
    assert leep(probs, labels, 3) == pytest.approx(total / n, abs=1e-12)
