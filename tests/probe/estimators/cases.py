"""Features and labels that estimators are tested with, plain and odd."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

TOLERANCE = 1e-5


def random_case(n: int, d: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features that say something about the labels; every class has an example where n allows."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % classes)
    features = rng.normal(size=(n, d)) * rng.uniform(0.1, 3.0, d) + rng.normal(size=d)
    return features + rng.normal(size=(classes, d))[labels], labels


def missing_class() -> tuple[np.ndarray, np.ndarray]:
    features, labels = random_case(40, 6, 3, 7)
    return features, np.where(labels == 1, 2, labels)


def constant_features() -> tuple[np.ndarray, np.ndarray]:
    return np.full((30, 5), 0.1), np.arange(30) % 3


def one_constant_feature() -> tuple[np.ndarray, np.ndarray]:
    features, labels = random_case(40, 5, 3, 8)
    features[:, 2] = 0.1
    return features, labels


def repeated_features() -> tuple[np.ndarray, np.ndarray]:
    features, labels = random_case(40, 3, 3, 9)
    return np.hstack([features, features, features @ np.ones((3, 2))]), labels


CASES: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
    "more examples than features": lambda: random_case(60, 7, 3, 0),
    "more features than examples": lambda: random_case(12, 30, 3, 1),
    "as many": lambda: random_case(15, 15, 3, 2),
    "one feature": lambda: random_case(25, 1, 3, 3),
    "two examples": lambda: random_case(2, 4, 2, 4),
    "many classes": lambda: random_case(30, 8, 9, 5),
    "noise": lambda: (np.random.default_rng(6).normal(size=(40, 5)), np.arange(40) % 3),
    "one class missing": missing_class,
    "constant features": constant_features,
    "zero features": lambda: (np.zeros((9, 4)), np.arange(9) % 3),
    "one constant feature": one_constant_feature,
    "repeated features": repeated_features,
    "one class": lambda: (random_case(20, 4, 3, 10)[0], np.zeros(20, int)),
    "one example": lambda: (np.array([[1.0, -2.0, 0.5]]), np.array([1])),
}
cases = pytest.mark.parametrize("case", CASES)


def source_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet([0.3] * 5, 40)
    probs[:, 2] = 0.0  # a source class that is never predicted
    return probs / probs.sum(axis=1, keepdims=True), rng.integers(0, 3, 40)
