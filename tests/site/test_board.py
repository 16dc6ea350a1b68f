"""Boards: the order of models, and conflicts between result sets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.site.board import Model, conflicts, order, times_of
from tests.boards import board
from tests.runs import make_plan, make_record


def test_models_without_rank_come_last_and_equals_by_name() -> None:
    models = [Model("b"), Model("a"), Model("x", average=1.0), Model("y", average=0.0, rank=7.0)]
    assert [m.name for m in sorted(models, key=order)] == ["y", "x", "a", "b"]


def test_what_a_board_counts() -> None:
    tiny = board()
    assert tiny.tested == 3 and tiny.seeds and tiny.suspicious == {"broken"}
    assert not Model("x", status="not tested").paged
    assert [model.measured for model in tiny.models] == [True, True, True, False]
    assert Model("x", probe=1.0).measured
    assert Model("x", status="not tested", probe=1.0).paged


def test_a_board_says_the_days_of_its_runs() -> None:
    day = "2026-11-20T01:02:03Z"
    assert board().date == "" and board(times=(day, day)).date == "2026-11-20"
    late = "2026-12-01T00:00:00Z"
    assert board(times=(day, late)).date == "2026-11-20 to 2026-12-01"
    plan = make_plan()
    records = [make_record(run) for run in plan.runs[:3]]
    assert times_of(records) is None
    dated = [dataclasses.replace(records[0], finished=late), records[1]]
    assert times_of([*dated, dataclasses.replace(records[2], finished=day)]) == (day, late)


def test_a_run_with_two_scores_is_told_and_an_equal_one_is_not(repository: Path) -> None:
    records = ResultsDir(repository / "results" / "real-small").runs.read_all().by_key
    key, record = next(iter(sorted(records.items())))
    assert record.result is not None
    other = dataclasses.replace(record.result, test=record.result.test + 1)
    changed = {**records, key: dataclasses.replace(record, result=other)}
    assert conflicts([("one", records), ("two", records)]) == []
    (said,) = conflicts([("one", records), ("two", changed)])
    assert f"Run {key}" in said and " in one and " in said and "nothing is averaged" in said
