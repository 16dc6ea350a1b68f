"""Rows: places are asked in order, and what cannot be read is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.quickstart.tasks import generate, quickstart_tasks
from intertrain_jax.data.row_files import RawSplit
from intertrain_jax.data.rows import at_hand, read_splits, splits_of
from intertrain_jax.data.task import HubDataset, Task
from tests.row_files import write

TASK = Task("toy", "a toy", ("{text}",), labels=("no", "yes"))


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
    with pytest.raises(
        IntertrainError, match=r"one file is its split 'train', .* no 'test'\. Leave"
    ):
        read_splits(task, ["train", "test"], str(tmp_path))
    found, origin = read_splits(task, ["train"], str(tmp_path))
    assert found == {"train": RawSplit([{"text": "own", "label": "1"}], str(own))}
    assert origin == {"kind": "file", "name": "own.csv"}, "a record has no path of a machine"
    own.unlink()
    with pytest.raises(IntertrainError, match=r"its file '.*own\.csv' does not exist"):
        read_splits(task, ["train"], str(tmp_path))


def test_a_data_directory_may_be_in_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration's paths are read by no shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    rows = [{"text": "mine", "label": 0}]
    write(tmp_path / "data" / "toy" / "train.jsonl", rows)
    assert read_splits(TASK, ["train"], "~/data")[0]["train"].rows == rows
    with pytest.raises(IntertrainError, match="does not exist"):
        read_splits(TASK, ["train"], "~nobody-of-that-name/data")


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
    assert not at_hand(hub, str(tmp_path / "gone")) and not at_hand(hub, "x" * 5000)


class Table(list[dict[str, Any]]):
    """Rows with features, as `datasets` has them."""

    features: dict[str, Any]


class Hub:
    """Stands for `datasets`: two labelled rows and one without, of every split."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.names: tuple[str, ...] = ()

    def load_dataset(self, path: str, name: str | None, **options: Any) -> Table:
        """Returns rows, and notes what was asked."""
        self.asked.append((path, name, options))
        if path == "gone":
            raise ConnectionError("offline\nand more")
        if path == "mute":
            raise ConnectionError
        table = Table({"text": "t", "y": label} for label in (0, 1, -1))
        table.features = {"text": object(), "y": SimpleNamespace(names=self.names)}
        return table

    def get_dataset_split_names(self, path: str, name: str | None, **options: Any) -> list[str]:
        """Returns splits, and notes what was asked."""
        self.load_dataset(path, name, **options)
        return ["train", "test"]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub that needs no network."""
    fake = Hub()
    monkeypatch.setattr("datasets.load_dataset", fake.load_dataset)
    monkeypatch.setattr("datasets.get_dataset_split_names", fake.get_dataset_split_names)
    return fake


def test_the_hub_is_asked_last_at_its_pinned_revision(hub: Hub, tmp_path: Path) -> None:
    place = HubDataset("some/set", "part", "abc", {"y": "label"}, {"train": "train_a+train_b"})
    task = replace(TASK, hub=place)
    found, origin = read_splits(task, ["train", "test", "train"], str(tmp_path))
    assert hub.asked == [
        ("some/set", "part", {"split": "train_a+train_b", "revision": "abc"}),
        ("some/set", "part", {"split": "test", "revision": "abc"}),
    ]
    assert found["train"].rows == [{"text": "t", "label": label} for label in (0, 1, -1)]
    assert found["train"].origin == "some/set/train_a+train_b"
    assert origin == {"kind": "hub", "path": "some/set", "config": "part", "revision": "abc"}


def test_names_of_ids_are_the_hub_s(hub: Hub) -> None:
    hub.names = ("nope", "yep")
    place = HubDataset("some/set", renames={"y": "label"})
    found, _ = read_splits(replace(TASK, hub=place), ["train"], None)
    assert found["train"].class_names == {"label": ("nope", "yep")}


def test_a_folder_may_be_written_in_another_way(tmp_path: Path) -> None:
    write(tmp_path / "To-Y" / "train.jsonl", [{"text": "a", "label": 0}])
    assert at_hand(TASK, str(tmp_path)) and splits_of(TASK, str(tmp_path)) == {"train"}
    assert read_splits(TASK, ["train"], str(tmp_path))[1] == {"kind": "data_dir", "name": "To-Y"}
    (tmp_path / "TOY").mkdir()
    with pytest.raises(IntertrainError, match=r"has TOY and To-Y\. Name one of them toy"):
        read_splits(TASK, ["train"], str(tmp_path))
    write(tmp_path / "toy" / "train.jsonl", [{"text": "b", "label": 0}])
    assert read_splits(TASK, ["train"], str(tmp_path))[0]["train"].rows[0]["text"] == "b"


def test_which_splits_there_are_is_known_before_they_are_read(hub: Hub, tmp_path: Path) -> None:
    assert splits_of(replace(TASK, file="gone.csv"), None) == {"train"}
    assert splits_of(TASK, None) is None and splits_of(TASK, str(tmp_path)) is None
    task = replace(TASK, hub=HubDataset("some/set", "part", "abc"))
    assert splits_of(task, None) == {"train", "test"}
    assert hub.asked == [("some/set", "part", {"revision": "abc"})]
    named = replace(TASK, hub=HubDataset("gone", splits={"train": "train_a+train_b"}))
    assert splits_of(named, None) == {"train"}, "what is named need not be asked for"
    with pytest.raises(
        IntertrainError, match=r"the splits of hub dataset 'gone' could not be loaded"
    ):
        splits_of(replace(TASK, hub=HubDataset("gone")), None)


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
