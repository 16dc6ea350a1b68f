"""Records of probed models: written whole, read only whole, inside their directory."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from intertrain_jax.config.refs import ModelRef
from intertrain_jax.records.probes import (
    HeadScore,
    choose_rate,
    pack_answers,
    probe_id,
    unpack_answers,
)
from intertrain_jax.records.results_dir import ResultsDir
from tests.probe_runs import PROTOCOL, failed_record, head_result, probe_record


def test_written_and_read_back(tmp_path: Path) -> None:
    store = ResultsDir(tmp_path).probes
    done, failed = probe_record("org/a"), failed_record("org/b", "It is gone.")
    for record in (done, failed):
        store.write(record)
    found = store.read_all()
    assert not found.problems
    assert found.by_key == {("org/a", done.id): done, ("org/b", failed.id): failed}


@pytest.mark.parametrize(
    "name",
    ["../../x", "<script>alert(1)</script>", "/etc/passwd", "..", "a/../../b", "x" * 300, ""],
)
def test_no_name_leaves_the_directory(tmp_path: Path, name: str) -> None:
    store = ResultsDir(tmp_path / "out").probes
    path = store.write(probe_record(name))
    assert path.parent == store.root / "task"
    assert not set(path.name) & set("/<>")
    assert store.read_all().by_key.keys() == {(name, probe_record(name).id)}


def test_names_that_look_alike_as_files_keep_apart(tmp_path: Path) -> None:
    store = ResultsDir(tmp_path).probes
    records = [replace(probe_record(name), id="0123456789ab") for name in ("a/b", "a_b", "a:b")]
    assert len({store.write(record) for record in records}) == 3
    assert len(store.read_all().by_key) == 3


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text[: len(text) // 2], "not valid JSON"),
        (lambda text: "[]", "not a record"),
        (lambda text: text.replace('"schema": 1', '"schema": 99'), "schema 99 is not 1"),
        (lambda text: text.replace('"heads"', '"haeds"'), "unknown key 'haeds'"),
        (lambda text: text.replace('"seed": 0', '"seed": "0"'), "must be a whole number"),
        (lambda text: text.replace('"status": "done"', '"status": "failed"'), "if it is done"),
    ],
)
def test_damaged_files_are_problems(tmp_path: Path, damage: object, reason: str) -> None:
    store = ResultsDir(tmp_path).probes
    path = store.write(probe_record("org/a"))
    path.write_text(damage(path.read_text()))  # type: ignore[operator]
    found = store.read_all()
    assert not found.by_key
    assert reason in found.problems[0].reason


def test_a_file_of_another_name_is_a_problem(tmp_path: Path) -> None:
    path = ResultsDir(tmp_path).probes.write(probe_record("org/a"))
    path.rename(path.with_name("other.json"))
    assert "does not end in its id" in ResultsDir(tmp_path).probes.read_all().problems[0].reason


def test_the_file_holds_no_number_that_is_none(tmp_path: Path) -> None:
    record = probe_record("org/a", estimates={"logme": float("nan")})
    with pytest.raises(ValueError, match="Out of range float"):
        ResultsDir(tmp_path).probes.write(record)


def test_ids_follow_content() -> None:
    ref = ModelRef("org/a")
    base = probe_id(ref, None, "task", "data", PROTOCOL)
    # Where files are at hand, they are the identity, not their place.
    local = probe_id(ref, "files", "task", "data", PROTOCOL)
    assert local == probe_id(ModelRef("elsewhere"), "files", "task", "data", PROTOCOL)
    assert base == probe_id(ref, None, "task", "data", replace(PROTOCOL, learning_rate=1.0))
    others = [
        probe_id(ModelRef("org/a", "v2"), None, "task", "data", PROTOCOL),
        probe_id(ref, None, "other", "data", PROTOCOL),
        probe_id(ref, None, "task", "other", PROTOCOL),
        probe_id(ref, None, "task", "data", replace(PROTOCOL, head="inherit")),
        probe_id(ref, None, "task", "data", replace(PROTOCOL, epochs=3.0)),
        local,
    ]
    assert len({base, *others}) == 7


def test_the_learning_rate_is_chosen_on_validation() -> None:
    def heads(*validations: float | None, rate: float) -> list[HeadScore]:
        return [
            HeadScore(s, rate, None if v is None else head_result(99.0, v))
            for s, v in enumerate(validations)
        ]

    low, high = heads(50.0, 60.0, rate=1e-4), heads(70.0, 42.0, rate=1e-3)
    assert choose_rate([*low, *high]) == 1e-3
    assert choose_rate([*low, *heads(55.0, 55.0, rate=1e-3)]) == 1e-4, "of equals, the lower"
    assert choose_rate([*low, *heads(99.0, None, rate=1e-3)]) == 1e-4, "one of its heads diverged"
    assert choose_rate(heads(None, None, rate=1e-3)) is None


def test_a_record_covers_what_it_was_asked_for() -> None:
    record = probe_record("a")
    assert record.covers(2, (1e-3, 1e-4), ("lp",))
    assert not record.covers(3, (1e-4, 1e-3), ("lp",))
    assert not record.covers(2, (1e-4,), ("lp",))
    assert not record.covers(2, (1e-4, 1e-3), ("lp", "knn"))
    assert failed_record("a", "gone").covers(9, (1.0,), ("knn",))
    assert [head.seed for head in record.chosen] == [0, 1]


def test_answers_are_packed_and_unpacked() -> None:
    rng = np.random.default_rng(0)
    right = rng.random((3, 101)) > 0.5
    np.testing.assert_array_equal(unpack_answers(pack_answers(right), 3, 101, False), right)
    outputs = rng.normal(size=(2, 7)).astype(np.float32)
    np.testing.assert_array_equal(unpack_answers(pack_answers(outputs), 2, 7, True), outputs)
    json.dumps(pack_answers(right))
