"""Collapsed runs are listed with their reasons, and counted per base model."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.study.statistics.collapsed import COLLAPSED
from tests.stats.studies import computed, matrix_study, planted_scores, random_gains, study_of


def test_a_collapsed_run_is_listed_and_left_out_of_its_gain(tmp_path: Path) -> None:
    scores = planted_scores()
    whole = study_of(scores, tmp_path).gains
    run = (scores["base"] == "m3") & (scores["target"] == "t2") & (scores["seed"] == 1)
    scores.loc[run, "score"] = 20.0
    study = study_of(scores, tmp_path)
    result = computed(COLLAPSED, study)
    found = result.statistics["collapsed"]
    (listed,) = found.runs.itertuples()
    assert (listed.base, listed.target, int(listed.seed)) == ("m3", "t2", 1)
    assert found.runs["reason"].iloc[0].startswith("It has 20.00 where its other seeds have")
    assert found.shares.iloc[0].to_dict() == {
        "base": "m3",
        "runs": 20,
        "collapsed": 1,
        "share": pytest.approx(0.05),
    }
    assert found.shares["share"].sum() == pytest.approx(0.05)
    # Three seeds are left, and the gain is about what it was.
    assert study.gains.n.loc["m3", "t2"] == 3
    assert study.gains.mean.loc["m3", "t2"] == pytest.approx(whole.mean.loc["m3", "t2"], abs=1.0)
    assert [len(table.rows) for table in COLLAPSED.tables(result)] == [1, 6]


def test_where_none_collapsed_there_are_no_tables(tmp_path: Path) -> None:
    result = computed(COLLAPSED, study_of(planted_scores(), tmp_path))
    assert COLLAPSED.plain(result.statistics["collapsed"])["n"] == 0
    assert [len(table.rows) for table in COLLAPSED.tables(result)] == [0, 0]


def test_without_runs_it_says_so() -> None:
    result = computed(COLLAPSED, matrix_study(random_gains(3, 4)))
    assert result.not_computed["collapsed"] == "One number per cell is known, not runs."
