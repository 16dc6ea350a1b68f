"""Loading: sources, split policy, labels, and the errors of broken data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.data.load import load_task
from intertrain_jax.data.row_files import SUFFIXES
from intertrain_jax.data.task import Splits, Task
from tests.row_files import write as write_rows

TASK = Task("toy", "a toy", ("{text}",), labels=("no", "yes"))
ROWS = [{"text": f"text {i}", "label": i % 2} for i in range(30)]


def write(folder: Path, split: str, rows: list[dict[str, Any]]) -> Path:
    """Writes a split as JSON lines into a task's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{split}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory that holds the toy task."""
    write(tmp_path / "toy", "train", ROWS)
    write(tmp_path / "toy", "validation", ROWS[:7])
    return tmp_path


def config(data_dir: Path, **changes: Any) -> DataConfig:
    """Returns the data configuration for a directory."""
    return DataConfig(data_dir=str(data_dir), **changes)


def test_validation_is_cut_from_both_ends_of_train_and_test_is_official(data_dir: Path) -> None:
    data = load_task(TASK, config(data_dir))
    assert data.origin["rows"] == {"train": 27, "validation": 3, "test": 7}
    assert [t[0] for t in data.splits["validation"].texts] == ["text 0", "text 1", "text 29"]
    assert data.splits["train"].texts[0] == ("text 2",)


def test_one_split_is_cut_into_three_without_overlap(data_dir: Path) -> None:
    data = load_task(replace(TASK, splits=Splits(test=None)), config(data_dir))
    texts = [text for rows in data.splits.values() for text in rows.texts]
    assert len(texts) == len(set(texts)) == 30
    assert data.origin["rows"] == {"train": 25, "validation": 2, "test": 3}


def test_label_names_stand_for_ids(data_dir: Path) -> None:
    expected = load_task(TASK, config(data_dir)).fingerprint
    named = [{**row, "label": TASK.labels[row["label"]]} for row in ROWS]
    write(data_dir / "toy", "train", named)
    assert load_task(TASK, config(data_dir)).fingerprint == expected


def test_the_fingerprint_is_of_content_only(data_dir: Path, tmp_path: Path) -> None:
    expected = load_task(TASK, config(data_dir)).fingerprint
    moved = tmp_path / "moved"
    for split, rows in (("train", ROWS), ("validation", ROWS[:7])):
        write(moved / "toy", split, rows)
    assert load_task(TASK, config(moved)).fingerprint == expected
    write(moved / "toy", "train", [{**ROWS[0], "text": "another"}, *ROWS[1:]])
    assert load_task(TASK, config(moved)).fingerprint != expected
    assert load_task(TASK, config(data_dir, limit=5)).fingerprint != expected


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_split_to_score_on_may_be_a_part_of_what_there_is(data_dir: Path, split: str) -> None:
    whole = load_task(TASK, config(data_dir))
    part = load_task(TASK, config(data_dir, **{f"{split}_size": 2}))
    assert part.origin["rows"] == {**whole.origin["rows"], split: 2}
    assert set(part.splits[split].texts) < set(whole.splits[split].texts)
    assert part.fingerprint != whole.fingerprint
    more = load_task(TASK, config(data_dir, **{f"{split}_size": 99}))
    assert more.origin["rows"] == whole.origin["rows"]


def test_a_limit_takes_rows_of_every_class(data_dir: Path) -> None:
    write(data_dir / "toy", "train", sorted(ROWS, key=lambda row: row["label"]))
    data = load_task(TASK, config(data_dir, limit=12))
    assert len(data.splits["train"]) == 12 and set(data.splits["train"].labels) == {0, 1}


def test_without_a_word_on_splits_those_that_are_there_are_used(tmp_path: Path) -> None:
    own = replace(TASK, splits=None)
    folder = tmp_path / "toy"
    write(folder, "train", ROWS)
    write(folder, "test", ROWS[:4])
    data = load_task(own, config(tmp_path))
    assert data.origin["rows"] == {"train": 27, "validation": 3, "test": 4}
    assert data.origin["notes"] == ["validation made of train, with its shares of classes"]
    write(folder, "dev", ROWS[:5])
    data = load_task(own, config(tmp_path))
    assert data.origin["rows"] == {"train": 30, "validation": 5, "test": 4}
    assert "notes" not in data.origin
    # Without a test split the validation split tests, as everywhere else.
    (folder / "test.jsonl").unlink()
    assert load_task(own, config(tmp_path)).fingerprint == (
        load_task(replace(TASK, splits=Splits()), config(tmp_path)).fingerprint
    )


