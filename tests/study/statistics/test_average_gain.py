"""Average gains in a result: over which targets, and the table of base models that they order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.study.analyse import analyse_study
from intertrain_jax.study.inputs import Study
from intertrain_jax.study.result import Options, Result
from intertrain_jax.study.statistics.average_gain import AVERAGE_GAIN, averages_of
from intertrain_jax.study.statistics.ranks import RANKS
from intertrain_jax.study.statistics.statistic import Context
from intertrain_jax.study.table import Table
from tests.stats.studies import (
    computed,
    matrix_of,
    matrix_study,
    planted_scores,
    random_gains,
    study_of,
)

WHOLE = matrix_of({"x": [1, 2, 3], "y": [4, 5, 0], "z": [-1, 0, 1]})


def table_of(result: Result) -> Table:
    (table,) = AVERAGE_GAIN.tables(result)
    assert table.name == "table4_models"
    return table


def test_where_no_cell_is_missing_it_is_the_mean() -> None:
    found = computed(AVERAGE_GAIN, matrix_study(WHOLE)).averages
    assert found.how == "common" and found.left_out == ()
    assert found.series().to_dict() == pytest.approx({"x": 2.0, "y": 3.0, "z": 0.0})


def test_where_cells_are_missing_it_is_the_additive_fit_of_dummy_variables() -> None:
    gains = random_gains(4, 5)
    gains.iloc[0, 1] = gains.iloc[2, 3] = gains.iloc[2, 4] = np.nan
    found = computed(AVERAGE_GAIN, matrix_study(gains)).averages
    assert found.how == "additive" and len(found.targets) == 5
    rows, columns = np.nonzero(gains.notna().to_numpy())
    design = np.hstack([np.eye(4)[rows], np.eye(5)[columns]])
    fit = np.linalg.lstsq(design, gains.to_numpy()[rows, columns], rcond=None)[0]
    np.testing.assert_allclose(found.series(), fit[:4] + fit[4:].mean(), atol=1e-10)


def test_the_user_chooses_how(tmp_path: Path) -> None:
    scores = planted_scores(noise=0.0)
    # m4 is the worst, but lacks the two targets where nobody gains much.
    lost = (scores["base"] == "m4") & scores["target"].isin(["t0", "t1"])
    study = study_of(scores[~lost], tmp_path)
    assert study.gains.mean.mean(axis=1)["m4"] > 2.5
    additive = computed(AVERAGE_GAIN, study)
    assert additive.averages.how == "additive"
    assert additive.averages.targets == ("t0", "t1", "t2", "t3", "t4")
    common = computed(AVERAGE_GAIN, study, how="common")
    assert common.averages.targets == ("t2", "t3", "t4")
    assert common.averages.left_out == ("t0", "t1")
    # Neither puts it above m3 for being spared the hard targets.
    for result in (additive, common):
        assert list(result.models()["base"])[-1] == "m4"


def test_every_study_has_averages_if_only_of_nothing() -> None:
    empty = matrix_study(WHOLE * np.nan)
    assert averages_of(Context(empty, Options())).series().isna().all()


def test_the_table_of_models_is_by_average_and_says_what_over() -> None:
    study = matrix_study(WHOLE)
    table = table_of(computed(RANKS, study))
    assert table.rows["base"].tolist() == ["y", "x", "z"]
    assert "over 3 targets; interval of the true one at 95 % over targets." in table.note
    assert {"rank", "rank_low", "rank_high", "best", "top3", "groups"} <= set(table.rows)
    assert "probe" not in table.rows
    with_probe = table_of(computed(RANKS, replace(study, probe=pd.Series({"x": 50.0}))))
    assert with_probe.rows.set_index("base")["probe"].to_dict() == pytest.approx(
        {"y": np.nan, "x": 50.0, "z": np.nan}, nan_ok=True
    )


def test_missing_cells_and_targets_are_said(tmp_path: Path) -> None:
    scores = planted_scores()
    lost = (scores["base"] == "m4") & (scores["target"] == "t0")
    study: Study = study_of(scores[~lost], tmp_path)
    additive = table_of(analyse_study(study))
    assert "over 5 targets, missing cells by the additive model" in additive.note
    assert "interval of the true one at 95 % over seeds" in additive.note
    assert additive.rows.set_index("base").loc["m4", "cells"] == 4
    common = table_of(computed(RANKS, study, how="common"))
    assert "over 4 targets; without t0; interval" in common.note


def test_without_ranks_the_table_says_why() -> None:
    gains = WHOLE.copy()
    gains.loc[["y", "z"]] = np.nan
    table = table_of(computed(RANKS, matrix_study(gains)))
    assert "rank" not in table.rows and "groups" not in table.rows
    reason = "There must be two base models with an average gain, there are 1."
    assert table.note.endswith(f"No ranks: {reason}")
