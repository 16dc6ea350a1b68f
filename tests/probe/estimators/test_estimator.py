"""The sample that estimators look at: its own head is asked only when an estimator needs it."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.probe.estimators.estimator import Estimator, Sample

FEATURES, LABELS = np.ones((3, 2)), np.array([0, 1, 0])


def test_logits_of_the_checkpoints_head_are_computed_when_asked_for() -> None:
    calls = []

    def logits() -> np.ndarray:
        calls.append(1)
        return np.eye(3)

    sample = Sample(FEATURES, LABELS, FEATURES, LABELS, 2, logits)
    assert not calls
    np.testing.assert_array_equal(sample.source_logits_NxZ(), np.eye(3))
    assert len(calls) == 1


def test_a_checkpoint_without_a_head_says_so() -> None:
    with pytest.raises(ValueError, match="no head of its own that tells classes apart"):
        Sample(FEATURES, LABELS, FEATURES, LABELS, 2).source_logits_NxZ()


def test_an_estimator_is_higher_is_better_for_any_task_unless_it_says_otherwise() -> None:
    found = Estimator("x", "an x", "It is x.", "here", "points", lambda sample: 1.0)
    assert found.higher_is_better and found.regression and not found.needs_source_head
    assert found.compute is not None
    assert found.compute(Sample(FEATURES, LABELS, FEATURES, LABELS, 2)) == 1.0
