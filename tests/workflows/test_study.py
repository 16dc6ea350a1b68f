"""A study from its file to its tables, with an engine that makes up its scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import intertrain_jax as ij
from intertrain_jax.base import IntertrainError
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.workflows.results import read_finished
from intertrain_jax.workflows.study import StudyResult, read_study
from tests.experiments import FakeEngine
from tests.studies import raw_study

# Of `a`: 4 from PT, 8 from sources. Of each size of `b`: its source twice, then 4 runs. Of `c`: nothing
# for the good, which `a` has, and for the bad a source and a run of each seed.
RUNS = (4 + 8) + 2 * (2 + 4) + 4


def done(raw: dict[str, Any], engine: FakeEngine, **given: Any) -> StudyResult:
    found: StudyResult = ij.study(raw, runner=engine, **given)
    return found


def files(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def test_every_run_is_done_once_and_every_part_is_a_results_directory(tmp_path: Path) -> None:
    engine = FakeEngine()
    result = done(raw_study(tmp_path), engine)
    assert result.counts == (RUNS, RUNS, 0) and len(engine.calls) == RUNS
    assert {label: grid.counts for label, grid in result.grids.items()} == {
        "a": (12, 0),
        "b-8": (10, 0),
        "b-16": (10, 0),
        "c-good": (6, 0),
        "c-bad": (6, 0),
    }
    for label, grid in result.grids.items():
        again = read_finished(tmp_path / "out" / label)
        assert again.plan == grid.plan
        pd.testing.assert_frame_equal(again.gains, grid.gains)
        assert again.stored.by_key.keys() == grid.plan.by_id.keys()
    # The best source of `a`, by its average gain.
    best = result.grids["a"].gains.mean(axis=1).idxmax()
    assert result.grids["b-8"].plan.bases == ("PT", best)
    page = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert result.verdicts and all(verdict.title in page for verdict in result.verdicts)
    assert f"{RUNS} of {RUNS} runs done" in page and "| [c-bad](c-bad) | 6 | 6 | 0 |" in page


def test_the_table_has_every_tested_run_of_every_part(tmp_path: Path) -> None:
    runs = done(raw_study(tmp_path), FakeEngine()).runs
    # A part's baselines are there once, whatever its sizes; what makes a source only is not.
    assert runs.groupby("part").size().to_dict() == {"a": 12, "b": 4 + 8, "c": 2 + 4}
    assert set(runs["architecture"]) == {"Tiny"} and set(runs["target_size"]) == {36}
    of_b = runs[(runs["part"] == "b") & (runs["kind"] == "source")]
    assert of_b.groupby("source_size").size().to_dict() == {36: 8}  # what the engine makes up
    assert (of_b["source_seed"] == of_b["seed"]).all()
    (label,) = set(of_b["group"])
    assert label == {"alpha": "good", "beta": "bad"}[of_b["base"].iloc[0]]
    groups = runs[(runs["part"] == "c") & (runs["kind"] != "pretrained")]
    assert set(groups["kind"]) == {"base"}
    assert dict(zip(groups["base"], groups["group"], strict=True)) == {
        "alpha good 0": "good",
        "alpha good 1": "good",
        "alpha bad 0": "bad",
        "alpha bad 1": "bad",
    }
    baselines = runs[runs["kind"] == "pretrained"]
    assert baselines["group"].isna().all() and baselines["source_size"].isna().all()


def test_a_base_model_has_the_regularisation_that_it_was_made_with(tmp_path: Path) -> None:
    raw = raw_study(tmp_path)
    changes = {"source_protocol.weight_decay": 1, "source_protocol.method": "lp_then_ft"}
    raw["study"] = {"d": {"sources": ["alpha"], "targets": ["beta"], "each": {"more": changes}}}
    runs = done(raw, FakeEngine()).runs.set_index("base")
    assert runs.groupby("base")["weight_decay"].first().to_dict() == {"PT": 0.01, "alpha": 1.0}
    methods = {"PT": "finetune", "alpha": "lp_then_ft"}
    assert runs.groupby("base")["method"].first().to_dict() == methods


def test_a_second_time_changes_no_byte_and_needs_neither_model_nor_data(tmp_path: Path) -> None:
    raw = raw_study(tmp_path)
    done(raw, FakeEngine())
    before = files(tmp_path / "out")
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    done(raw, object())  # type: ignore[arg-type]
    assert files(tmp_path / "out") == before


def test_what_is_there_is_read_without_training(tmp_path: Path) -> None:
    raw = raw_study(tmp_path)
    done(raw, FakeEngine())
    before = files(tmp_path / "out")
    (tmp_path / "out" / "README.md").unlink()
    read_study(tmp_path / "out")
    assert files(tmp_path / "out") == before
    gone = next((tmp_path / "out").rglob("records/beta/alpha--1--*.json"))
    for path in (tmp_path / "out").rglob(gone.name):
        path.unlink()
    assert read_study(tmp_path / "out").counts == (RUNS, RUNS - 1, 0)


def test_it_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    raw = raw_study(tmp_path)
    first = FakeEngine(interrupt_after=7)
    with pytest.raises(KeyboardInterrupt):
        done(raw, first)
    assert read_study(tmp_path / "out").counts[1] == 7
    second = FakeEngine()
    assert done(raw, second).counts == (RUNS, RUNS, 0)
    assert len(first.calls) == 7 and len(second.calls) == RUNS - 7


def test_records_of_the_parts_are_taken_over_when_what_was_shared_is_gone(tmp_path: Path) -> None:
    raw = raw_study(tmp_path)
    del raw["study"]["b"]  # whose source another seed may change
    done(raw, FakeEngine())
    (tmp_path / "out" / "work").rename(tmp_path / "gone")
    raw["study"]["a"]["seeds"] = 3
    more = FakeEngine()
    result = done(raw, more)
    # Of the third seed: 2 from PT and 4 from sources.
    assert len(more.calls) == 6 and {name[-2:] for name in more.calls} == {":2"}
    assert result.counts == (16 + 6, 16 + 6, 0)


def test_what_failed_is_counted_and_done_again_when_asked_to(tmp_path: Path) -> None:
    raw = raw_study(tmp_path)
    broken = FakeEngine(failures={"alpha:beta:1": "diverged"})
    result = done(raw, broken)
    failed = result.counts[2]
    assert failed == sum(name == "alpha:beta:1" for name in broken.calls) >= 2
    assert len(result.grids["a"].failed) == 1
    again = FakeEngine()
    assert done(raw, again).counts == (RUNS, RUNS - failed, failed) and again.calls == []
    assert done(raw, again, retry_failed=True).counts == (RUNS, RUNS, 0)
    assert set(again.calls) == {"alpha:beta:1"} and len(again.calls) == failed


def test_a_part_that_is_another_experiment_now_is_refused(tmp_path: Path) -> None:
    raw = raw_study(tmp_path)
    done(raw, FakeEngine())
    before = files(tmp_path / "out")
    with pytest.raises(IntertrainError, match=r"'protocol\.epochs' is 10\.0, here it is 3\.0"):
        done(raw, FakeEngine(), overrides=["protocol.epochs=3"])
    assert files(tmp_path / "out") == before
    assert ResultsDir(tmp_path / "out" / "a").runs.read_all().problems == ()
