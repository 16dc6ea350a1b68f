"""A ranking's files: gains that are read, lists and tables that are written."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.study.model_ranking import Ranking, rank_models
from intertrain_jax.workflows.rank_files import (
    latest_ranking,
    read_gains,
    write_correlations,
    write_table,
    write_top,
)
from tests.probe_runs import failed_record, probe_record


def ranking() -> Ranking:
    """Returns three models by their probe, best first c, PT, a; and one that failed."""
    records = {
        "PT": probe_record("PT", (60.0, 60.0)),
        "a": probe_record("a", (50.0, 51.0)),
        "b": failed_record("b", "no such file"),
        "c": probe_record("c", (70.0, 71.0)),
    }
    return rank_models(list(records), records, "PT", 2, ["logme"])


def test_of_two_records_of_a_model_the_later_counts_whatever_their_files_say(
    tmp_path: Path,
) -> None:
    store = ResultsDir(tmp_path).probes
    probes = [
        replace(probe_record("a", (score,)), id=name)
        for score, name in ((60.0, "b" * 12), (70.0, "a" * 12))
    ]
    days = ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z")
    config = RankConfig(task="alpha", models=("a",))
    for order in (probes, probes[::-1]):
        for probe, day in zip(order, days, strict=True):
            store.write(replace(probe, finished=day))
        # As a copy of the directory has it.
        os.utime(store.path(order[0]), (4e9, 4e9))
        assert latest_ranking(config, tmp_path)[1]["a"].heads == order[1].heads
        os.utime(store.path(order[0]), (1e9, 1e9))


def test_gains_are_numbers_by_base_model_and_target(tmp_path: Path) -> None:
    path = tmp_path / "gains.csv"
    path.write_text("base,rte,cb\n1,0.5,\n2,-1,2\n")
    gains = read_gains(path, required=True)
    assert gains is not None
    assert list(gains.index) == ["1", "2"] and list(gains.columns) == ["rte", "cb"]
    assert gains.loc["2", "rte"] == -1.0 and gains["cb"].isna().tolist() == [True, False]


def test_gains_may_be_missing_unless_they_were_asked_for(tmp_path: Path) -> None:
    assert read_gains(tmp_path / "gains.csv", required=False) is None
    with pytest.raises(IntertrainError, match=r"Correct --gains"):
        read_gains(tmp_path / "gains.csv", required=True)


@pytest.mark.parametrize("text", ["base,rte\na,high\n", "base\na\n", "base,rte\na,1\na,2\n", ""])
def test_gains_that_are_no_such_table_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gains.csv"
    path.write_text(text)
    with pytest.raises(IntertrainError, match=r"gains '.*gains.csv' must .*Correct --gains"):
        read_gains(path, required=False)


def test_the_list_of_the_best_leaves_the_pretrained_model_and_failures_out(tmp_path: Path) -> None:
    write_top(tmp_path, ranking(), 1)
    lines = (tmp_path / "top-1.txt").read_text().splitlines()
    assert lines == ["# The 1 best of 3 models by their probe.", "pretrained: PT", "c"]
    write_top(tmp_path, ranking(), 9)
    assert (tmp_path / "top-9.txt").read_text().splitlines()[2:] == ["c", "a"]


def test_tables_are_written_whole(tmp_path: Path) -> None:
    write_table(tmp_path, ranking())
    table = pd.read_csv(tmp_path / "ranking.csv")
    assert table["model"].tolist() == ["c", "PT", "a", "b"]
    assert table["rank"].tolist()[:3] == [1, 2, 3] and table["status"].tolist()[3] == "failed"
    write_correlations(tmp_path, pd.DataFrame({"target": ["rte"], "pearson": [1 / 3]}))
    assert (tmp_path / "gain_correlations.csv").read_text() == "target,pearson\nrte,0.333333\n"
