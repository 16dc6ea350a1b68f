"""Everything that an analysis gives, as files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from intertrain_jax.readers.pairs import Pairs
from intertrain_jax.report.analysis import write_pairs, write_result
from intertrain_jax.report.tables import tables_of, tables_of_pairs
from intertrain_jax.study.pairs import analyse_pairs
from intertrain_jax.study.statistics.ranks import RANKS
from intertrain_jax.study.summary import summarise, summarise_pairs
from tests.stats.studies import computed, matrix_study, random_gains


def files(folder: Path, below: str) -> set[str]:
    return {path.name for path in (folder / below).iterdir()}


def test_a_result_is_its_summary_its_tables_and_its_figures(tmp_path: Path) -> None:
    result = computed(RANKS, matrix_study(random_gains(4, 5)))
    write_result(tmp_path / "new" / "folder", result)
    folder = tmp_path / "new" / "folder"
    assert files(tmp_path, "new/folder") == {"summary.json", "tables", "figures"}
    assert json.loads((folder / "summary.json").read_text("utf-8")) == summarise(result)
    named = {table.name for table in tables_of(result) if len(table.rows)}
    assert files(folder, "tables") == {f"{name}.{s}" for name in named for s in ("csv", "md")}
    assert files(folder, "figures") == {
        f"{name}.{s}" for name in ("gain_matrix", "ranks") for s in ("png", "svg")
    }


def test_what_a_later_result_has_not_is_gone(tmp_path: Path) -> None:
    gains = random_gains(4, 5)
    write_result(tmp_path, computed(RANKS, matrix_study(gains)))
    write_result(tmp_path, computed(RANKS, matrix_study(gains.iloc[:, :2])))
    assert "ranks.png" not in files(tmp_path, "figures")
    assert "ranks" in json.loads((tmp_path / "summary.json").read_text("utf-8"))["not_computed"]
    assert "Without seeds" in (tmp_path / "tables" / "not_computed.csv").read_text("utf-8")


def test_two_measurements_have_the_same_three(tmp_path: Path) -> None:
    x, y = np.array([1.0, 2.0, 3.0, 5.0]), np.array([2.0, 1.0, 4.0, np.nan])
    result = analyse_pairs(Pairs("some", ("a", "b", "c", "d"), "lp", "avg", x, y))
    write_pairs(tmp_path, result)
    assert json.loads((tmp_path / "summary.json").read_text("utf-8")) == summarise_pairs(result)
    named = {table.name for table in tables_of_pairs(result)}
    assert files(tmp_path, "tables") == {f"{name}.{s}" for name in named for s in ("csv", "md")}
    assert files(tmp_path, "figures") == {"probe_gain.png", "probe_gain.svg"}
    models = pd.read_csv(tmp_path / "tables" / "table4_models.csv")
    assert models["model"].tolist() == ["a", "b", "c", "d"]
    assert models["avg"].tolist()[:3] == [2.0, 1.0, 4.0] and np.isnan(models["avg"][3])