@pytest.mark.parametrize("label", [{"label": -1}, {"label": None}, {}])
def test_a_test_split_without_labels_is_left_out_unless_it_was_asked_for(
    data_dir: Path, label: dict[str, Any]
) -> None:
    own = replace(TASK, splits=None)
    expected = load_task(own, config(data_dir))
    write(data_dir / "toy", "test", [{"text": "secret", **label}] * 5)
    data = load_task(own, config(data_dir))
    assert data.fingerprint == expected.fingerprint
    assert data.origin["notes"] == ["test has no labels and is left out"]
    with pytest.raises(IntertrainError, match=r"'label'|no row with a label"):
        load_task(replace(TASK, splits=Splits(test="test")), config(data_dir))


def test_validation_and_test_are_made_of_one_file(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}", "label": int(i >= 80)} for i in range(100)]
    path = write(tmp_path, "all", rows)
    own = replace(TASK, splits=None, file=str(path))
    data = load_task(own, DataConfig())
    assert data.origin["rows"] == {"train": 81, "validation": 9, "test": 10}
    assert data.origin["notes"] == ["validation and test made of train, with its shares of classes"]
    assert [sum(data.splits[s].labels) for s in ("train", "validation", "test")] == [16, 2, 2]
    texts = [text for split in data.splits.values() for text in split.texts]
    assert len(set(texts)) == 100
    assert load_task(own, DataConfig()).fingerprint == data.fingerprint
    with pytest.raises(IntertrainError, match="'train', and there is no 'validation'"):
        load_task(replace(own, splits=Splits()), DataConfig())


def test_labels_that_a_task_does_not_declare_are_those_of_all_its_splits(data_dir: Path) -> None:
    words = [{"text": f"text {i}", "label": "zebra" if i % 2 else "ant"} for i in range(30)]
    write(data_dir / "toy", "train", words)
    write(data_dir / "toy", "validation", [{"text": "x", "label": "monkey"}])
    data = load_task(replace(TASK, labels=()), config(data_dir))
    assert data.task.labels == ("ant", "monkey", "zebra")
    assert data.splits["test"].labels == [1] and set(data.splits["train"].labels) == {0, 2}
    assert data.origin["notes"] == ["labels are in sorted order: 0 ant, 1 monkey, 2 zebra"]


def test_rows_without_a_label_are_left_out_and_counted(data_dir: Path) -> None:
    expected = load_task(TASK, config(data_dir))
    without = [*ROWS[:9], {"text": None, "label": -1}, *ROWS[9:], {"text": "x", "label": -1}]
    write(data_dir / "toy", "train", without)
    data = load_task(TASK, config(data_dir))
    assert data.fingerprint == expected.fingerprint and "unlabelled_rows" not in expected.origin
    assert data.origin["unlabelled_rows"] == 2
    assert data.origin["notes"] == ["2 rows without a label (-1) left out"]
    write(data_dir / "toy", "validation", [{"text": "x", "label": -1}] * 3)
    with pytest.raises(
        IntertrainError, match=r"has no row with a label, all 3 are -1\. Take another"
    ):
        load_task(TASK, config(data_dir))


def test_minus_one_is_a_class_where_another_class_would_lack_all_rows(data_dir: Path) -> None:
    """Of -1 and 1 for no and yes, half would be left out, and 1 alone be left."""
    signs = [{**row, "label": 2 * int(row["label"]) - 1} for row in ROWS]
    write(data_dir / "toy", "train", signs)
    with pytest.raises(
        IntertrainError, match=r"rows with label -1, .* no row of class 'no'\. If -1"
    ):
        load_task(TASK, config(data_dir))
    write(data_dir / "toy", "validation", signs)
    named = load_task(replace(TASK, labels=("-1", "1")), config(data_dir))
    assert set(named.splits["train"].labels) == {0, 1} and "unlabelled_rows" not in named.origin


def test_every_format_gives_one_fingerprint(data_dir: Path) -> None:
    expected = load_task(TASK, config(data_dir)).fingerprint
    (data_dir / "toy" / "train.jsonl").unlink()
    for suffix in SUFFIXES:
        path = write_rows(data_dir / "toy" / f"train{suffix}", ROWS)
        assert load_task(TASK, config(data_dir)).fingerprint == expected, suffix
        path.unlink()


BROKEN = {
    "missing column": ([{"txt": "a", "label": 0}], r"has no column 'text', it has 'txt', 'label'"),
    "label outside": ([{"text": "a", "label": 2}], r"row 1 has label 2, but its labels are 0 no"),
    "unknown label": ([{"text": "a", "label": "perhaps"}], r"has label 'perhaps'"),
    "no value": ([{"text": None, "label": 1}], r"row 1 has no value in column 'text'"),
    "empty": ([], r"has no rows, and must have at least one"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_rows_are_named(data_dir: Path, case: str) -> None:
    rows, message = BROKEN[case]
    write(data_dir / "toy", "validation", rows)
    with pytest.raises(IntertrainError, match=message) as caught:
        load_task(TASK, config(data_dir))
    assert "\n" not in str(caught.value) and "task 'toy'" in str(caught.value)
