"""Scores that cannot be are no records, and never enter gains."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError, StopReason, time_now
from intertrain_jax.records.probes import PROBES
from intertrain_jax.records.results import RunResult
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.runs import RUNS
from intertrain_jax.records.sound import check_result, check_time, odd_ones
from intertrain_jax.stats.gains import Expected
from intertrain_jax.study.scores import score_table
from tests.probe_runs import probe_record
from tests.runs import make_plan, make_record

WHOLE = RunResult(
    "accuracy", 70.0, 80.0, 50, 20, 200, 25, 800, StopReason.SCHEDULE, ({"validation": 80.0},)
)
ROWS = {"rows": {"train": 200, "validation": 20, "test": 50}}


@pytest.mark.parametrize(
    "result",
    [
        WHOLE,
        replace(WHOLE, test=0.0),
        replace(WHOLE, test=100.0),
        replace(WHOLE, n_train=100, unanswered=50, stop_reason=StopReason.PATIENCE),
        replace(WHOLE, metric="spearman", test=-3.21, validation=-12.3, history=()),
        replace(WHOLE, validation=33.0, history=({"step": 1},)),
    ],
)
def test_what_can_be_is_sound(result: RunResult) -> None:
    check_result(result, {})
    if result.n_test == 50:
        check_result(result, ROWS)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"test": -50.0}, r"test score must be in \[0, 100\] percent, but is -50"),
        ({"test": 250.0}, r"in \[0, 100\] percent, but is 250"),
        ({"test": 1e308}, r"in \[0, 100\] percent, but is 1e\+308"),
        ({"validation": 101.0}, "validation score must be in"),
        ({"metric": "spearman", "test": -101.0}, r"in \[-100, 100\] percent"),
        ({"metric": "f1"}, "must be one of accuracy, spearman, but is 'f1'"),
        ({"n_test": 0}, "of an example at least, but of none"),
        ({"n_validation": -1}, "of an example at least"),
        # Test and validation that changed places.
        ({"test": 80.0, "validation": 70.0}, "best of its history, 80, but is 70"),
        ({"validation": 75.0}, "best of its history"),
        ({"n_train": 0}, "trained on an example"),
        ({"test": None}, "test score must be a number, but it has none"),
        ({"steps": -1}, "counts must not be below zero"),
        ({"seconds": -1.0}, "must have"),
        ({"unanswered": 51}, "no more than all unanswered"),
        ({"stop_reason": StopReason.DIVERGED}, "ended as 'diverged'"),
        ({"n_test": 100}, "of the 50 examples of its test split, but is of 100"),
        ({"n_train": 201}, "at most 200 examples, but did on 201"),
    ],
)
def test_what_cannot_be_says_why(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(IntertrainError, match=said):
        check_result(replace(WHOLE, **changes), ROWS)


def test_what_only_makes_a_source_model_may_have_no_test_score() -> None:
    check_result(replace(WHOLE, test=None), ROWS, untested=True)
    with pytest.raises(IntertrainError, match="validation score must be in"):
        check_result(replace(WHOLE, test=None, validation=101.0), ROWS, untested=True)


def test_times_are_written_as_times_are() -> None:
    check_time(None)
    check_time(time_now())
    for wrong in ("2026-11-27", "2026-13-27T18:02:11Z", "2026-11-27T18:02:11+01:00", "<b>", "1"):
        with pytest.raises(IntertrainError, match="must be as 2026-11-27T18:02:11Z, but is"):
            check_time(wrong)
    with pytest.raises(IntertrainError, match="its time must be"):
        RUNS.from_json(RUNS.to_json(replace(make_record(make_plan().runs[0]), finished="now")))
    with pytest.raises(IntertrainError, match="its time must be"):
        PROBES.from_json(PROBES.to_json(replace(probe_record("a", (60.0,)), finished="now")))


def test_who_contradicts_most_others_is_odd() -> None:
    records = {name: ("data", fact) for name, fact in zip("abcd", (1, 1, 2, 1), strict=True)}
    assert list(odd_ones(records, lambda record: record)) == ["c"]
    # Where there is no majority nobody knows who is right.
    assert set(odd_ones({"a": ("data", 1), "b": ("data", 2)}, lambda record: record)) == {"a", "b"}
    assert odd_ones({"a": None, "b": ("data", 2)}, lambda record: record) == {}


@pytest.mark.parametrize(
    "changes",
    [{"test": -50.0}, {"test": 250.0}, {"n_test": 0}, {"metric": "f1"}, {"metric": "spearman"}],
)
def test_an_impossible_record_is_a_problem_and_no_score(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    plan, store = make_plan(), ResultsDir(tmp_path).runs
    paths = [store.write(make_record(run)) for run in plan.runs]
    content = json.loads(paths[-1].read_text())
    content["result"] |= changes
    paths[-1].write_text(json.dumps(content))
    found = store.read_all()
    assert [problem.path for problem in found.problems] == [paths[-1]]
    run = plan.runs[-1]
    expected = Expected(run.id, run.base.label, run.target, run.seed)
    assert score_table([expected], found.by_key)["status"].tolist() == ["missing"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda r: r["heads"][1]["result"].update(test=r["heads"][1]["result"]["test"] + 10),
            "answers",
        ),
        (lambda r: r.update(answers="!"), "answers cannot be read"),
        (lambda r: r.update(answers=r["answers"][:20]), "answers cannot be read"),
        (lambda r: r["estimates"].update(logme=float("inf")), "estimates must be numbers"),
        (lambda r: [h["result"].update(metric="f1") for h in r["heads"]], "'f1'"),
    ],
)
def test_an_impossible_probe_is_a_problem(tmp_path: Path, change: Any, said: str) -> None:
    store = ResultsDir(tmp_path).probes
    path = store.write(probe_record("m"))
    assert not store.read_all().problems
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    (problem,) = store.read_all().problems
    assert said in problem.reason


def test_committed_records_are_sound(repository: Path) -> None:
    for folder, kind in (("real-small", "runs"), ("real-small-rank", "probes")):
        found = getattr(ResultsDir(repository / "results" / folder), kind).read_all()
        assert found.by_key and not found.problems
