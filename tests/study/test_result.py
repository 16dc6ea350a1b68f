"""A result: statistics by name, and the table of models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.study.result import Result, Statistics
from intertrain_jax.study.statistics.average_gain import AVERAGE_GAIN
from intertrain_jax.study.statistics.ranks import RANKS
from tests.stats.studies import computed, matrix_of, matrix_study, planted_scores, study_of

GAINS = matrix_of({"x": [1, 2, 3], "y": [4, 5, 6], "a": [1, 2, 3]})
COLUMNS = ["base", "average", "low", "high", "cells", "probe"]
RANK_COLUMNS = ["rank", "rank_low", "rank_high", "best", "top3", "groups"]


def test_a_statistic_that_is_not_there_says_why() -> None:
    found = Statistics({"symmetry": 1, "ranks": 2}, {"noise": "Seeds have no spread."})
    assert found["symmetry"] == 1 and dict(found) == {"symmetry": 1, "ranks": 2}
    with pytest.raises(KeyError, match="'noise' was not computed: Seeds have no spread"):
        found["noise"]
    with pytest.raises(KeyError, match=r"no statistic 'symetry'\. Did you mean 'symmetry'"):
        found["symetry"]
    assert "noise" not in found and found.get("noise") is None
    assert repr(found) == "Statistics(symmetry, ranks)"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return computed(RANKS, study_of(planted_scores(), tmp_path_factory.mktemp("result")))


def test_the_best_model_is_found_with_its_probability(planted: Result) -> None:
    models = planted.models()
    assert list(models.columns) == [*COLUMNS, *RANK_COLUMNS]
    assert list(models["base"]) == ["m0", "m1", "m2", "m3", "m4"]
    assert models.loc[0, "best"] > 0.95
    assert (models["low"] < models["average"]).all() and (models["average"] < models["high"]).all()
    # One point apart, with an error of about 0.1: the truth is inside.
    truth = np.array([6.0, 5.0, 4.0, 3.0, 2.0])
    assert ((models["low"] < truth) & (truth < models["high"])).sum() >= 4


def test_where_seeds_are_known_intervals_are_of_seeds_with_the_pretrained_model_s(
    planted: Result,
) -> None:
    draws = planted.statistics["average_gain_draws"]
    models = planted.models().set_index("base")
    # Differences of models leave out what they share; the intervals do not.
    assert (models["high"] - models["low"] > 2 * 1.96 * draws.error[models.index]).all()
    held = (draws.draws[models.index] >= models["low"]) & (draws.draws <= models["high"])
    np.testing.assert_allclose(held.mean(), 0.95, atol=0.002)


def test_averages_lie_where_scores_can_be(tmp_path: Path) -> None:
    scores = planted_scores()
    one = scores[(scores["target"] == "t0") & ~((scores["base"] != "PT") & (scores["seed"] > 0))]
    one = one[(one["base"] == "PT") & (one["seed"] < 2) | one["base"].isin(["m0", "m1"])]
    result = computed(RANKS, study_of(one, tmp_path))
    start, models = result.study.pretrained_scores["t0"], result.models()
    # Two seeds say next to nothing of the noise.
    assert (models["low"] == -start).all() and (models["high"] == 100 - start).all()
    # The farther apart they are, the less: a correlation of ranks may be below 0, too.
    apart = np.where(one["base"] == "PT", np.where(one["seed"] == 0, 8.0, -8.0), 0.0)
    named = one.assign(target="stsb", score=one["score"] + apart)
    models = computed(RANKS, study_of(named, tmp_path)).models()
    assert (models["low"] == -100 - start).all() and (models["high"] == 100 - start).all()


def test_else_they_are_of_targets() -> None:
    result = computed(RANKS, matrix_study(GAINS * [1.0, -1.0, 2.0]))
    models = result.models().set_index("base")
    drawn = result.statistics["ranks"].averages
    np.testing.assert_allclose(models["low"], drawn.quantile(0.025)[models.index])
    np.testing.assert_allclose(models["high"], drawn.quantile(0.975)[models.index])


def test_equal_averages_are_by_name_and_share_a_rank() -> None:
    models = computed(RANKS, matrix_study(GAINS)).models()
    assert models["base"].tolist() == ["y", "a", "x"]
    assert models["rank"].tolist() == [1.0, 2.5, 2.5]
    assert models["cells"].tolist() == [3, 3, 3]


def test_the_probe_is_joined_by_name_and_ranks_are_not_made_up() -> None:
    study = replace(matrix_study(GAINS), probe=pd.Series({"a": 70.0, "y": 60.0}))
    models = computed(AVERAGE_GAIN, study).models().set_index("base")
    assert models["probe"].to_dict() == pytest.approx({"y": 60, "a": 70, "x": np.nan}, nan_ok=True)
    assert models[RANK_COLUMNS[:-1]].isna().all(axis=None)
    assert models["groups"].tolist() == ["", "", ""]


def test_models_without_an_average_come_last() -> None:
    gains = GAINS.copy()
    gains.loc["y"] = np.nan
    models = computed(RANKS, matrix_study(gains)).models()
    assert models["base"].tolist() == ["a", "x", "y"]
    assert models.loc[2, ["average", "rank", "best"]].isna().all()
    assert models.loc[2, "cells"] == 0
