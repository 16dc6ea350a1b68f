"""Tests of the nearest-neighbour estimator, against plain loops."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.probe.estimators import knn
from intertrain_jax.probe.estimators.knn import Metric, nearest_neighbours, neighbour_indices

METRICS: tuple[Metric, ...] = ("cosine", "euclidean")


def distance(a: np.ndarray, b: np.ndarray, metric: Metric) -> float:
    if metric == "euclidean":
        return round(math.dist(a, b) ** 2, 9)
    lengths = math.hypot(*a) * math.hypot(*b)
    return round(1.0 - (math.fsum(a * b) / lengths if lengths else 0.0), 9)


def predict_by_loops(
    train: np.ndarray,
    labels: np.ndarray,
    queries: np.ndarray | None,
    k: int,
    metric: Metric,
) -> list[list[float]]:
    """Returns the labels of each query's neighbours, the nearest first."""
    found = []
    for q, query in enumerate(train if queries is None else queries):
        near = sorted(
            (distance(query, row, metric), index)
            for index, row in enumerate(train)
            if queries is not None or index != q
        )
        found.append([labels[index] for _, index in near[:k]])
    return found


def vote(labels: list[float]) -> float:
    counts = Counter(labels)
    return next(label for label in labels if counts[label] == max(counts.values()))


