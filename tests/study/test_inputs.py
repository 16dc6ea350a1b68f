"""What is analysed: every input as one study, and every bad one as one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.planning.plan import record_of
from intertrain_jax.readers.leaderboard import Leaderboard, read_leaderboard
from intertrain_jax.readers.matrix import read_matrix
from intertrain_jax.readers.recognise import read_table
from intertrain_jax.records.store import Stored
from intertrain_jax.stats.gains import gain_matrices
from intertrain_jax.study.files import Analysis
from intertrain_jax.study.inputs import (
    KnownTasks,
    Study,
    study_of_leaderboard,
    study_of_matrix,
    study_of_results,
    study_of_table,
)
from intertrain_jax.workflows.studies import analyse_plan
from tests.runs import make_config, make_plan, make_result
from tests.stats.studies import planted_scores, sized_store, study_of, study_of_runs

Change = Callable[[pd.DataFrame], pd.DataFrame]
MATRIX = "base,rte,cola\nx,1,2\ny,-1,0.5\nz,0,\n"


def write(folder: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_matrix_of_gains(tmp_path: Path) -> None:
    groups = {"NLI": ("rte", "mnli"), "General": ("cola",), "Twitter": ("irony",)}
    study = study_of_matrix(read_matrix(write(tmp_path, MATRIX)), KnownTasks(groups, {"rte": 100}))
    assert study.gains.mean.loc["y"].tolist() == [-1.0, 0.5]
    assert np.isnan(study.gains.mean.loc["z", "cola"])
    assert study.gains.n.to_numpy().tolist() == [[1, 1], [1, 1], [1, 0]]
    assert (study.cells, study.missing, study.thin) == (6, 1, 0)
    assert study.groups == {"NLI": ("rte",), "General": ("cola",)}
    assert study.sources == {}
    assert study.gains.significant.isna().all(axis=None)


def test_rows_that_are_tasks_are_sources(tmp_path: Path) -> None:
    text = MATRIX.replace("\nx,", "\nrte,")
    study = study_of_matrix(read_matrix(write(tmp_path, text)), KnownTasks(train={"rte": 9}))
    assert study.sources == {"rte": "rte"} and study.train_sizes == {}
    asked = KnownTasks(train={"rte": 9}, sizes_hold=True)
    assert study_of_matrix(read_matrix(write(tmp_path, text)), asked).train_sizes == {"rte": 9}


def test_a_matrix_of_scores_becomes_gains(tmp_path: Path) -> None:
    text = "model,rte,cola\nx,61,80\nbert,60,78\ny,59,\nz,60,79\n"
    study = study_of_matrix(read_matrix(write(tmp_path, text)), KnownTasks(), "bert")
    assert list(study.gains.mean.index) == ["x", "y", "z"]
    assert study.gains.mean.loc["x"].tolist() == [1.0, 2.0]
    assert study.pretrained_scores.to_dict() == {"rte": 60.0, "cola": 78.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MATRIX.replace("-1", "high"), "row 'y', column 'rte' must be a number or empty"),
        (MATRIX.replace("-1", "inf"), "row 'y', column 'rte' must be a number or empty"),
        (MATRIX.replace("\nz", "\nx"), "row 'x' must be there once"),
        (MATRIX.replace("cola", "rte"), "column 'rte' must be there once"),
        ("base,rte,cola\nx,,\ny,,\nz,,\n", "a gain in at least one cell, but all 6 are missing"),
        (MATRIX + "w,1\n", "line 5: has 2 fields, but the header has 3"),
        ("", "must be a table with a header"),
        ("base\nx\ny\n", "must be a table with a header"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "must be a table with a header"),
        ('{"schema": 1}', "is JSON and no table"),
        ('base,rte\n"x,1\ny,2\n', "its quotes do not pair"),
    ],
)
def test_bad_matrices_are_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as raised:
        study_of_matrix(read_matrix(write(tmp_path, text)), KnownTasks())
    assert "\n" not in str(raised.value)
    assert "table.csv" in str(raised.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(IntertrainError, match="cannot be read"):
            read_matrix(path)


def test_no_pretrained_model_suggests_a_name(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match=r"no base model 'X'.* Did you mean 'x'"):
        study_of_matrix(read_matrix(write(tmp_path, MATRIX)), KnownTasks(), "X")
    scores = planted_scores().replace("PT", "roberta")
    scores.to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(IntertrainError, match=r"no base model 'PT'.*Name it with --pretrained"):
        study_of_table(read_table(tmp_path / "s.csv"), "s", KnownTasks())


def test_scores_give_the_gains_of_a_grid(tmp_path: Path) -> None:
    scores = planted_scores(seeds=3)
    study = study_of(scores.sample(frac=1.0, random_state=1), tmp_path)
    expected = gain_matrices(
        scores.assign(status="done"),
        "PT",
        list(study.gains.mean.index),
        list(study.gains.mean.columns),
        3,
    )
    pd.testing.assert_frame_equal(study.gains.mean, expected.mean)
    pd.testing.assert_frame_equal(study.gains.q, expected.q)


def test_a_run_without_score_is_missing_not_zero(tmp_path: Path) -> None:
    scores = planted_scores(seeds=2)
    scores.loc[(scores["base"] == "m1") & (scores["target"] == "t0"), "score"] = np.nan
    study = study_of(scores, tmp_path)
    assert study.missing == 1
    assert study.gains.n.loc["m1", "t0"] == 0
    assert (study.runs is not None) and (study.runs["status"] == "missing").sum() == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: pd.concat([s, s.head(1)]), "has two of base 'PT', target 't0', seed '0'"),
        (
            lambda s: s.rename(columns={"score": "Score"}),
            "'score' is missing. Did you mean 'Score'",
        ),
        (lambda s: s.assign(score=s["score"] / 100), "in percent, but all are between 0 and 1"),
        (lambda s: s.assign(score="good"), "row 'PT, t0, seed 0', column 'score' must be a number"),
        (lambda s: s[s["base"] == "PT"], "a model besides the pretrained one, .* has 0 and 5"),
        (lambda s: s.assign(score=np.nan), "all 25 are missing"),
    ],
)
def test_bad_scores_are_one_line(tmp_path: Path, change: Change, message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as raised:
        study_of(change(planted_scores()), tmp_path)
    assert "\n" not in str(raised.value)


def board(names: list[str], scores: np.ndarray) -> Leaderboard:
    index = range(len(names))
    table = pd.DataFrame(scores, index=index, columns=[f"t{k}" for k in range(scores.shape[1])])
    probe = pd.Series([np.nan, *np.linspace(50, 60, len(names) - 1)], index=index)
    return Leaderboard(table, pd.Series(names, index=index), probe, table.mean(axis=1), 0)


def test_suspicious_rows_of_a_leaderboard_are_left_out_and_listed() -> None:
    random = np.random.default_rng(3)
    scores = 70.0 + random.standard_normal((30, 8))
    scores[7, 2] = 170.0
    scores[5] = scores[4]
    scores[9] = np.nan
    names = ["roberta", *(f"org/model{k}" for k in range(1, 30))]
    study = study_of_leaderboard("board", board(names, scores), KnownTasks())
    assert {"org/model7", "org/model5"} <= {finding.model for finding in study.left_out}
    assert not {"org/model7", "org/model5", "org/model9", "roberta"} & set(study.gains.mean.index)
    assert "org/model4" in study.gains.mean.index
    everything = study.with_suspicious
    assert everything is not None
    assert len(everything) == 28
    assert everything["suspicious"].sum() == 28 - len(study.gains.mean)
    kept = study_of_leaderboard("board", board(names, scores), KnownTasks(), keep_suspicious=True)
    assert len(kept.gains.mean) == 28
    assert kept.left_out == () and kept.everything is None
    assert study.everything is not None
    pd.testing.assert_frame_equal(study.everything.gains.mean, kept.gains.mean)
    assert study.gains.mean.loc["org/model1", "t0"] == pytest.approx(scores[1, 0] - scores[0, 0])
    assert study.probe["org/model4"] == pytest.approx(50 + 10 * 3 / 28)


def test_the_published_leaderboard(published: Path) -> None:
    path = published / "model-recycling" / "roberta-base_table.csv"
    study = study_of_leaderboard("roberta", read_leaderboard(path), KnownTasks())
    rows = {finding.row for finding in study.left_out}
    assert len(study.gains.mean) + len(rows) == 386
    assert study.gains.mean.shape[1] == 36
    assert "facebook/muppet-roberta-base" in {finding.model for finding in study.left_out}
    assert study.missing == 0


def test_results_know_sources_sizes_and_gaps() -> None:
    study = study_of_runs(
        ("a", "b", "c"), seeds=2, failed={"b:a:0": "diverged"}, missing=("c:a:0", "c:a:1")
    )
    assert study.sources == {"a": "a", "b": "b", "c": "c"}
    assert study.train_sizes == {"a": 200, "b": 200, "c": 200}
    assert study.test_sizes == {"a": 50, "b": 50, "c": 50}
    assert (study.cells, study.missing, study.thin) == (9, 1, 1)
    assert list(study.pretrained_scores.index) == ["a", "b", "c"]


def test_records_of_other_grids_in_the_directory_do_not_count() -> None:
    strays = sized_store(50, 9.0)
    tiny = study_of_runs(("a", "b", "c"), seeds=2)
    assert tiny.runs is not None
    gains = study_of_results(
        "x",
        Analysis(tiny.runs, pd.DataFrame({"base": [], "target": [], "mean": []}), tiny.gains),
        {**tiny.records, **strays},
        "PT",
        {},
    )
    assert gains.train_sizes == {"a": 200, "b": 200, "c": 200}


def test_columns_of_averages_are_no_targets() -> None:
    gains = pd.DataFrame(
        {"rte": [1.0, -1.0, -2.0], "cb": [2.0, 0.5, -1.0]}, index=["mnli", "sst2", "cola"]
    )

    def shown(table: pd.DataFrame, tasks: KnownTasks | None = None) -> Study:
        return study_of_table(read_table(table.rename_axis("base")), "gains", tasks or KnownTasks())

    plain = shown(gains)
    for name in ("average", "Average", " AVG ", "mean"):
        table = gains.assign(**{name: gains.mean(axis=1)})
        found = shown(table)
        pd.testing.assert_frame_equal(found.gains.mean, plain.gains.mean)
        assert any(f"column {name!r}" in note for note in found.notes)
    # A task may be called so.
    known = KnownTasks(train={"mean": 100})
    table = gains.assign(mean=gains.mean(axis=1))
    assert list(study_of_table(read_table(table), "gains", known).gains.mean) == [
        "rte",
        "cb",
        "mean",
    ]


def test_a_task_that_sources_see_otherwise_than_targets_has_no_one_size() -> None:
    plan = make_plan(make_config(source_protocol={"train_size": 5}, seeds=1))
    records = {
        run.id: record_of(run, make_result(n_train=run.protocol.train_size or 90), None, {}, {})
        for run in plan.runs
    }
    analysis = analyse_plan(plan, Stored(records))
    assert study_of_results("x", analysis, records, "PT", {}).train_sizes == {}
    targets = make_config(source_protocol={"train_size": 5}, seeds=1, targets=("gamma",))
    plan = make_plan(targets)
    few = {run.id: records[run.id] for run in plan.runs}
    sizes = study_of_results("x", analyse_plan(plan, Stored(few)), few, "PT", {}).train_sizes
    assert sizes == {"alpha": 5, "beta": 5}
