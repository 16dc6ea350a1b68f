"""One model's gains against max-gain: whose gains, and by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.study.statistics.sensitivity import SENSITIVITY
from tests.stats.studies import computed, matrix_of, matrix_study, random_gains

GAINS = random_gains(4, 6).rename(index={"m2": "MNLI"})


@pytest.mark.parametrize(
    ("options", "representative"), [({}, "MNLI"), ({"representative": "m1"}, "m1")]
)
def test_it_is_correlated_with_the_best_of_all_and_of_the_others(
    options: dict[str, str], representative: str
) -> None:
    found = computed(SENSITIVITY, matrix_study(GAINS), **options).statistics["sensitivity"]
    assert found.representative == representative
    row, others = GAINS.loc[representative], GAINS.drop(index=representative)
    for name, best in (("", GAINS.max()), ("_others", others.max())):
        pearson, spearman = (getattr(found, f"{kind}{name}") for kind in ("pearson", "spearman"))
        assert pearson.n == 6
        assert pearson.value == pytest.approx(stats.pearsonr(row, best)[0])
        assert spearman.value == pytest.approx(stats.spearmanr(row, best)[0])


def test_where_nobody_is_called_mnli_the_best_on_average_stands_for_it() -> None:
    gains = random_gains(4, 6)
    gains.loc["m3"] += 5.0
    found = computed(SENSITIVITY, matrix_study(gains)).statistics["sensitivity"]
    assert found.representative == "m3"
    names = [name for name, _ in SENSITIVITY.correlations(found)]
    assert names[0] == "gain of m3 and max-gain: pearson"
    assert len(names) == len(set(names)) == 4


@pytest.mark.parametrize(
    ("gains", "reason"),
    [
        (random_gains(2, 6), "There must be at least 3 base models with a gain, there are 2."),
        (random_gains(4, 2), "There are fewer than three targets."),
        # No target is common to all, so "common" averages have nothing to speak of.
        (
            matrix_of({"x": [1, np.nan, 2], "y": [np.nan, 3, 1], "z": [1, 1, np.nan]}),
            "No base model has an average gain to stand out by.",
        ),
    ],
)
def test_what_is_lacking(gains: object, reason: str) -> None:
    result = computed(SENSITIVITY, matrix_study(gains), how="common")  # type: ignore[arg-type]
    assert result.not_computed == {"sensitivity": reason}
