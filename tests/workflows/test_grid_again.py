"""A grid that is done again, wider or narrower, or after a failure: what is done stays done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.workflows.grid import grid
from tests.experiments import FakeEngine, write_experiment

RUNS = 2 * 2 + 2 * 2 * 2


@pytest.fixture
def config(tmp_path: Path) -> ExperimentConfig:
    return write_experiment(tmp_path)


def test_dependants_of_a_run_that_failed_before_a_kill_are_recorded(
    config: ExperimentConfig,
) -> None:
    first = FakeEngine(failures={"PT:alpha:0": "diverged"}, interrupt_after=1)
    with pytest.raises(KeyboardInterrupt):
        grid(config, runner=first)
    assert first.calls == ["PT:alpha:0"]
    second = FakeEngine()
    assert grid(config, runner=second).counts[1] > 0
    records = ResultsDir(config.out_dir).runs.read_all().by_key.values()
    failed = {f"{r.base.label}:{r.target}:{r.seed}" for r in records if r.status == "failed"}
    assert failed == {"PT:alpha:0", "alpha:alpha:0", "alpha:beta:0"}
    assert len(second.calls) == RUNS - 3


def test_a_source_that_fails_when_done_again_takes_no_finished_run_with_it(
    config: ExperimentConfig,
) -> None:
    grid(config, runner=FakeEngine())
    store = ResultsDir(config.out_dir).runs
    before = store.read_all().by_key
    (source,) = config.out_dir.glob("records/alpha/PT--0--*.json")
    source.unlink()
    for again in (False, True):
        result = grid(config, runner=FakeEngine(failures={"PT:alpha:0": "x"}), retry_failed=again)
        assert result.counts == (RUNS - 1, 1)
    after = store.read_all().by_key
    assert {key for key in before if after[key] != before[key]} == {source.stem[-12:]}


def test_a_source_that_is_no_target_is_scored_once_it_is_one(config: ExperimentConfig) -> None:
    narrow = replace(config, targets=("beta",))
    first = grid(narrow, runner=FakeEngine())
    assert first.counts == (8, 0)
    scores = first.scores["test"]
    untested = [("PT", "alpha", 0), ("PT", "alpha", 1)]
    assert scores.index[scores.isna()].tolist() == untested and first.scores["validation"].all()
    again = FakeEngine()
    assert grid(narrow, runner=again).counts == (8, 0) and again.calls == []
    # The failure of a run that was done leaves its record, says so, and is tried again next time.
    with pytest.warns(UserWarning, match="PT:alpha:1 has no test score, as it failed .*: diverged"):
        partly = grid(config, runner=FakeEngine(failures={"PT:alpha:1": "diverged"}))
    # What was to start from it, and was not done before, failed with it.
    assert partly.counts == (RUNS - 2, 1) and partly.gains.notna().all(axis=None)
    odd = {untested[1]: "missing", ("alpha", "alpha", 1): "failed"}
    assert partly.analysis.runs.set_index(["base", "target", "seed"])["status"].to_dict() == {
        (base, target, seed): odd.get((base, target, seed), "done")
        for base in ("PT", "alpha", "beta")
        for target in ("alpha", "beta")
        for seed in (0, 1)
    }
    last = FakeEngine()
    whole = grid(config, runner=last, retry_failed=True)
    assert last.calls == ["PT:alpha:1", "alpha:alpha:1"] and whole.counts == (RUNS, 0)
    assert whole.scores["test"].notna().all()
    # The narrow grid has nothing to do in the directory of the whole one.
    last = FakeEngine()
    assert grid(narrow, runner=last).counts == (8, 0) and last.calls == []


def test_more_seeds_keep_what_is_done(config: ExperimentConfig) -> None:
    grid(config, runner=FakeEngine())
    more = FakeEngine()
    assert grid(replace(config, seeds=3), runner=more).counts[1] == 0
    assert len(more.calls) == RUNS // 2
    assert {name[-1] for name in more.calls} == {"2"}


def test_fewer_seeds_use_only_theirs(config: ExperimentConfig) -> None:
    grid(config, runner=FakeEngine())
    grid(replace(config, seeds=1), runner=FakeEngine())
    counts = pd.read_csv(config.out_dir / "analysis" / "gains_n.csv", index_col="base")
    assert (counts == 1).all().all()
    flat = pd.read_csv(config.out_dir / "analysis" / "records.csv")
    assert len(flat) == RUNS
    assert flat["expected"].sum() == RUNS // 2
