"""NCE as a difference of entropies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.probe.estimators.leep import leep
from intertrain_jax.probe.estimators.nce import nce
from tests.probe.estimators.cases import source_case


@pytest.mark.parametrize("seed", range(3))
def test_nce_is_a_difference_of_entropies(seed: int) -> None:
    probs, labels = source_case(seed)
    sources = probs.argmax(axis=1)
    pairs = np.unique(np.stack([sources, labels]), axis=1, return_counts=True)[1]
    expected = stats.entropy(np.bincount(sources)) - stats.entropy(pairs)
    assert nce(sources, labels, 3) == pytest.approx(expected, abs=1e-12)
    # A head that is certain makes LEEP the same thing.
    assert leep(np.eye(5)[sources], labels, 3) == pytest.approx(expected, abs=1e-12)
    # It does not matter how the source classes are called.
    assert nce(9 - 2 * sources, labels, 3) == pytest.approx(expected, abs=1e-12)


def test_a_source_head_that_knows_the_labels_is_perfect_and_one_class_too() -> None:
    labels = np.arange(12) % 3
    assert nce(labels + 4, labels, 3) == leep(np.eye(3)[labels], labels, 3) == 0.0
    uniform = np.full((12, 4), 0.25)
    assert leep(uniform, labels, 3) == pytest.approx(-math.log(3))
    assert leep(uniform, np.ones(12, int), 3) == pytest.approx(0.0)
