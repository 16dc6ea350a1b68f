"""The CSV files of an analysis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from intertrain_jax.records.runs import Record
from intertrain_jax.stats.gains import Expected
from intertrain_jax.study.files import Analysis, analyse, write_analysis
from tests.runs import TASKS, make_config, make_plan, make_record, make_result

PLAN = make_plan(make_config(seeds=3))
EXPECTED = [Expected(r.id, r.base.label, r.target, r.seed) for r in PLAN.matrix_runs]
NAMES = ("gains", "gains_std", "gains_n", "gains_significant", "gains_q")


def analysis_of(records: dict[str, Record]) -> Analysis:
    return analyse(EXPECTED, records, "PT", PLAN.bases, PLAN.targets, PLAN.seeds)


@pytest.fixture
def records() -> dict[str, Record]:
    """All runs; one failed, one missing."""
    runs = [run for run in PLAN.runs if run.name != "alpha:gamma:0"]
    return {
        run.id: make_record(run, reason="di,verged\n" if run.name == "beta:alpha:1" else None)
        for run in runs
    }


@pytest.fixture
def folder(tmp_path: Path, records: dict[str, Record]) -> Path:
    write_analysis(tmp_path / "analysis", analysis_of(records), records)
    return tmp_path / "analysis"


def test_matrices_have_one_shape(folder: Path) -> None:
    for name in NAMES:
        matrix = pd.read_csv(folder / f"{name}.csv", index_col="base")
        assert list(matrix.index) == list(TASKS)
        assert list(matrix.columns) == list(TASKS)


def test_gaps_show_in_counts(folder: Path) -> None:
    counts = pd.read_csv(folder / "gains_n.csv", index_col="base")
    assert counts.loc["alpha", "gamma"] == counts.loc["beta", "alpha"] == 2
    assert counts.to_numpy().sum() == 9 * 3 - 2
    assert set(pd.read_csv(folder / "gains_significant.csv").iloc[:, 1:].stack()) <= {-1, 0, 1}


def test_records_are_flat_and_keep_failures(folder: Path, records: dict[str, Record]) -> None:
    flat = pd.read_csv(folder / "records.csv").set_index("id")
    assert set(flat.index) == set(records)
    failed = flat[flat["status"] == "failed"]
    assert failed["reason"].tolist() == ["di,verged\n"]
    assert failed["test"].isna().all()
    assert flat["protocol.learning_rate"].unique().tolist() == [5e-5]


def test_large_counts_stay_whole(tmp_path: Path, records: dict[str, Record]) -> None:
    some = next(key for key, record in records.items() if record.status == "done")
    records[some] = replace(records[some], result=make_result(tokens=123_456_789))
    write_analysis(tmp_path, analysis_of(records), records)
    assert "123456789" in (tmp_path / "records.csv").read_text("utf-8")


def test_records_outside_the_plan_are_marked(tmp_path: Path, records: dict[str, Record]) -> None:
    stray = next(run for run in make_plan(make_config(seeds=4)).runs if run.seed == 3)
    records[stray.id] = make_record(stray)
    write_analysis(tmp_path, analysis_of(records), records)
    flat = pd.read_csv(tmp_path / "records.csv").set_index("id")
    assert not flat.loc[stray.id, "expected"]
    assert flat.drop(stray.id)["expected"].all()


def test_files_do_not_depend_on_the_order_of_records(
    tmp_path: Path, folder: Path, records: dict[str, Record]
) -> None:
    backwards = dict(reversed(list(records.items())))
    write_analysis(tmp_path, analysis_of(backwards), backwards)
    for path in folder.iterdir():
        assert path.read_text("utf-8") == (tmp_path / path.name).read_text("utf-8")


def test_nothing_done_yet_still_writes_every_file(tmp_path: Path) -> None:
    write_analysis(tmp_path, analysis_of({}), {})
    assert {path.stem for path in tmp_path.iterdir()} == {*NAMES, "records", "scores"}
