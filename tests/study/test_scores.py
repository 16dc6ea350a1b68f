"""Scores out of records: joined by run, with every gap visible."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.stats.gains import Expected
from intertrain_jax.study.scores import lacking_notes, score_table
from tests.runs import make_config, make_plan, make_record

PLAN = make_plan(make_config(sources=("alpha", "beta"), targets=("beta", "gamma"), seeds=2))
RUNS = PLAN.matrix_runs
EXPECTED = [Expected(r.id, r.base.label, r.target, r.seed) for r in RUNS]
RECORDS = {run.id: make_record(run, 50.0 + k) for k, run in enumerate(RUNS)}


def test_every_run_has_its_own_score_in_the_order_that_is_asked_for() -> None:
    shuffled = list(RECORDS.items())
    random.Random(0).shuffle(shuffled)
    table = score_table(EXPECTED, dict(shuffled))
    assert list(table.columns) == ["base", "target", "seed", "status", "score", "reason", "id"]
    assert table["id"].tolist() == [run.id for run in RUNS]
    assert table["score"].tolist() == [50.0 + k for k in range(len(RUNS))]
    assert (table["status"] == "done").all() and (table["reason"] == "").all()
    keys = table[["base", "target", "seed"]].itertuples(index=False)
    assert [tuple(key) for key in keys] == [(r.base.label, r.target, r.seed) for r in RUNS]


def test_failed_and_missing_runs_have_no_score() -> None:
    failed, missing = RUNS[1], RUNS[2]
    records = {**RECORDS, failed.id: make_record(failed, 99.0, "diverged")}
    del records[missing.id]
    # It only made a source model when it was done.
    untested = next(run for run in RUNS[3:] if run.kind == "pretrained")
    result = RECORDS[untested.id].result
    assert result is not None
    records[untested.id] = replace(RECORDS[untested.id], result=replace(result, test=None))
    table = score_table(EXPECTED, records).set_index("id")
    lost = [failed.id, missing.id, untested.id]
    assert table.loc[lost, "status"].tolist() == ["failed", "missing", "missing"]
    assert table.loc[lost, "reason"].tolist() == ["diverged", "", ""]
    assert table["score"].isna().sum() == 3


def test_records_of_other_runs_are_not_in_it() -> None:
    table = score_table(EXPECTED[:3], RECORDS)
    assert table["id"].tolist() == [run.id for run in RUNS[:3]]


def test_of_no_runs_it_is_an_empty_table_of_the_same_columns() -> None:
    table = score_table([], RECORDS)
    assert len(table) == 0 and list(table.columns) == list(score_table(EXPECTED, {}).columns)
    assert table["score"].dtype == score_table(EXPECTED, {})["score"].dtype == float


def test_two_runs_for_one_key_are_a_bug() -> None:
    first = EXPECTED[0]
    twice = [*EXPECTED, Expected("0" * 12, first.base, first.target, first.seed)]
    with pytest.raises(ValueError, match="same base, target and seed"):
        score_table(twice, {})


def test_what_has_no_gain_is_named_with_the_reason() -> None:
    nan = np.nan
    gains = pd.DataFrame(
        {"rte": [1.0, nan, 2.0], "cola": [nan] * 3, "cb": [nan] * 3}, index=["a", "b", "c"]
    )
    baseline = pd.Series({"rte": 60.0, "cola": nan, "cb": 70.0})
    assert lacking_notes(gains, baseline) == [
        "No gain is known on 'cola', as the pretrained model has no score there.",
        "No gain is known on 'cb', as no base model has a score there.",
        "No gain is known of 'b': no score counts.",
    ]
    assert lacking_notes(gains[["rte"]].dropna(), baseline) == []
    assert "'cola', 'cb', as no base model" in lacking_notes(gains, pd.Series(dtype=float))[0]
