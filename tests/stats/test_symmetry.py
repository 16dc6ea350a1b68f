"""Symmetry: planted parts, the identity of norms, and a null that good models do not fool."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.stats.symmetry import symmetry


def frame(values: np.ndarray) -> pd.DataFrame:
    names = [f"d{i}" for i in range(len(values))]
    return pd.DataFrame(values, names, names)


def noise(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, n))


def test_planted_symmetry_is_one_and_improbable() -> None:
    a = noise(9, 0)
    found = symmetry(frame(a + a.T), seed=0)
    assert found.value == pytest.approx(1.0) and found.skew == pytest.approx(0.0)
    assert found.p == pytest.approx(1 / (1 + found.permutations), abs=1e-4)
    assert found.null_high < 0.9
    assert (found.n, found.pairs, found.missing_pairs, found.diagonal) == (9, 36, 0, 9)


def test_planted_skew_symmetry_is_minus_one() -> None:
    a = noise(9, 1)
    found = symmetry(frame(a - a.T), seed=0)
    assert found.value == pytest.approx(-1.0) and found.symmetric == pytest.approx(0.0)
    assert found.p == pytest.approx(1.0, abs=1e-3)


def test_the_parts_add_up_to_the_matrix() -> None:
    a = noise(7, 2)
    found = symmetry(frame(a), seed=0, permutations=50)
    assert found.symmetric**2 + found.skew**2 == pytest.approx(np.square(a).sum())
    s, v = np.linalg.norm((a + a.T) / 2), np.linalg.norm((a - a.T) / 2)
    assert (found.symmetric, found.skew) == pytest.approx((s, v))
    assert found.value == pytest.approx((s - v) / (s + v))


def test_names_are_joined_and_missing_pairs_dropped() -> None:
    a = noise(6, 3)
    a = a + a.T
    gains = frame(a)
    gains.iloc[1, 2] = np.nan
    # Its other side would be far from symmetric.
    gains.iloc[2, 1] = 1000.0
    gains.iloc[4, 4] = np.nan
    rng = np.random.default_rng(0)
    gains["target only"] = 50.0
    gains.loc["source only"] = -50.0
    found = symmetry(gains.iloc[rng.permutation(7), rng.permutation(7)], seed=0)
    assert (found.n, found.pairs, found.missing_pairs, found.diagonal) == (6, 14, 1, 5)
    assert found.value == pytest.approx(1.0)


def test_good_models_are_symmetric_by_no_more_than_chance() -> None:
    # A positive mean alone gives s > 0, under the null as well.
    found = [symmetry(frame(2 + noise(8, i)), seed=i, permutations=199) for i in range(120)]
    assert np.mean([f.value for f in found]) > 0.3
    p = np.array([f.p for f in found])
    assert abs(p.mean() - 0.5) < 0.08
    assert (p <= 0.1).mean() < 0.18
    inside = np.mean([f.null_low <= f.value <= f.null_high for f in found])
    assert inside == pytest.approx(0.95, abs=0.05)


@pytest.mark.parametrize("gains", [frame(np.ones((1, 1))), frame(np.zeros((3, 3)))])
def test_what_has_no_symmetry_is_nan(gains: pd.DataFrame) -> None:
    found = symmetry(gains, seed=0, permutations=10)
    assert np.isnan(found.value) and np.isnan(found.p) and found.permutations == 0


def test_no_common_names() -> None:
    found = symmetry(pd.DataFrame([[1.0]], ["a"], ["b"]), seed=0)
    assert (found.n, found.pairs) == (0, 0) and np.isnan(found.value)


def test_equal_seeds_give_equal_nulls() -> None:
    gains = frame(noise(6, 5))
    assert symmetry(gains, seed=1) == symmetry(gains, seed=1)
    assert symmetry(gains, seed=1).null_mean != symmetry(gains, seed=2).null_mean
