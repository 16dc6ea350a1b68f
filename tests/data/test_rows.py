"""Rows: every format holds the same, places are asked in order, and what cannot be read is named."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.quickstart.tasks import generate, quickstart_tasks
from intertrain_jax.data.rows import SUFFIXES, RawSplit, at_hand, read_rows, read_splits
from intertrain_jax.data.task import HubDataset, Task

TASK = Task("toy", "a toy", ("{text}",), labels=("no", "yes"))
# What formats get wrong: quotes, separators, ends of lines, other scripts, empty texts, spaces.
TEXTS = ['say "no", twice', "two\nlines", "a\r\nb", "日本語 ü", "", " spaced "]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Writes rows in the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith(".parquet"):
        pd.DataFrame(rows).to_parquet(path)
        return path
    if ".csv" in path.name:
        buffer = io.StringIO(newline="")
        writer = csv.DictWriter(buffer, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        content = buffer.getvalue().encode()
    else:
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_back_what_was_written(tmp_path: Path, suffix: str) -> None:
    rows = [{"text": text, "label": k} for k, text in enumerate(TEXTS)]
    found = read_rows(write(tmp_path / f"train{suffix}", rows))
    if "csv" in suffix:  # which has no numbers
        rows = [{**row, "label": str(row["label"])} for row in rows]
    assert found == rows


def test_blank_lines_are_no_rows_but_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('\n{"a": 1}\n  \n{"a": 2}\n')
    assert read_rows(path) == [{"a": 1}, {"a": 2}]
    path.write_text('\n{"a": 1}\n\n{"a": \n')
    with pytest.raises(IntertrainError, match=r"train.jsonl', line 4: not valid JSON .* Mend that"):
        read_rows(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"[1]\n", r"line 1: must be a JSON object .*, is a list\. Mend that line"),
        ("a.jsonl.gz", b"not gzip", r"cannot be read \(Not a gzipped file"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n" * 99)[:-12], "cannot be read .*Mend or replace"),
        ("a.csv", b"text,label\n\xff\xfe,1\n", "cannot be read .*can't decode"),
        ("a.jsonl", b'{"text": "\xff"}\n', "cannot be read .*can't decode"),
        ("a.parquet", b"PAR1 and no more", "cannot be read"),
        ("a.tsv", b"a\tb\n", r"unknown format; known are \.jsonl, .*\.parquet\. Convert it"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_named(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(IntertrainError, match=message) as caught:
        read_rows(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


def test_only_the_splits_that_are_asked_for_are_read(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        write(tmp_path / "toy" / f"{split}.jsonl", [{"text": split, "label": 0}])
    (tmp_path / "toy" / "test.jsonl").write_text("broken")
    found, origin = read_splits(TASK, ["validation", "train", "validation"], str(tmp_path))
    assert list(found) == ["validation", "train"]
    assert found["train"] == RawSplit(
        [{"text": "train", "label": 0}], str(tmp_path / "toy" / "train.jsonl")
    )
    assert origin == {"kind": "data_dir", "name": "toy"}


def test_of_two_files_of_a_split_the_first_format_counts(tmp_path: Path) -> None:
    for suffix in reversed(SUFFIXES):
        write(tmp_path / "toy" / f"train{suffix}", [{"text": suffix, "label": 0}])
    for suffix in SUFFIXES:
        found, _ = read_splits(TASK, ["train"], str(tmp_path))
        assert found["train"].rows[0]["text"] == suffix
        (tmp_path / "toy" / f"train{suffix}").unlink()


def test_a_folder_without_the_split_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    with pytest.raises(IntertrainError, match=r"has no split 'train', it has none\. Add train"):
        read_splits(TASK, ["train"], str(tmp_path))
    write(tmp_path / "toy" / "test.csv", [{"text": "a", "label": 0}])
    write(tmp_path / "toy" / "validation.jsonl.gz", [{"text": "a", "label": 0}])
    with pytest.raises(IntertrainError, match="it has test, validation"):
        read_splits(TASK, ["train"], str(tmp_path))


def test_a_file_of_its_own_goes_before_everything_and_is_all_of_train(tmp_path: Path) -> None:
    write(tmp_path / "toy" / "train.jsonl", [{"text": "folder", "label": 0}])
    own = write(tmp_path / "own.csv", [{"text": "own", "label": 1}])
    task = replace(TASK, file=str(own))
    found, origin = read_splits(task, ["train", "test"], str(tmp_path))
    assert found == {"train": RawSplit([{"text": "own", "label": "1"}], str(own))}
    assert origin == {"kind": "file", "name": "own.csv"}, "a record has no path of a machine"
    own.unlink()
    with pytest.raises(IntertrainError, match=r"its file '.*own\.csv' does not exist"):
        read_splits(task, ["train"], str(tmp_path))


def test_a_data_directory_goes_before_the_packages_own_tasks(tmp_path: Path) -> None:
    task = quickstart_tasks()[0]
    found, origin = read_splits(task, ["train"], str(tmp_path))
    assert origin == {"kind": "quickstart"}
    columns = generate(task.name)["train"]
    assert {key: [row[key] for row in found["train"].rows] for key in columns} == columns
    write(tmp_path / task.name / "train.jsonl", [{"text": "mine", "label": 0}])
    found, origin = read_splits(task, ["train"], str(tmp_path))
    assert found["train"].rows == [{"text": "mine", "label": 0}]
    with pytest.raises(IntertrainError, match=r"data directory '.*gone' does not exist\. Correct"):
        read_splits(task, ["train"], str(tmp_path / "gone"))


def test_what_is_at_hand_needs_no_network(tmp_path: Path) -> None:
    hub = replace(TASK, hub=HubDataset("some/set"))
    assert not at_hand(hub, None) and not at_hand(hub, str(tmp_path))
    (tmp_path / "toy").mkdir()
    assert at_hand(hub, str(tmp_path)) and not at_hand(hub, None)
    assert at_hand(replace(hub, file="gone.csv"), None)
    assert at_hand(replace(hub, groups=("quickstart",)), None)


class Hub:
    """Stands for `datasets`: two labelled rows and one without, of every split."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def load_dataset(self, path: str, name: str | None, **options: Any) -> list[dict[str, Any]]:
        """Returns rows, and notes what was asked."""
        self.asked.append((path, name, options))
        if path == "gone":
            raise ConnectionError("offline\nand more")
        if path == "mute":
            raise ConnectionError
        return [{"text": "t", "y": label} for label in (0, 1, -1)]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub that needs no network."""
    fake = Hub()
    monkeypatch.setattr("datasets.load_dataset", fake.load_dataset)
    return fake


def test_the_hub_is_asked_last_at_its_pinned_revision(hub: Hub, tmp_path: Path) -> None:
    place = HubDataset("some/set", "part", "abc", {"y": "label"}, {"train": "train_a+train_b"})
    task = replace(TASK, hub=place)
    found, origin = read_splits(task, ["train", "test", "train"], str(tmp_path))
    assert hub.asked == [
        ("some/set", "part", {"split": "train_a+train_b", "revision": "abc"}),
        ("some/set", "part", {"split": "test", "revision": "abc"}),
    ]
    assert found["train"].rows == [{"text": "t", "label": 0}, {"text": "t", "label": 1}]
    assert found["train"].origin == "some/set/train_a+train_b"
    kind = {"kind": "hub", "path": "some/set", "config": "part", "revision": "abc"}
    assert origin == {**kind, "unlabelled_rows": 2}


def test_minus_one_is_a_number_where_labels_are_numbers(hub: Hub) -> None:
    place = HubDataset("some/set", renames={"y": "label"})
    task = replace(TASK, labels=(), metric="spearman", hub=place)
    found, origin = read_splits(task, ["train"], None)
    assert [row["label"] for row in found["train"].rows] == [0, 1, -1]
    assert origin["unlabelled_rows"] == 0


def test_a_hub_that_fails_says_what_to_do(hub: Hub, tmp_path: Path) -> None:
    for path, reason in (("gone", "offline"), ("mute", "ConnectionError")):
        with pytest.raises(IntertrainError, match=rf"'{path}' could not be loaded \({reason}\)"):
            read_splits(replace(TASK, hub=HubDataset(path)), ["train"], None)
    with pytest.raises(IntertrainError, match=r"It is not in '.*' either\. .*--data-dir"):
        read_splits(replace(TASK, hub=HubDataset("gone")), ["train"], str(tmp_path))
    bare = replace(TASK, note="withdrawn")
    with pytest.raises(
        IntertrainError, match=r"is not on the hub \(withdrawn\).*'toy'.*--data-dir"
    ):
        read_splits(bare, ["train"], None)
