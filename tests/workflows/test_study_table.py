"""Rankings as rows of a table: one for each model and estimator, under the names of the sources."""

from __future__ import annotations

import pandas as pd

from intertrain_jax.config.study import Setting
from intertrain_jax.study.model_ranking import Ranking
from intertrain_jax.workflows.study_table import RUN_COLUMNS, rankings_table, runs_table


def test_estimates_are_rows_under_the_names_of_sources() -> None:
    table = pd.DataFrame(
        {
            "rank": [1, 2, None],
            "model": ["m/reviews", "org/pt", "m/lost"],
            "score": [70.0, 60.0, None],
            "knn": [0.5, None, None],
        }
    )
    ranking = Ranking(table, ("knn",), "org/pt", 1)
    found = rankings_table(
        [(Setting("p", "p", {}), "mnli", "org/pt", ranking)], {"m/reviews": "reviews"}
    )
    rows = found.astype(object).where(found.notna(), None).to_numpy().tolist()
    assert rows == [
        ["org/pt", "reviews", "lp", "mnli", 70.0],
        ["org/pt", "PT", "lp", "mnli", 60.0],
        ["org/pt", "reviews", "knn", "mnli", 0.5],
        ["org/pt", "PT", "knn", "mnli", None],
    ]
    named = Setting("p", "p", {}, architecture="Tiny")
    assert set(rankings_table([(named, "mnli", None, ranking)], {})["architecture"]) == {"Tiny"}


def test_without_runs_the_table_has_its_columns() -> None:
    assert list(runs_table([], {}).columns) == list(RUN_COLUMNS)
