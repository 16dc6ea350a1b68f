"""Scores in long form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.readers.csv import Frame
from intertrain_jax.readers.scores import RUN_COLUMNS, read_scores

RUNS = pd.DataFrame(
    {"seed": [0, 1], "score": ["60", ""], "target": "rte", "more": ["x", "y"], "base": "a"}
)


def test_columns_may_be_in_any_order_and_a_score_missing() -> None:
    runs = read_scores(Frame(RUNS)).runs
    assert list(runs.columns) == list(RUN_COLUMNS)
    np.testing.assert_array_equal(runs["score"], [60.0, np.nan])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.concat([RUNS, RUNS[1:]]), "two of base 'a', target 'rte', seed '1'"),
        (RUNS.assign(score=["best", ""]), "row 'a, rte, seed 0', column 'score'"),
        (RUNS.rename(columns={"seed": "sead"}), "'seed' is missing. Did you mean 'sead'"),
        (RUNS.rename(columns={"more": "base"}), "column 'base' must be there once"),
    ],
)
def test_what_is_wrong_is_one_line(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as raised:
        read_scores(Frame(table, "runs"))
    assert "\n" not in str(raised.value) and "runs" in str(raised.value)


@pytest.mark.parametrize("column", ["base", "target", "seed"])
def test_every_run_names_its_base_model_target_and_seed(tmp_path: Path, column: str) -> None:
    rows = pd.DataFrame(
        [["PT", "rte", "0", 60], ["A", "rte", "0", 61], ["A", "cb", "0", 62]],
        columns=["base", "target", "seed", "score"],
    )
    rows.loc[1, column] = ""
    rows.to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(IntertrainError, match=f"every row must have a {column}, but row 2 and 0"):
        read_scores(tmp_path / "s.csv")
