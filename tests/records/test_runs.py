"""Records: identity, whole files only, names that stay inside the store."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intertrain_jax.base import StopReason
from intertrain_jax.config.protocol import Protocol, TextProtocol
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.runs import RUNS, BaseRef, Record, is_better, run_id
from intertrain_jax.records.store import safe_name
from tests.runs import make_plan, make_record, make_result

BASE = BaseRef("PT", "model", None, "weights")
OTHER_VALUES: dict[str, Any] = {
    "method": "probe",
    "head": "inherit",
    "schedule": "constant",
    "precision": "bfloat16",
    "max_examples": 10_000,
    "dropout": 0.3,
    "train_size": 100,
    "clip_norm": None,
    "warmup_fraction": 0.5,
    "adam_beta1": 0.5,
    "adam_beta2": 0.5,
    "text": TextProtocol(),
}


@pytest.fixture
def record() -> Record:
    return make_record(make_plan().runs[0])


def test_id_is_stable_over_releases() -> None:
    # Results on disk are found by these ids.
    assert run_id(BASE, "rte", "data", Protocol(precision="float32"), 0) == "5ac6dc6520ac"


@pytest.mark.parametrize("name", [item.name for item in fields(Protocol)])
def test_every_field_of_the_protocol_is_part_of_the_id(name: str) -> None:
    protocol = Protocol(head="inherit") if name == "text" else Protocol()
    value = OTHER_VALUES.get(name)
    if name not in OTHER_VALUES:
        value = getattr(protocol, name) * 2 + 1
    changed = replace(protocol, **{name: value})
    assert run_id(BASE, "t", "d", changed, 0) != run_id(BASE, "t", "d", protocol, 0)


def test_id_depends_on_base_target_data_and_seed() -> None:
    protocol = Protocol()
    ids = {
        run_id(BASE, "t", "d", protocol, 0),
        run_id(BASE, "u", "d", protocol, 0),
        run_id(BASE, "t", "e", protocol, 0),
        run_id(BASE, "t", None, protocol, 0),
        run_id(BASE, "t", "d", protocol, 1),
        run_id(replace(BASE, fingerprint="other"), "t", "d", protocol, 0),
        run_id(replace(BASE, source_run="abc"), "t", "d", protocol, 0),
        run_id(replace(BASE, fingerprint=None), "t", "d", protocol, 0),
        run_id(replace(BASE, fingerprint=None, revision="v2"), "t", "d", protocol, 0),
    }
    assert len(ids) == 9


def test_id_does_not_depend_on_where_the_weights_lie_or_what_they_are_called() -> None:
    moved = replace(BASE, label="mine", reference="/elsewhere/model", revision="main")
    assert run_id(moved, "t", "d", Protocol(), 0) == run_id(BASE, "t", "d", Protocol(), 0)


@pytest.mark.parametrize("reason", [None, "diverged"])
def test_written_record_reads_back_equal(tmp_path: Path, reason: str | None) -> None:
    record = make_record(make_plan().runs[-1], reason=reason)
    store = ResultsDir(tmp_path).runs
    path = store.write(record)
    assert RUNS.read(path) == record
    assert store.read_all().by_key == {record.id: record}
    if record.result is not None:
        assert isinstance(RUNS.read(path).result.stop_reason, StopReason)  # type: ignore[union-attr]


def test_place_of_a_record(tmp_path: Path) -> None:
    run = make_plan().runs[0]
    run = replace(run, protocol=replace(run.protocol, train_size=100))
    path = ResultsDir(tmp_path).runs.path(make_record(run))
    assert path == tmp_path / "records" / "alpha" / f"PT--0--n100--{run.id}.json"


def test_numpy_scalars_are_numbers_in_files(tmp_path: Path, record: Record) -> None:
    result = make_result(np.float32(62.5), n_test=200, validation=63.0, steps=np.int64(7))
    path = ResultsDir(tmp_path).runs.write(replace(record, result=result))
    stored = RUNS.read(path).result
    assert stored is not None
    assert (stored.test, stored.steps) == (62.5, 7)


def test_a_score_that_is_no_number_is_refused(tmp_path: Path, record: Record) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        ResultsDir(tmp_path).runs.write(replace(record, result=make_result(float("nan"))))
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_record_is_a_problem_not_a_record(
    tmp_path: Path, record: Record, share: float
) -> None:
    store = ResultsDir(tmp_path).runs
    path = store.write(record)
    text = path.read_text("utf-8").rstrip()
    path.write_text(text[: int(len(text) * share)], "utf-8")
    records = store.read_all()
    assert records.by_key == {}
    assert [problem.path for problem in records.problems] == [path]
    assert "not valid JSON" in records.problems[0].reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"seed": 7}, "does not follow from its content"),
        ({"target": "other"}, "does not follow from its content"),
        ({"schema": 99}, "schema 99"),
        ({"seed": "0"}, "'seed' must be a whole number"),
        ({"status": "done", "result": None}, "has a result if it is done"),
        ({"status": "failed"}, "has a result if it is done"),
        ({"surprise": 1}, "unknown key 'surprise'"),
    ],
)
def test_inconsistent_record_is_a_problem(
    tmp_path: Path, record: Record, change: dict[str, Any], reason: str
) -> None:
    store = ResultsDir(tmp_path).runs
    path = store.write(record)
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **change}), "utf-8")
    records = store.read_all()
    assert records.by_key == {}
    assert reason in records.problems[0].reason


@pytest.mark.parametrize("content", ["{}", "[]", "null", '"text"', "\x00"])
def test_foreign_file_is_a_problem(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "records" / "alpha"
    folder.mkdir(parents=True)
    (folder / "notes.json").write_text(content, "utf-8")
    assert len(ResultsDir(tmp_path).runs.read_all().problems) == 1


def test_renamed_record_is_a_problem(tmp_path: Path, record: Record) -> None:
    store = ResultsDir(tmp_path).runs
    path = store.write(record)
    path.rename(path.with_name("PT--0--000000000000.json"))
    assert "does not end in its id" in store.read_all().problems[0].reason


def test_the_same_run_from_two_places_is_one_record(tmp_path: Path, record: Record) -> None:
    store = ResultsDir(tmp_path).runs
    path = store.write(record)
    copy = tmp_path / "records" / "merged" / path.name
    copy.parent.mkdir()
    copy.write_text(path.read_text("utf-8"), "utf-8")
    assert store.read_all().by_key == {record.id: record}


@pytest.mark.parametrize("done_first", [True, False])
def test_done_beats_failed_wherever_it_lies(
    tmp_path: Path, record: Record, done_first: bool
) -> None:
    failed = replace(record, status="failed", reason="memory", result=None)
    for folder, one in zip("ab", (record, failed) if done_first else (failed, record), strict=True):
        path = ResultsDir(tmp_path / folder).runs.write(one)
        path.rename(_at(tmp_path / "records" / folder, path.name))
    assert ResultsDir(tmp_path).runs.read_all().by_key[record.id].status == "done"


def untested(record: Record) -> Record:
    assert record.result is not None
    return replace(record, result=replace(record.result, test=None))


def test_only_runs_from_the_pretrained_model_may_be_untested(tmp_path: Path) -> None:
    for run in make_plan().runs:
        store = ResultsDir(tmp_path / run.id).runs
        store.write(untested(make_record(run)))
        found = store.read_all()
        assert bool(found.by_key) == (run.kind == "pretrained") != bool(found.problems)
        assert all(record.score is None for record in found.by_key.values())


@pytest.mark.parametrize("first", [True, False])
def test_a_test_score_beats_none_wherever_it_lies(
    tmp_path: Path, record: Record, first: bool
) -> None:
    both = (record, untested(record))
    for folder, one in zip("ab", both if first else both[::-1], strict=True):
        path = ResultsDir(tmp_path / folder).runs.write(one)
        path.rename(_at(tmp_path / "records" / folder, path.name))
    assert ResultsDir(tmp_path).runs.read_all().by_key == {record.id: record}


def test_what_takes_the_place_of_a_record(record: Record) -> None:
    failed = replace(record, status="failed", reason="memory", result=None)
    outcomes = {"failed": None, "untested": untested(record).result, "done": record.result}
    known = {"none": None, "failed": failed, "untested": untested(record), "done": record}
    better = {
        (k, o) for k, old in known.items() for o, new in outcomes.items() if is_better(new, old)
    }
    assert better == {*((k, o) for k in ("none", "failed") for o in outcomes), ("untested", "done")}


def test_half_written_files_are_not_seen(tmp_path: Path, record: Record) -> None:
    store = ResultsDir(tmp_path).runs
    path = store.write(record)
    path.with_name(f".{path.name}.123.tmp").write_text("{", "utf-8")
    records = store.read_all()
    assert len(records.by_key) == 1
    assert records.problems == ()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/abs", "..", "a/b", "a\\b", "", ".hidden", "x" * 300]
)
def test_names_never_leave_the_store(tmp_path: Path, name: str, record: Record) -> None:
    store = ResultsDir(tmp_path).runs
    hostile = replace(record, target=name, base=replace(record.base, label=name))
    path = store.path(hostile)
    assert path.resolve().parent.parent == (tmp_path / "records").resolve()
    assert safe_name(name) not in ("", ".", "..")


def _at(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name
