"""Tables of a result, as CSV and Markdown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.report.tables import Table, markdown, tables_of, write_tables
from intertrain_jax.study.analyse import analyse_study
from tests.stats.studies import planted_scores, study_of, study_of_runs


def table(rows: pd.DataFrame) -> Table:
    return Table("some", "A title", "A note.", rows)


def test_markdown_of_numbers_gaps_and_names() -> None:
    rows = pd.DataFrame({"name": ["x"], "gain": [1.234], "n": [3], "p": [0.00123], "low": [np.nan]})
    lines = markdown(table(rows)).splitlines()
    assert lines[0] == "## A title"
    assert lines[-3:] == [
        "| name | gain | n | p | low |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| x | 1.23 | 3 | 0.0012 | – |",
    ]


@pytest.mark.parametrize(
    "name",
    ["a|b", "a\nb", "**bold**", "[x](http://evil)", "<script>", "`code`", "# head", "![i](x)"],
)
def test_names_are_not_markup(name: str) -> None:
    line = markdown(table(pd.DataFrame({"name": [name], "n": [1]}))).splitlines()[-1]
    assert line.endswith(" | 1 |")
    assert line.replace("\\|", "").count("|") == 3
    for mark in ("**", "[x]", "](", "<", "`", "http://"):
        assert mark not in line.replace("\\*", "").replace("\\[", "").replace("\\]", "").replace(
            "\\<", ""
        ).replace("\\`", "")


def test_every_table_has_two_files_and_the_same_numbers(tmp_path: Path) -> None:
    result = analyse_study(study_of(planted_scores(), tmp_path))
    write_tables(tmp_path / "tables", tables_of(result))
    names = {path.stem for path in (tmp_path / "tables").glob("*.csv")}
    assert names == {path.stem for path in (tmp_path / "tables").glob("*.md")}
    assert {
        "table3_pretrained_scores",
        "table4_models",
        "table6_loss_by_average",
        "max_gain",
        "gain_intervals",
        "noise",
        "regression",
        "correlations",
        "not_computed",
    } <= names
    assert "table1_loss_by_probe" not in names
    models = pd.read_csv(tmp_path / "tables" / "table4_models.csv")
    assert models["base"].tolist() == ["m0", "m1", "m2", "m3", "m4"]
    assert models["average"].to_numpy() == pytest.approx([6, 5, 4, 3, 2], abs=0.5)
    cells = pd.read_csv(tmp_path / "tables" / "gain_intervals.csv").set_index(["base", "target"])
    gains = result.study.gains
    assert cells.loc[("m1", "t3"), "gain"] == pytest.approx(gains.mean.loc["m1", "t3"], rel=1e-5)
    assert cells.loc[("m1", "t3"), "std"] == pytest.approx(gains.std.loc["m1", "t3"], rel=1e-5)
    loss = pd.read_csv(tmp_path / "tables" / "table6_loss_by_average.csv").set_index("top")
    assert loss.loc[1, "targets"] == 5


def test_a_table_that_is_no_more_loses_its_files_and_only_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    write_tables(folder, tables_of(analyse_study(study_of_runs())))
    assert (folder / "source_scores.csv").is_file()
    (folder / "mine.csv").write_text("x\n")
    write_tables(folder, tables_of(analyse_study(study_of(planted_scores(), tmp_path))))
    assert not (folder / "source_scores.csv").exists()
    assert not (folder / "source_scores.md").exists()
    assert (folder / "mine.csv").is_file()
