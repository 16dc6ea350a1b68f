"""What doctor examines: each shape of file and records, as one table, and what reading showed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.diagnosis.examine import examine
from intertrain_jax.diagnosis.findings import Finding
from intertrain_jax.diagnosis.inputs import Subject, WideFile, read_subject
from intertrain_jax.planning.plan import Run
from intertrain_jax.records.results_dir import ResultsDir
from tests.runs import make_config, make_plan, make_record, make_result

CONFIG = make_config(sources=("alpha",), targets=("alpha", "beta"), seeds=2)
PLAN = make_plan(CONFIG)


def subject(folder: Path, text: str) -> Subject:
    path = folder / "table.csv"
    path.write_text(text, "utf-8")
    return read_subject(path)


def test_a_matrix_of_scores(tmp_path: Path) -> None:
    found = subject(tmp_path, "model,a,b\nx,50,60.5\ny,,70\nx,,\n")
    assert found.what == (
        "table.csv: a matrix of scores, 3 rows × 2 columns, 3 of 6 cells empty (1 row without any"
        " score)."
    )
    assert found.kind == "scores" and found.average is None and found.found == ()
    assert found.names.tolist() == ["x", "y", "x"], "a name may be there twice: that is for doctor"
    expected = pd.DataFrame({"a": [50, np.nan, np.nan], "b": [60.5, 70, np.nan]})
    pd.testing.assert_frame_equal(found.scores, expected, check_names=False)


def test_how_a_file_is_written_and_what_looks_odd_is_noted(tmp_path: Path) -> None:
    found = subject(
        tmp_path, "model;a;b;c;mcc\nx;50,5;41;62;0,4\ny;61,5;41;72;0,1\nz;70;41;72;-0,2\n"
    )
    shape, odd = found.notes
    assert "separated by semicolons; commas in numbers are decimal" in shape
    assert "All scores of target 'mcc' lie between -1 and 1" in odd


@pytest.mark.parametrize(("negative", "kind"), [(0, "scores"), (1, "gains"), (2, "gains")])
def test_a_tenth_of_negative_cells_makes_gains(tmp_path: Path, negative: int, kind: str) -> None:
    cells = np.full(10, 5.0)
    cells[:negative] = -5.0
    rows = [f"m{k},{a},{b}" for k, (a, b) in enumerate(cells.reshape(5, 2))]
    found = subject(tmp_path, "\n".join(["base,a,b", *rows]))
    assert found.kind == kind and f"a matrix of {kind}, 5 rows" in found.what


@pytest.mark.parametrize("name", ["avg", "Average"])
def test_a_column_of_averages_is_none_of_the_targets(tmp_path: Path, name: str) -> None:
    found = subject(tmp_path, f"model,a,{name},b\nx,50,55,60\ny,40,45,50\nz,10,15,20\n")
    assert list(found.scores.columns) == ["a", "b"]
    assert found.average is not None and found.average.tolist() == [55, 45, 15]
    assert found.file is not None and found.file.average == name


def test_a_leaderboard(tmp_path: Path) -> None:
    text = ",model_name,avg,mnli_lp,a,b\n0,roberta,5,5,10,20\n1,m1,5,5,11,21\n2,m2,5,5,12,22\n"
    path = tmp_path / "roberta-base_table.csv"
    path.write_text(text, "utf-8")
    found = read_subject(path, "roberta")
    assert found.what.startswith("roberta-base_table.csv: a leaderboard table, 3 rows × 2 columns")
    assert found.names.tolist() == ["roberta", "m1", "m2"]
    assert found.average is not None and found.average.tolist() == [5, 5, 5]
    assert found.scores["b"].tolist() == [20, 21, 22]
    assert found.file is not None and found.file.average == "avg"


def test_long_scores_have_a_row_per_model_and_seed_in_the_order_in_which_they_come(
    tmp_path: Path,
) -> None:
    text = "base,target,seed,score\ny,b,1,40\nx,a,0,50\ny,a,1,45\nx,b,0,60\nx,a,2,55\n"
    found = subject(tmp_path, text)
    assert found.names.tolist() == ["y, seed 1", "x, seed 0", "x, seed 2"]
    assert list(found.scores.columns) == ["b", "a"]
    np.testing.assert_array_equal(found.scores, [[40, 45], [60, 50], [np.nan, 55]])
    assert found.file is None, "there is no wide file to mend"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,a\nx,50\ny,60\n", r"table\.csv' must have at least 3 models, has 2\. Add more"),
        ("model,a\nx,\ny,\nz,\n", "a number in at least one cell, but all 3 are missing"),
        ("model,a\nx,.5\ny,.6\nz,.7\n", "in percent, but all are between 0 and 1"),
    ],
)
def test_what_cannot_be_examined(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as raised:
        subject(tmp_path, text)
    assert "\n" not in str(raised.value)


def test_a_repaired_file_keeps_every_other_cell_as_it_is_written(tmp_path: Path) -> None:
    rows = [[f"m{k}", "1.50", f"{20 + k}.00", "30", f"{(51.5 + k) / 3:.1f}"] for k in range(12)]
    rows[4][2:4] = rows[4][3], rows[4][2]
    text = "\n".join(map(",".join, [["model", "a", "b", "c", "avg"], *rows])) + "\n"
    found = subject(tmp_path, text)
    assert found.file is not None
    finding = replace(
        Finding(4, "m4", "swapped", "error", "said"), repaired={"b": 24.0, "c": np.nan}
    )
    findings = replace(examine(found.scores, found.names), findings=(finding,))
    mended = found.file.repaired(found.scores, findings)
    expected = [list(row) for row in rows]
    expected[4][2:] = ["24.0", "", repr((1.5 + 24.0) / 2)]
    assert mended.to_numpy().tolist() == expected
    assert list(mended.columns) == ["model", "a", "b", "c", "avg"]


def write_records(out: Path, **changes: float) -> ResultsDir:
    """Writes the records of a grid; `changes` maps names of runs, with _ for :, to scores."""
    directory = ResultsDir(out)
    for run in PLAN.runs:
        score = changes.get(run.name.replace(":", "_"), 60.0)
        directory.runs.write(make_record(run, score))
    return directory


def first_run_of(**protocol: float) -> Run:
    """Returns the first run of the same plan under another protocol."""
    config = replace(CONFIG, protocol=replace(CONFIG.protocol, **protocol))  # type: ignore[arg-type]
    return make_plan(config).runs[0]


def findings_of(out: Path) -> list[tuple[str, str, str]]:
    return [(f.rule, f.severity, f.model) for f in read_subject(out).found]


def test_records_are_a_table_of_models_at_each_seed(tmp_path: Path) -> None:
    write_records(tmp_path, PT_beta_1=72.0)
    found = read_subject(tmp_path)
    assert found.what == (
        f"{tmp_path.name}: records of 8 runs, 8 done, 0 failed; 4 rows, one per model and seed,"
        " × 2 targets."
    )
    rows = found.scores.set_axis(found.names, axis=0)
    assert sorted(rows.index) == ["PT, seed 0", "PT, seed 1", "alpha, seed 0", "alpha, seed 1"]
    assert rows.loc["PT, seed 1"].to_dict() == {"alpha": 60.0, "beta": 72.0}
    assert found.found == () and found.file is None


def test_failed_runs_and_files_that_are_no_record_are_findings(tmp_path: Path) -> None:
    directory = write_records(tmp_path)
    run = PLAN.runs[0]
    directory.runs.write(make_record(run, reason="diverged"))
    (tmp_path / "records" / "notes.json").write_text("{}", "utf-8")
    assert findings_of(tmp_path) == [
        ("unreadable", "error", ""),
        ("failed", "warning", run.base.label),
    ]
    unreadable, failed = read_subject(tmp_path).found
    assert unreadable.evidence.startswith("records/notes.json: not a record")
    assert failed.evidence == (f"Run {run.id} on {run.target}, seed {run.seed}, failed: diverged")


def test_a_cell_that_two_runs_claim_is_examined_once(tmp_path: Path) -> None:
    directory, run = write_records(tmp_path), PLAN.runs[0]
    other = make_record(first_run_of(epochs=3.0), 80.0)
    directory.runs.write(other)
    (finding,) = read_subject(tmp_path).found
    assert (finding.rule, finding.severity, finding.model) == ("repeated run", "warning", "PT")
    assert finding.evidence.startswith(f"2 different runs on {run.target} with seed {run.seed}:")
    assert run.id in finding.evidence and other.id in finding.evidence
    assert len(read_subject(tmp_path).scores) == 4


def test_a_run_in_two_files_is_a_finding(tmp_path: Path) -> None:
    path = write_records(tmp_path).runs.write(make_record(PLAN.runs[0], 60.0))
    copy = path.with_name(f"copy--{path.name.rpartition('--')[2]}")
    copy.write_bytes(path.read_bytes())
    found = [f for f in read_subject(tmp_path).found if f.rule == "repeated run"]
    assert len(found) == 1
    assert found[0].evidence.startswith(f"Run {PLAN.runs[0].id} is in 2 files: ")
    assert copy.name in found[0].evidence and path.name in found[0].evidence


def test_an_accuracy_must_be_a_count_of_right_answers(tmp_path: Path) -> None:
    # Of 50 test examples, 31 are 62 percent.
    write_records(tmp_path, PT_alpha_0=62.0, PT_beta_0=61.0)
    (finding,) = read_subject(tmp_path).found
    assert (finding.rule, finding.severity) == ("out of range", "error")
    assert "61 % of 50 test examples is no whole number" in finding.evidence
    for run in PLAN.runs:
        if run.target == "beta":  # whose runs have one metric
            spearman = replace(make_record(run), result=make_result(61.0, metric="spearman"))
            ResultsDir(tmp_path).runs.write(spearman)
    assert read_subject(tmp_path).found == (), "a correlation of ranks is no count"


def test_train_sizes_keep_models_apart(tmp_path: Path) -> None:
    directory = write_records(tmp_path)
    directory.runs.write(make_record(first_run_of(train_size=40), 80.0))
    found = read_subject(tmp_path)
    assert found.found == ()
    assert "PT, 40 examples, seed 0" in found.names.tolist()


def test_a_directory_without_records_is_named(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match="must hold the records of a grid in records/, but"):
        read_subject(tmp_path)


def test_a_directory_without_a_finished_run_is_one_line(tmp_path: Path) -> None:
    store = ResultsDir(tmp_path).runs
    for run in PLAN.runs[:2]:
        store.write(make_record(run, reason="diverged"))
    with pytest.raises(IntertrainError, match="of 2 runs recorded none is done") as raised:
        read_subject(tmp_path)
    assert "First: Run " in str(raised.value) and "\n" not in str(raised.value)
    for path in store.root.rglob("*.json"):
        path.write_text("{}", "utf-8")
    with pytest.raises(IntertrainError, match=r"of 0 runs .*, 2 records cannot be read"):
        read_subject(tmp_path)


def test_without_findings_a_file_is_as_it_was() -> None:
    file = WideFile(("model", "a"), (("x", "1.0"), ("y", "")), None)
    scores = pd.DataFrame({"a": [1.0, np.nan]})
    nothing = examine(scores, pd.Series(["x", "y"]))
    assert file.repaired(scores, replace(nothing, findings=())).to_numpy().tolist() == [
        ["x", "1.0"],
        ["y", ""],
    ]


def test_a_run_that_came_out_otherwise_when_it_was_done_twice(tmp_path: Path) -> None:
    store = ResultsDir(tmp_path).runs
    records = [make_record(run) for run in PLAN.runs]
    for record in records:
        store.write(record)
    assert not read_subject(tmp_path).found
    said, first = "done twice, it gave test 70.0, then test 71.0", records[0]
    assert first.result is not None
    store.write(replace(first, result=replace(first.result, contradicted=said)))
    (found,) = read_subject(tmp_path).found
    assert (found.rule, found.severity) == ("contradicted", "error")
    assert first.id in found.evidence and said in found.evidence
