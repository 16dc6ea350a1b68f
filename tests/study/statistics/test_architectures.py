"""Two studies compared: what is common is joined by name."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.study.statistics.architectures import ARCHITECTURES
from tests.stats.studies import computed, matrix_study, random_gains

GAINS = random_gains(5, 6)


def test_a_second_architecture_is_joined_by_name() -> None:
    other = matrix_study(GAINS.iloc[::-1, ::-1] * 2.0)
    found = computed(ARCHITECTURES, matrix_study(GAINS), other=other).statistics["architectures"]
    for name, coefficient in vars(found).items():
        assert coefficient.value == pytest.approx(1.0), name
    assert (found.max_gain_pearson.n, found.target_pearson.n, found.base_pearson.n) == (6, 6, 5)


def test_only_what_is_common_counts() -> None:
    second = random_gains(6, 5, seed=4)
    found = computed(
        ARCHITECTURES, matrix_study(GAINS), other=matrix_study(second)
    ).statistics["architectures"]  # fmt: skip
    ours, theirs = GAINS.iloc[:, :5], second.iloc[:5]
    expected = stats.pearsonr(ours.max(), second.max())
    assert found.max_gain_pearson.value == pytest.approx(expected.statistic)
    expected = stats.spearmanr(ours.mean(axis=1), theirs.mean(axis=1))
    assert found.base_spearman.value == pytest.approx(expected.statistic)
    expected = stats.pearsonr(ours.mean(), theirs.mean())
    assert found.target_pearson.value == pytest.approx(expected.statistic)
    assert (found.target_pearson.n, found.base_pearson.n) == (5, 5)


def test_every_coefficient_is_in_the_table_of_correlations() -> None:
    other = matrix_study(GAINS + np.linspace(0, 1, 6))
    value = computed(ARCHITECTURES, matrix_study(GAINS), other=other).statistics["architectures"]
    named = dict(ARCHITECTURES.correlations(value))
    assert len(named) == 6
    assert named["architectures: target_spearman"] is value.target_spearman


def test_without_another_study_or_common_targets_it_says_so() -> None:
    study = matrix_study(GAINS)
    assert computed(ARCHITECTURES, study).not_computed == {
        "architectures": "No second study was given with --with."
    }
    columns = {"t0": "t0", "t1": "t1"}
    stranger = matrix_study(GAINS.rename(columns=lambda name: columns.get(name, f"other {name}")))
    reason = computed(ARCHITECTURES, study, other=stranger).not_computed["architectures"]
    assert reason == "Only 2 targets are common to both studies; 3 are needed."
