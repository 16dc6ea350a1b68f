"""Train sizes against gains, by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.study.statistics.size_effects import SIZE_EFFECTS
from tests.stats.studies import computed, matrix_of, matrix_study, random_gains

GAINS = random_gains(5, 6).set_axis(list("abcde"), axis=0).set_axis(list("abcdxy"), axis=1)
SIZES = {"a": 100, "b": 1000, "c": 250, "d": 40_000, "x": 9000, "stranger": 5}


def test_correlations_of_sources_and_of_targets() -> None:
    found = computed(SIZE_EFFECTS, matrix_study(GAINS, train_sizes=SIZES))
    effects = {(e.of, e.measure): e for e in found.statistics["size_effects"]}
    targets = list("abcdx")
    measures = {
        ("source", "average"): GAINS.mean(axis=1)[list("abcd")],
        ("target", "average"): GAINS.mean()[targets],
        ("target", "std"): GAINS.std(ddof=1)[targets],
        ("target", "range"): (GAINS.max() - GAINS.min())[targets],
    }
    assert set(effects) == set(measures)
    for key, values in measures.items():
        sizes = np.array([SIZES[name] for name in values.index], dtype=float)
        assert effects[key].pearson.value == pytest.approx(stats.pearsonr(sizes, values)[0]), key
        logarithm = stats.pearsonr(np.log(sizes), values)[0]
        assert effects[key].pearson_log.value == pytest.approx(logarithm)
        assert effects[key].spearman.value == pytest.approx(stats.spearmanr(sizes, values)[0])
        assert effects[key].pearson.n == len(values)


def test_correlations_are_named_by_side_and_measure() -> None:
    value = computed(SIZE_EFFECTS, matrix_study(GAINS, train_sizes=SIZES)).statistics[
        "size_effects"
    ]
    names = [name for name, _ in SIZE_EFFECTS.correlations(value)]
    assert len(set(names)) == 4 * 3
    assert names[0] == "train size and average gain of sources: pearson"
    assert names[-1] == "train size and range gain of targets: spearman"
    assert SIZE_EFFECTS.plain(value) == {"effects": value}


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ({}, "Train sizes are not known."),
        ({"a": 7, "b": 7, "c": 7}, "All tasks have the same train size."),
    ],
)
def test_what_is_lacking(sizes: dict[str, int], reason: str) -> None:
    result = computed(SIZE_EFFECTS, matrix_study(GAINS, train_sizes=sizes))
    assert result.not_computed == {"size_effects": reason}


def test_few_base_models_are_named_first() -> None:
    few = matrix_study(matrix_of({"a": [1, 2], "b": [3, 4]}))
    assert "there are 2" in computed(SIZE_EFFECTS, few).not_computed["size_effects"]
