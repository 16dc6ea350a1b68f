"""One run of a grid, done again, with an engine that makes up its scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.workflows.grid import grid
from intertrain_jax.workflows.repeat import repeat_run, same_outcome
from tests.experiments import FakeEngine, write_experiment
from tests.runs import make_result


def test_a_run_is_done_again_and_its_record_stays(tmp_path: Path) -> None:
    config = write_experiment(tmp_path)
    grid(config, runner=FakeEngine())
    files = {file: file.read_bytes() for file in config.out_dir.rglob("records/**/*.json")}
    engine = FakeEngine()
    said = repeat_run(config, "alpha:beta:1", runner=engine)
    assert "as its record says" in said and "alpha:beta:1" in said
    assert {file: file.read_bytes() for file in config.out_dir.rglob("records/**/*.json")} == files
    work = engine.work
    assert work is not None and work.options.kept == "all"
    # The plan is whole, as it decides shapes; this run alone is to be done.
    assert [run.name for run in work.plan.runs if run.id not in work.done] == ["alpha:beta:1"]
    by_id = next(run.id for run in work.plan.runs if run.name == "PT:beta:0")
    assert "PT:beta:0" in repeat_run(config, by_id[:8], runner=FakeEngine())


@dataclass
class Laned(FakeEngine):
    """Says that it had so many lanes, of which the results depend."""

    lanes: int = 8

    def run_grid(self, work: Any, emit: Any, watch: Any) -> Any:
        lanes, fuse = work.options.lanes, work.options.fuse
        found = (self.lanes, 2) if lanes == "auto" else (lanes, 1 if fuse == "auto" else fuse)

        def with_lanes(run: Any, result: Any, reason: str | None) -> None:
            made = replace(result, test=result.test + found[0], lanes=found[0], fuse=found[1])
            emit(run, made, reason)

        return super().run_grid(work, with_lanes, watch)


def test_a_run_is_repeated_in_as_many_lanes_as_it_was_done_in(tmp_path: Path) -> None:
    """One run alone would have one lane, whose last digits are others."""
    config = write_experiment(tmp_path)
    config = replace(config, engine=replace(config.engine, lanes="auto", fuse="auto"))
    grid(config, runner=Laned())
    engine = Laned(lanes=1)
    assert "as its record says" in repeat_run(config, "alpha:beta:1", runner=engine)
    assert engine.work is not None
    assert (engine.work.options.lanes, engine.work.options.fuse) == (8, 2)
    asked = replace(config, engine=replace(config.engine, lanes=3))
    assert "other lanes" in repeat_run(asked, "alpha:beta:1", runner=Laned())


def test_a_run_that_nobody_did_gets_its_record(tmp_path: Path) -> None:
    config = write_experiment(tmp_path)
    assert "now recorded" in repeat_run(config, "PT:beta:0", runner=FakeEngine())
    assert len(ResultsDir(config.out_dir).runs.read_all().by_key) == 1


def test_what_is_not_one_run_is_an_error(tmp_path: Path) -> None:
    config = write_experiment(tmp_path)
    with pytest.raises(IntertrainError, match="must be one run, but may be PT:beta:0, PT:beta:1"):
        repeat_run(config, "PT:beta", runner=FakeEngine())
    with pytest.raises(IntertrainError, match="is called 'gamma:beta:0'"):
        repeat_run(config, "gamma:beta:0", runner=FakeEngine())
    with pytest.raises(IntertrainError, match="PT:beta:0 failed: diverged"):
        repeat_run(config, "PT:beta:0", runner=FakeEngine(failures={"PT:beta:0": "diverged"}))


def test_outcomes_are_equal_whatever_they_took() -> None:
    one = make_result()
    assert same_outcome(one, replace(one, seconds=one.seconds + 5))
    assert same_outcome(one, replace(one, lanes=4, fuse=1))
    assert not same_outcome(one, replace(one, test=69.0))
    untested = replace(one, test=None)
    assert same_outcome(one, untested) and same_outcome(untested, untested)
    assert not same_outcome(one, replace(untested, validation=1.0))


def test_a_source_that_is_no_target_is_repeated_beside_either_record(tmp_path: Path) -> None:
    whole = write_experiment(tmp_path)
    narrow = replace(whole, targets=("beta",))
    grid(narrow, runner=FakeEngine())
    said = repeat_run(narrow, "PT:alpha:0", runner=FakeEngine())
    assert ": validation " in said and "as its record says" in said
    # As a target it gets the score that it lacks, which stays when it is none again.
    said = repeat_run(whole, "PT:alpha:0", runner=FakeEngine())
    assert ": test " in said and "now recorded" in said
    said = repeat_run(narrow, "PT:alpha:0", runner=FakeEngine())
    assert ": validation " in said and "as its record says" in said
    records = ResultsDir(whole.out_dir).runs.read_all().by_key.values()
    assert {r.seed: r.score is None for r in records if r.target == "alpha"} == {0: False, 1: True}
