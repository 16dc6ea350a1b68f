"""States of runs, explanations and the heartbeat."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.planning.status import (
    HEARTBEAT_FILE,
    Heartbeat,
    Process,
    counts,
    explain,
    find_runs,
    read_heartbeat,
    states,
    this_process,
    write_heartbeat,
)
from intertrain_jax.records.runs import Record
from tests.runs import make_config, make_plan, make_records

PLAN = make_plan(make_config(sources=("alpha",), targets=("beta", "gamma"), seeds=1))
BY_NAME = {run.name: run for run in PLAN.runs}


def state_of(records_of: dict[str, str | None]) -> dict[str, str]:
    runs = [BY_NAME[name] for name in records_of]
    failed = {name: reason for name, reason in records_of.items() if reason}
    state = states(PLAN, make_records(runs, failed))
    return {name: state[run.id] for name, run in BY_NAME.items()}


def untested(records: Iterable[Record]) -> dict[str, Record]:
    """Returns those of records that are done, as runs leave them that only make a source model."""
    return {
        record.id: replace(record, result=replace(record.result, test=None))
        for record in records
        if record.result is not None
    }


def test_what_was_not_tested_is_done_only_where_it_is_no_target() -> None:
    records = untested(make_records([BY_NAME["PT:alpha:0"]]).values())
    assert states(PLAN, records)[BY_NAME["PT:alpha:0"].id] == "done"
    wider = make_plan(make_config(sources=("alpha",), targets=("beta", "alpha"), seeds=1))
    state = states(wider, records)
    (run,) = [run for run in wider.runs if run.id in records]
    assert run.name == "PT:alpha:0" and state[run.id] == "ready"
    assert {state[other.id] for other in wider.dependants(run.id)} == {"waiting"}
    (line,) = explain(wider, records, "PT:alpha:0")
    assert "ready: done when its task was no target, and so not tested" in line


def test_states_of_a_fresh_grid() -> None:
    assert state_of({}) == {
        "PT:alpha:0": "ready",
        "PT:beta:0": "ready",
        "PT:gamma:0": "ready",
        "alpha:beta:0": "waiting",
        "alpha:gamma:0": "waiting",
    }


def test_states_follow_the_source_run() -> None:
    after = state_of({"PT:alpha:0": None, "alpha:gamma:0": None})
    assert (after["PT:alpha:0"], after["alpha:beta:0"], after["alpha:gamma:0"]) == (
        "done",
        "ready",
        "done",
    )
    after = state_of({"PT:alpha:0": "diverged"})
    assert (after["PT:alpha:0"], after["alpha:beta:0"]) == ("failed", "blocked")


def test_records_of_other_experiments_do_not_count() -> None:
    other = make_plan(make_config(sources=("alpha",), targets=("beta",), seeds=3))
    total = counts(PLAN, make_records(other.runs))
    assert sum(total.values()) == len(PLAN.runs)
    assert total["done"] == 3


@pytest.mark.parametrize(
    ("records_of", "what", "message"),
    [
        ({"PT:beta:0": None}, "PT:beta:0", r"done: test \d+\.\d\d, 800 examples, schedule"),
        ({}, "PT:beta:0", "ready: it waits for a free lane only"),
        ({}, "alpha:beta:0", r"waiting: .* that PT:alpha:0 \(\w+\) makes, which is ready"),
        (
            {"PT:alpha:0": "diverged"},
            "alpha:beta",
            "blocked: .* which is failed: diverged. .*--retry",
        ),
        ({"PT:alpha:0": "diverged"}, "PT:alpha", "failed: diverged"),
        (
            {"PT:alpha:0": None},
            "PT:alpha",
            r"done: validation \d+\.\d\d \(no target, not tested\), 800",
        ),
    ],
)
def test_explain_follows_the_reason_back(
    records_of: dict[str, str | None], what: str, message: str
) -> None:
    failed = {name: reason for name, reason in records_of.items() if reason}
    records = make_records([BY_NAME[name] for name in records_of], failed)
    records |= untested(record for record in records.values() if record.target == "alpha")
    (line,) = explain(PLAN, records, what)
    assert re.search(message, line)
    assert "\n" not in line


def test_runs_are_found_by_cell_by_name_and_by_id() -> None:
    plan = make_plan()
    assert {run.seed for run in find_runs(plan, "alpha:beta")} == {0, 1}
    assert [run.name for run in find_runs(plan, "alpha:beta:1")] == ["alpha:beta:1"]
    run = plan.runs[3]
    assert find_runs(plan, run.id[:8]) == [run]
    for what in ("alpha:betta", "", "zz"):
        with pytest.raises(IntertrainError, match="no run of 'tiny' is called"):
            find_runs(plan, what)
    with pytest.raises(IntertrainError, match="Did you mean 'alpha:beta'"):
        find_runs(plan, "alpha:betta")


def test_base_models_with_colons_are_found() -> None:
    reference = "package:mod/dir"
    config = make_config(model=replace(make_config().model, bases=(reference,)))
    plan = make_plan(config)
    assert len(find_runs(plan, f"{reference}:beta")) == 2


def beat_of(process: Process, age: float = 0.0) -> Heartbeat:
    return Heartbeat(process, time.time() - age, 1, 0, 10, 4, 50.0, 90.0)


def test_a_heartbeat_is_believed_while_its_process_lives(tmp_path: Path) -> None:
    here = this_process()
    assert here.alive and read_heartbeat(tmp_path) is None
    # However long ago it spoke: it may be compiling.
    for age in (0.0, 3600.0):
        beat = beat_of(here, age)
        write_heartbeat(tmp_path, beat)
        assert read_heartbeat(tmp_path) == beat
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_heartbeat(tmp_path, beat_of(Process(here.host, ended.pid, "")))
    assert read_heartbeat(tmp_path) is None


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="no /proc to read times from")
def test_a_later_process_of_the_same_number_is_another(tmp_path: Path) -> None:
    here = this_process()
    assert here.started.isdecimal()
    later = replace(here, started=str(int(here.started) + 1))
    assert later.alive is False
    write_heartbeat(tmp_path, beat_of(later))
    assert read_heartbeat(tmp_path) is None


def test_another_host_is_believed_while_its_word_is_fresh(tmp_path: Path) -> None:
    there = Process("another-host", os.getpid(), "1")
    assert there.alive is None
    write_heartbeat(tmp_path, beat_of(there, 10.0))
    assert read_heartbeat(tmp_path) is not None
    write_heartbeat(tmp_path, beat_of(there, 3600.0))
    assert read_heartbeat(tmp_path) is None


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"time": "now"}', "[" * 9999, "\ufeff"])
def test_a_heartbeat_that_is_none_is_not_believed(tmp_path: Path, content: str) -> None:
    (tmp_path / HEARTBEAT_FILE).write_text(content, "utf-8")
    assert read_heartbeat(tmp_path) is None
