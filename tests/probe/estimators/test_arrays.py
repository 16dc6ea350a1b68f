"""What the estimators share: checks of arrays, indicators, centring, and one decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.probe.estimators.arrays import (
    above_rounding,
    centred,
    checked,
    decomposed,
    indicators,
)
from tests.probe.estimators.cases import CASES, cases


def test_features_are_widened_and_labels_are_integers_or_numbers() -> None:
    features = np.ones((3, 2), np.float16)
    wide, labels = checked(features, np.array([0.0, 2.0, 1.0], np.float32), 3)
    assert wide.dtype == np.float64 and labels.dtype == np.int64
    assert labels.tolist() == [0, 2, 1]
    _, numbers = checked(features, np.array([-1.5, 2.0, 7.0], np.float32), 1)
    assert numbers.dtype == np.float64 and numbers.tolist() == [-1.5, 2.0, 7.0]


@pytest.mark.parametrize(
    ("features", "labels", "classes", "message"),
    [
        (np.ones(3), [0, 1, 0], 2, r"got \(3,\) and \(3,\)"),
        (np.ones((3, 2)), [0, 1], 2, r"got \(3, 2\) and \(2,\)"),
        (np.ones((0, 2)), [], 2, "N ≥ 1"),
        (np.array([[1, np.nan], [np.inf, 1], [1, 1]]), [0, 1, 0], 2, "2 of 3 examples are not"),
        (np.ones((2, 2)), [0, 2], 2, "integers from 0 to 1"),
        (np.ones((2, 2)), [0, -1], 2, "integers from 0 to 1"),
        (np.ones((2, 2)), [0, 0.5], 2, "integers from 0 to 1"),
        (np.ones((2, 2)), [0, np.nan], 2, "integers from 0 to 1"),
        (np.ones((2, 2)), [0.5, np.inf], 1, "targets of a regression must be finite"),
    ],
)
def test_what_is_no_sample(
    features: np.ndarray, labels: list[float], classes: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        checked(features, np.array(labels), classes)


def test_indicators_are_of_the_classes_that_are_there() -> None:
    found = indicators(np.array([4, 1, 4, 9]))
    assert found.tolist() == [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


@cases
def test_centred_features_have_mean_zero_and_constant_ones_are_exactly_zero(case: str) -> None:
    features, _ = CASES[case]()
    before = features.copy()
    mean, found = centred(features)
    np.testing.assert_array_equal(features, before)
    np.testing.assert_allclose(found + mean, features, atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=0), 0.0, atol=1e-10)
    assert (found[:, np.ptp(features, axis=0) == 0] == 0.0).all()


@cases
def test_both_ways_of_decomposing_give_the_singular_values_and_projections(case: str) -> None:
    """With more examples than features it goes by the Gram matrix, else by the matrix itself."""
    features, labels = CASES[case]()
    _, matrix = centred(features)
    targets = indicators(labels)
    singular, right, projected = decomposed(matrix, targets)
    expected = np.linalg.svd(matrix, compute_uv=False)
    kept = expected[expected > 1e-7 * expected.max(initial=1e-300)]
    np.testing.assert_allclose(np.sort(singular)[::-1], kept, rtol=1e-6)
    np.testing.assert_allclose(right @ right.T, np.eye(len(singular)), atol=1e-8)
    # Signs and order are free, but not what they come to: X⁺ targets and the projection's length.
    solution = right.T @ (projected / singular[:, None])
    np.testing.assert_allclose(solution, np.linalg.pinv(matrix, rcond=1e-7) @ targets, atol=1e-6)
    on_features = matrix @ solution
    np.testing.assert_allclose(
        np.square(projected).sum(axis=0), np.square(on_features).sum(axis=0), atol=1e-6
    )


def test_rounding_is_told_from_values() -> None:
    assert above_rounding(np.array([1.0, 1e-17, 0.0, 1e-3])).tolist() == [True, False, False, True]
    assert above_rounding(np.array([1e-30, 1e-32])).tolist() == [True, True], "it is relative"
    assert above_rounding(np.zeros(3)).tolist() == [False] * 3
    assert above_rounding(np.array([])).tolist() == []
