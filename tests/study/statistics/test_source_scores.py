"""Source scores against averages: within sources, and never a model's own task."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.records.runs import Record
from intertrain_jax.study.statistics.source_scores import source_scores
from tests.runs import make_config, make_plan, make_record
from tests.stats.studies import sized_store


def sourced_records(slope: float) -> tuple[pd.DataFrame, dict[str, Record], dict[str, str]]:
    """Runs of three sources whose average on targets follows their own score within a source."""
    plan = make_plan(make_config(sources=("a", "b", "c"), targets=("a", "b", "c"), seeds=4))
    random = np.random.default_rng(2)
    own = {(t, s): 70.0 + 5.0 * "abc".index(t) + random.normal() for t in "abc" for s in range(4)}
    records = {}
    for run in plan.runs:
        if run.kind == "pretrained":
            score = own[run.target, run.seed]
        else:
            score = 60.0 - 4.0 * "abc".index(run.base.label) + slope * own[run.base.label, run.seed]
        records[run.id] = make_record(run, score)
    rows = [
        {"base": r.base.label, "target": r.target, "seed": r.seed, "status": "done", "id": r.id,
         "score": records[r.id].result.test}  # type: ignore[union-attr]
        for r in plan.runs
    ]  # fmt: skip
    return pd.DataFrame(rows), records, {t: t for t in "abc"}


@pytest.mark.parametrize("slope", [0.5, -0.5])
def test_source_scores_are_compared_within_sources(slope: float) -> None:
    found = source_scores(*sourced_records(slope))
    assert found.within.value == pytest.approx(np.sign(slope))
    assert found.within.n == 12 - 3 + 1
    assert found.sources == ("a", "b", "c")
    assert len(found.points) == 12
    assert found.left_out == ()


def test_a_source_model_that_lacks_a_target_is_no_point() -> None:
    runs, records, sources = sourced_records(0.5)
    lost = (runs["base"] == "b") & (runs["seed"] == 1) & (runs["target"] == "c")
    runs.loc[lost, "status"] = "failed"
    found = source_scores(runs, records, sources)
    assert found.left_out == (("b", 1),)
    assert len(found.points) == 11


def test_its_own_task_does_not_count_for_a_source_model() -> None:
    runs, records, sources = sourced_records(0.5)
    before = source_scores(runs, records, sources)
    runs.loc[runs["base"] == runs["target"], "score"] = 0.0
    pd.testing.assert_frame_equal(source_scores(runs, records, sources).points, before.points)


def test_records_of_other_grids_in_the_directory_do_not_count() -> None:
    runs, records, sources = sourced_records(0.5)
    before = source_scores(runs, records, sources)
    strays = sized_store(50, 9.0)
    found = source_scores(runs, {**strays, **records, **strays}, sources)
    pd.testing.assert_frame_equal(found.points, before.points)


def test_sources_that_are_no_targets_are_compared_by_their_validation_scores() -> None:
    runs, records, sources = sourced_records(0.5)
    runs = runs[runs["target"] != "b"]
    before = source_scores(runs, records, sources)
    for key, record in records.items():
        if record.kind == "pretrained" and record.target == "b" and record.seed < 3:
            assert record.result is not None
            records[key] = replace(record, result=replace(record.result, test=None))
    found = source_scores(runs, records, sources)
    # Validation scores are the tests' and one, and within a source that is no difference.
    assert found.untested == ("b",) and before.untested == ()
    assert found.within.value == pytest.approx(before.within.value)
    moved = found.points["source_score"] - before.points["source_score"]
    assert moved.tolist() == pytest.approx((found.points["base"] == "b").astype(float).tolist())
