"""Sensitivity of targets, within one architecture and between two."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.base import IntertrainError
from intertrain_jax.stats.sensitivity import compare_architectures, sensitivity


def planted(seed: int, noise: float, scale: np.ndarray) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=20)
    base[0] = base.max() + 0.5
    values = base[:, None] * scale + noise * rng.normal(size=(20, len(scale)))
    names = ["mnli", *(f"m{i}" for i in range(1, 20))]
    return pd.DataFrame(values, names, [f"t{j}" for j in range(len(scale))])


def test_a_planted_scale_is_a_perfect_correlation() -> None:
    found = sensitivity(planted(0, 0.0, np.arange(1.0, 9.0)), "mnli")
    for result in (found.pearson, found.spearman, found.pearson_others, found.spearman_others):
        assert result.value == pytest.approx(1.0) and result.n == 8


def test_equals_scipy_and_leaves_the_representative_out_of_the_others() -> None:
    gains = planted(1, 2.0, np.arange(1.0, 13.0))
    gains.iloc[3, 2] = gains.iloc[0, 5] = np.nan
    found = sensitivity(gains, "mnli")
    kept = gains.columns != "t5"
    row = gains.loc["mnli", kept]
    assert found.pearson.n == 11
    assert found.pearson.value == pytest.approx(stats.pearsonr(row, gains.max()[kept])[0])
    assert found.spearman_others.value == pytest.approx(
        stats.spearmanr(row, gains.iloc[1:].max()[kept])[0]
    )


def test_an_unknown_representative_is_one_line() -> None:
    with pytest.raises(IntertrainError, match=r"'mnlj'.*Did you mean 'mnli'"):
        sensitivity(planted(0, 0.0, np.ones(3)), "mnlj")


def test_architectures_are_joined_by_name() -> None:
    scale = np.arange(1.0, 13.0)
    first = planted(2, 0.0, scale)
    rng = np.random.default_rng(3)
    second = first.iloc[rng.permutation(20), rng.permutation(12)].iloc[:, :9].drop(index="m7")
    second["only here"] = 100.0
    found = compare_architectures(first, second)
    assert (found.max_gain_pearson.n, found.target_pearson.n, found.base_pearson.n) == (9, 9, 19)
    for result in (
        found.max_gain_pearson, found.max_gain_spearman, found.target_pearson,
        found.target_spearman, found.base_pearson, found.base_spearman,
    ):  # fmt: skip
        assert result.value == pytest.approx(1.0)


def test_target_sensitivity_can_be_shared_where_models_are_not() -> None:
    scale = np.exp(np.linspace(-1, 2, 16))
    found = compare_architectures(planted(4, 0.1, scale), planted(5, 0.1, scale))
    assert found.max_gain_pearson.value > 0.95
    assert found.base_pearson.low < 0.6
