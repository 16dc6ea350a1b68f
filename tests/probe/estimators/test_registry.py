"""What holds of all estimators, and of the table of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.probe.estimators import ESTIMATORS, check_estimators
from intertrain_jax.probe.estimators.estimator import Sample
from intertrain_jax.probe.estimators.hscore import h_score
from intertrain_jax.probe.estimators.leep import leep
from intertrain_jax.probe.estimators.logme import log_maximum_evidence
from intertrain_jax.probe.estimators.nce import nce
from tests.probe.estimators.cases import random_case, source_case


def test_features_may_be_turned_and_scaled_and_classes_renamed() -> None:
    for n, d in ((60, 8), (10, 25)):
        features, labels = random_case(n, d, 3, n)
        rotation = np.linalg.qr(np.random.default_rng(n).normal(size=(d, d)))[0]
        renamed = np.array([2, 0, 1])[labels]
        order = np.random.default_rng(1).permutation(n)
        for estimate in (log_maximum_evidence, h_score):
            # Where features fit every label exactly (more of them than examples), LogME's noise is at
            # its floor, and its maximum a corner: the last digits of a processor decide on which side
            # of it the search ends, within 2e-6 of log t, where the slope is at most 1/2. All else is
            # a smooth maximum, or a sum of well-conditioned terms.
            exact = estimate is log_maximum_evidence and d > n
            value = pytest.approx(estimate(features, labels, 3), abs=2e-6 if exact else 1e-10)
            assert estimate(features @ rotation, labels, 3) == value
            for scale in (1e-9, 1e12):
                assert estimate(scale * features, labels, 3) == value
            assert estimate(features, renamed, 3) == value
            assert estimate(features[order], labels[order], 3) == value
    probs, labels = source_case(5)
    renamed = np.array([2, 0, 1])[labels]
    assert leep(probs, renamed, 3) == pytest.approx(leep(probs, labels, 3), abs=1e-12)
    assert nce(labels, renamed, 3) == pytest.approx(nce(labels, labels, 3), abs=1e-12)


def test_separable_features_are_better_than_noise() -> None:
    rng = np.random.default_rng(40)
    labels = np.arange(90) % 3
    noise = rng.normal(size=(90, 10))
    separable = noise + 6 * np.eye(10)[labels]
    for estimate in (log_maximum_evidence, h_score):
        assert estimate(separable, labels, 3) > estimate(noise, labels, 3) + 0.5


@pytest.mark.parametrize("estimate", [log_maximum_evidence, h_score, leep, nce])
def test_what_is_no_task_is_an_error(
    estimate: Callable[[np.ndarray, np.ndarray, int], float],
) -> None:
    features = np.zeros(4) if estimate is nce else np.eye(4)
    with pytest.raises(ValueError, match="integers from 0 to 1"):
        estimate(features, np.array([0, 1, 2, 0]), 2)
    with pytest.raises(ValueError, match="integers from 0 to 1"):
        estimate(features, np.array([0, 1, 0.5, 0]), 2)
    with pytest.raises(ValueError, match=r"labels \[N\]"):
        estimate(features, np.array([0, 1]), 2)
    with pytest.raises(ValueError, match="N ≥ 1"):
        estimate(features[:0], np.array([], int), 2)
    if estimate is not log_maximum_evidence:
        with pytest.raises(ValueError, match="regression"):
            estimate(features, np.zeros(4), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_must_be_finite(value: float) -> None:
    features, labels = random_case(10, 3, 2, 50)
    features[4, 1] = value
    for estimate in (log_maximum_evidence, h_score):
        with pytest.raises(ValueError, match="1 of 10 examples"):
            estimate(features, labels, 2)
    with pytest.raises(ValueError, match="targets"):
        log_maximum_evidence(features[:4], np.array([0.0, value, 1.0, 1.0]), 1)


def test_a_zero_target_has_no_evidence_and_odd_rows_are_no_probabilities() -> None:
    with pytest.raises(ValueError, match="zero for every example"):
        log_maximum_evidence(np.eye(3), np.zeros(3), 1)
    for rows in ([[0.5, 0.2]], [[1.5, -0.5]]):
        with pytest.raises(ValueError, match="sum to 1"):
            leep(np.array(rows), np.array([0]), 2)


def test_float32_features_are_widened_first() -> None:
    features, labels = random_case(50, 6, 3, 60)
    narrow = features.astype(np.float32)
    for estimate in (log_maximum_evidence, h_score):
        assert estimate(narrow, labels, 3) == estimate(narrow.astype(np.float64), labels, 3)


def test_every_estimator_is_described() -> None:
    assert list(ESTIMATORS) == ["lp", "logme", "hscore", "knn", "leep", "nce"]
    assert {name for name, e in ESTIMATORS.items() if e.needs_source_head} == {"leep", "nce"}
    for name, estimator in ESTIMATORS.items():
        assert estimator.name == name and estimator.title and estimator.source and estimator.units
        assert estimator.definition.endswith(".") and estimator.higher_is_better
    with pytest.raises(IntertrainError, match=r"got 'logm'\. Did you mean 'logme'"):
        check_estimators(["lp", "logm"])


def test_what_an_estimator_says_it_needs_is_what_it_needs() -> None:
    features, labels = random_case(40, 6, 3, 70)
    logits = np.random.default_rng(71).normal(size=(40, 4))
    for estimator in ESTIMATORS.values():
        if estimator.compute is None:
            continue
        bare = Sample(features, labels, features, labels, 3)
        if estimator.needs_source_head:
            with pytest.raises(ValueError, match="no head of its own"):
                estimator.compute(bare)
        else:
            assert np.isfinite(estimator.compute(bare))
        numbers = Sample(features, features[:, 0], features, features[:, 0], 1, lambda: logits)
        if estimator.regression:
            assert np.isfinite(estimator.compute(numbers))
        else:
            with pytest.raises(ValueError, match="the task is a regression"):
                estimator.compute(numbers)


def test_leep_takes_logits_of_any_size() -> None:
    _, labels = source_case(2)
    logits = 40.0 * np.random.default_rng(3).normal(size=(len(labels), 4))
    compute = ESTIMATORS["leep"].compute
    assert compute is not None
    features = np.zeros((len(labels), 1))
    value = compute(Sample(features, labels, features, labels, 3, lambda: logits + 1e4))
    assert value == pytest.approx(
        compute(Sample(features, labels, features, labels, 3, lambda: logits)), abs=1e-9
    )


def test_names_are_known_without_jax_or_scipy() -> None:
    code = (
        "import sys, intertrain_jax.probe.estimators\n"
        "print([name for name in ('jax', 'scipy', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