def integer_case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points on a small grid: many are equal, and many equally far."""
    rng = np.random.default_rng(seed)
    train, queries = rng.integers(-1, 2, (60, 3)), rng.integers(-1, 2, (25, 3))
    return train * 1.0, rng.integers(0, 4, 60), queries * 1.0, rng.integers(0, 4, 25)


def normal_case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels, eval_labels = rng.integers(0, 4, 60), rng.integers(0, 4, 25)
    centres = rng.normal(size=(4, 12))
    train, queries = rng.normal(size=(60, 12)), rng.normal(size=(25, 12))
    return train + centres[labels], labels, queries + centres[eval_labels], eval_labels


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 2, 5, 60, 100])
@pytest.mark.parametrize("case", [integer_case, normal_case])
@pytest.mark.parametrize("leave_one_out", [False, True])
def test_equals_plain_loops(case, k: int, metric: Metric, leave_one_out: bool) -> None:  # type: ignore[no-untyped-def]
    for seed in range(3):
        train, labels, queries, eval_labels = case(seed)
        if leave_one_out:
            queries, eval_labels = None, labels
        near = predict_by_loops(train, labels, queries, k, metric)
        expected = np.mean(
            [vote(row) == label for row, label in zip(near, eval_labels, strict=True)]
        )
        found = nearest_neighbours(
            train, labels, queries, None if leave_one_out else eval_labels, 4, k, metric
        )
        assert found == pytest.approx(100 * expected, abs=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_blocks_change_nothing(metric: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    train, _, queries, _ = integer_case(0)
    whole = [neighbour_indices(train, q, 5, metric) for q in (queries, None)]
    monkeypatch.setattr(knn, "_BLOCK", 7 * len(train))
    for before, q in zip(whole, (queries, None), strict=True):
        assert (neighbour_indices(train, q, 5, metric) == before).all()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("d", [3, 64, 769])
def test_equally_near_examples_come_by_index(metric: Metric, d: int) -> None:
    # Every example 37 times over: dot products of copies, summed in blocks, may differ in the last
    # digits, and must not decide.
    rng = np.random.default_rng(d)
    points = rng.normal(size=(11, d)) + 5.0
    found = neighbour_indices(np.tile(points, (37, 1)), points, 5, metric)
    assert (found == np.arange(11)[:, None] + 11 * np.arange(5)).all()


@pytest.mark.parametrize("metric", METRICS)
def test_constant_features_have_the_first_examples_as_neighbours(metric: Metric) -> None:
    for value in (0.0, 0.1):
        constant = np.full((9, 4), value)
        assert (neighbour_indices(constant, constant[:3], 2, metric) == [0, 1]).all()
        assert neighbour_indices(constant, None, 2, metric).tolist()[:3] == [[1, 2], [0, 2], [0, 1]]


def test_a_tie_of_votes_goes_to_the_nearest_class() -> None:
    train = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
    labels = np.array([1, 0, 0, 1, 2])
    zero = np.array([[0.0]])
    for k, winner in ((1, 1), (2, 1), (3, 0), (4, 1), (5, 1)):
        assert nearest_neighbours(train, labels, zero, np.array([winner]), 3, k, "euclidean") == 100


@pytest.mark.parametrize("metric", METRICS)
def test_order_of_examples_and_names_of_classes_do_not_matter_without_ties(metric: Metric) -> None:
    train, labels, queries, eval_labels = normal_case(3)
    value = nearest_neighbours(train, labels, queries, eval_labels, 4, 5, metric)
    order = np.random.default_rng(0).permutation(60)
    names = np.array([3, 1, 0, 2])
    moved = nearest_neighbours(
        train[order], names[labels[order]], queries, names[eval_labels], 4, 5, metric
    )
    assert moved == value
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(12, 12)))[0]
    turned = nearest_neighbours(
        7 * train @ rotation, labels, 7 * queries @ rotation, eval_labels, 4, 5, metric
    )
    assert turned == value


def test_distances_far_from_the_origin_keep_their_digits() -> None:
    train, _, queries, _ = normal_case(4)
    near = neighbour_indices(train, queries, 5, "euclidean")
    assert (neighbour_indices(train + 1e6, queries + 1e6, 5, "euclidean") == near).all()


def test_cosines_of_nearly_parallel_features_are_told_apart() -> None:
    # As an encoder's first tokens often are: a mean a thousand times what differs.
    train, _, queries, _ = normal_case(8)
    train, queries = train + 1e3, queries + 1e3
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, train))
    distances = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    expected = distances.argsort(axis=1)[:, :5]
    assert (neighbour_indices(train, queries, 5, "cosine") == expected).all()


def test_cosine_does_not_depend_on_lengths_and_euclidean_does() -> None:
    train, _, queries, _ = normal_case(5)
    lengths = np.random.default_rng(0).uniform(0.1, 10.0, (60, 1))
    for metric, same in (("cosine", True), ("euclidean", False)):
        before, after = (neighbour_indices(t, queries, 5, metric) for t in (train, train * lengths))  # type: ignore[arg-type]
        assert (before == after).all() == same


@pytest.mark.parametrize("metric", METRICS)
def test_separable_classes_are_found_and_noise_is_chance(metric: Metric) -> None:
    rng = np.random.default_rng(6)
    labels = np.arange(600) % 3
    noise = rng.normal(size=(600, 10))
    separable = noise + 20 * np.eye(10)[labels]
    assert nearest_neighbours(separable, labels, None, None, 3, metric=metric) == 100.0
    assert abs(nearest_neighbours(noise, labels, None, None, 3, metric=metric) - 100 / 3) < 8


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_a_regression_is_spearmans_correlation_of_means(leave_one_out: bool) -> None:
    rng = np.random.default_rng(7)
    train, queries = rng.normal(size=(40, 3)), rng.normal(size=(15, 3))
    targets, eval_targets = train.sum(axis=1), queries.sum(axis=1)
    truth = targets if leave_one_out else eval_targets
    near = predict_by_loops(train, targets, None if leave_one_out else queries, 4, "euclidean")
    expected = stats.spearmanr(np.mean(near, axis=1), truth).statistic
    given = (None, None) if leave_one_out else (queries, eval_targets)
    found = nearest_neighbours(train, targets, *given, 1, 4, "euclidean")
    assert found == pytest.approx(100 * expected)
    assert math.isnan(nearest_neighbours(train, np.ones(40), queries, eval_targets, 1))


def test_what_has_no_neighbours_is_an_error() -> None:
    train, labels = np.eye(3), np.arange(3)
    assert nearest_neighbours(train[:1], labels[:1], train, labels, 3) == pytest.approx(100 / 3)
    with pytest.raises(ValueError, match="k=5 of 0 examples"):
        nearest_neighbours(train[:1], labels[:1], None, None, 3)
    with pytest.raises(ValueError, match="k=0 of 3 examples"):
        nearest_neighbours(train, labels, train, labels, 3, k=0)
    with pytest.raises(ValueError, match="both be given"):
        nearest_neighbours(train, labels, train, None, 3)
    with pytest.raises(ValueError, match="3 features and eval 2"):
        nearest_neighbours(train, labels, train[:, :2], labels, 3)
    with pytest.raises(ValueError, match="unknown metric 'l1'"):
        nearest_neighbours(train, labels, train, labels, 3, metric="l1")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 of 3 examples"):
        nearest_neighbours(train, labels, np.where(train == 1, [np.nan, 1, 1], 0), labels, 3)
