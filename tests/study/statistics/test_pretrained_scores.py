"""Scores of the pretrained model: mean and spread over the seeds that there are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.study.statistics.pretrained_scores import PRETRAINED_SCORES
from tests.stats.studies import computed, matrix_study, random_gains, study_of_runs


def test_of_runs_with_a_failure() -> None:
    study = study_of_runs(
        ("a", "b", "c"),
        failed={"PT:b:1": "diverged", **{f"PT:c:{s}": "diverged" for s in range(3)}},
    )
    assert study.runs is not None
    table = computed(PRETRAINED_SCORES, study).statistics["pretrained_scores"]
    runs = study.runs[(study.runs["base"] == "PT") & (study.runs["status"] == "done")]
    assert table["target"].tolist() == ["a", "b"], "nothing is known of c"
    assert table["n"].tolist() == [3, 2]
    for row in table.itertuples():
        scores = runs.loc[runs["target"] == row.target, "score"].to_numpy()
        assert (row.mean, row.std) == pytest.approx((scores.mean(), scores.std(ddof=1)))


def test_rows_are_in_the_order_of_the_matrix() -> None:
    study = study_of_runs(("a", "b", "c"), targets=("c", "a", "b"))
    table = computed(PRETRAINED_SCORES, study).statistics["pretrained_scores"]
    assert table["target"].tolist() == list(study.gains.mean.columns) == ["c", "a", "b"]


def test_one_number_per_target_has_no_spread() -> None:
    scores = pd.Series({"t0": 61.5, "t1": np.nan, "t2": 80.0})
    study = matrix_study(random_gains(3, 3), pretrained_scores=scores, pretrained="bert")
    result = computed(PRETRAINED_SCORES, study)
    table = result.statistics["pretrained_scores"]
    assert table["target"].tolist() == ["t0", "t2"]
    assert table["mean"].tolist() == [61.5, 80.0]
    assert table["n"].tolist() == [1, 1] and table["std"].isna().all()
    (shown,) = PRETRAINED_SCORES.tables(result)
    assert shown.name == "table3_pretrained_scores"
    assert shown.title == "Scores of bert without intertraining (Table 3)"
    assert list(shown.rows.columns) == ["target", "mean", "std", "n"]


def test_a_matrix_of_gains_does_not_know_them() -> None:
    result = computed(PRETRAINED_SCORES, matrix_study(random_gains(3, 3)))
    assert result.not_computed == {
        "pretrained_scores": "The pretrained model's own scores are not known."
    }
    assert not len(PRETRAINED_SCORES.tables(result)[0].rows)
