"""The store by a record type of its own: what is generic in it, whatever the records are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.records.store import RecordType, Status, Store, write_atomic


@dataclass(frozen=True)
class Note:
    """A record of three fields and one more."""

    id: str
    target: str
    status: Status = "done"
    words: tuple[str, ...] = field(default=())


def check(note: Note) -> None:
    if note.status == "failed" and note.words:
        raise IntertrainError("a failed note has no words")


NOTES: RecordType[tuple[str, str], Note] = RecordType(
    "notes", Note, check, lambda note: f"note-{note.status}", lambda note: (note.target, note.id)
)


def test_a_record_type_says_where_files_are_and_what_equal_is(tmp_path: Path) -> None:
    store = Store(tmp_path, NOTES)
    one, two = Note("1", "a", words=("x",)), Note("1", "b")
    path = store.write(one)
    assert path == tmp_path / "notes" / "a" / "note-done--1.json"
    store.write(two)
    assert store.read_all().by_key == {("a", "1"): one, ("b", "1"): two}


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_of_two_equal_keys_what_is_done_wins(tmp_path: Path, order: str) -> None:
    for folder, note in zip(order, (Note("1", "t"), Note("1", "t", "failed")), strict=True):
        path = Store(tmp_path / folder, NOTES).write(note)
        (tmp_path / "notes" / folder).mkdir(parents=True)
        path.rename(tmp_path / "notes" / folder / path.name)
    assert Store(tmp_path, NOTES).read_all().by_key == {("t", "1"): Note("1", "t")}


def test_a_record_type_may_say_that_the_newest_wins(tmp_path: Path) -> None:
    newest = RecordType("notes", Note, check, lambda n: n.words[0], lambda n: n.id, lambda *_: True)
    store = Store(tmp_path, newest)
    for word in ("b", "a", "c"):
        store.write(Note("1", "t", words=(word,)))
    assert store.read_all().by_key["1"].words == ("c",), "the last in the order of paths"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({}, "the key 'schema' is missing"),
        ([], "the key 'schema' is missing"),
        ({"schema": 99, "id": "1", "target": "t"}, "schema 99 is not 1"),
        ({"schema": 1, "id": "1"}, "'target' is missing"),
        ({"schema": 1, "id": "1", "target": 3}, "'target' must be text"),
        (
            {"schema": 1, "id": "1", "target": "t", "status": "failed", "words": ["x"]},
            "a failed note has no words",
        ),
    ],
)
def test_what_is_no_record_is_refused(raw: object, reason: str) -> None:
    with pytest.raises(IntertrainError, match=reason):
        NOTES.from_json(raw)


def test_an_empty_place_holds_nothing(tmp_path: Path) -> None:
    found = Store(tmp_path / "gone", NOTES).read_all()
    assert (found.by_key, found.problems) == ({}, ())


@pytest.mark.parametrize(("owner", "step"), [(os, "fsync"), (Path, "replace")])
def test_a_crash_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, step: str
) -> None:
    path = tmp_path / "file.csv"
    write_atomic(path, "old")

    def crash(*args: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(owner, step, crash)
    with pytest.raises(OSError, match="disk full"):
        write_atomic(path, "new")
    assert path.read_text("utf-8") == "old"


def test_half_a_character_in_a_record_is_a_problem(tmp_path: Path) -> None:
    store = Store(tmp_path, NOTES)
    store.write(Note("1", "a", words=("\ud83d",)))
    found = store.read_all()
    assert not found.by_key
    assert [problem.reason for problem in found.problems] == [
        "it has half a character (a lone surrogate) in a text"
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    store = Store(tmp_path, NOTES)
    store.write(Note("1", "a"))
    os.mkfifo(tmp_path / "notes" / "a" / "note-done--2.json")
    found = store.read_all()
    assert list(found.by_key) == [("a", "1")]
    assert [problem.reason for problem in found.problems] == ["it is no file"]
