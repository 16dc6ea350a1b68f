"""Files of splits: the names that people and the hub give, shards, and no split twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.row_files import SUFFIXES
from intertrain_jax.data.split_files import official, read_split, splits_in
from tests.row_files import write


def make(folder: Path, *names: str) -> None:
    """Writes files of one row, which holds the file's name."""
    for name in names:
        write(folder / name, [{"text": name, "label": 1}])


def texts(folder: Path, split: str, *others: str) -> list[str]:
    """Returns the texts of a split."""
    return [row["text"] for row in read_split("toy", folder, split, others).rows]


@pytest.mark.parametrize(
    ("name", "split"),
    [(f"train{suffix}", "train") for suffix in SUFFIXES]
    + [
        ("Train.CSV", "train"),
        ("val.jsonl", "validation"),
        ("valid.csv", "validation"),
        ("dev.tsv", "validation"),
        ("dev_matched.tsv", "validation_matched"),
        ("TEST.JSON", "test"),
        ("data/train.parquet", "train"),
        ("train-00000-of-00001.parquet", "train"),
        ("data/val-00000-of-00001-0123456789abcdef.parquet", "validation"),
        ("train/0000.parquet", "train"),
        ("dev/all.csv", "validation"),
        ("plain_text/train-00000-of-00001.parquet", "train"),
        ("default/test/0000.parquet", "test"),
    ],
)
def test_a_split_is_found_by_its_usual_names(tmp_path: Path, name: str, split: str) -> None:
    make(tmp_path, name)
    assert list(splits_in(tmp_path)) == [split] and texts(tmp_path, split) == [name]


def test_official_names_stay(tmp_path: Path) -> None:
    for name in ("train", "validation", "test", "validation_mismatched", "train_extra"):
        assert official(name) == name
    make(tmp_path, "dev.csv")
    assert texts(tmp_path, "dev") == texts(tmp_path, "validation") == ["dev.csv"]


@pytest.mark.parametrize("place", ["", "data/"])
def test_shards_are_read_in_order_and_must_all_be_there(tmp_path: Path, place: str) -> None:
    names = [f"{place}train-0000{k}-of-00003.parquet" for k in range(3)]
    make(tmp_path, *reversed(names))
    assert texts(tmp_path, "train") == names
    (tmp_path / names[1]).unlink()
    with pytest.raises(IntertrainError, match=r"must have 3 files such as .*00000.*, has 2\. Add"):
        read_split("toy", tmp_path, "train")


def test_a_row_of_a_shard_is_named_by_its_own_file(tmp_path: Path) -> None:
    make(tmp_path, *(f"train-0000{k}-of-00002.csv" for k in range(2)))
    where, cure = read_split("toy", tmp_path, "train").place(2)
    assert where.endswith("train-00001-of-00002.csv', row 1") and cure.endswith("(line 2)")


@pytest.mark.parametrize(
    "names",
    [
        ("train.jsonl", "train.csv"),
        ("train.jsonl", "train.jsonl.gz"),
        ("train.csv", "data/train.csv"),
        ("train.csv", "train-00000-of-00001.parquet"),
        ("train-00000-of-00001.parquet", "train-00000-of-00002.parquet"),
    ],
)
def test_two_files_of_a_split_are_both_named(tmp_path: Path, names: tuple[str, str]) -> None:
    make(tmp_path, *names)
    with pytest.raises(
        IntertrainError, match=r"has split 'train' twice, .*Remove or ren"
    ) as caught:
        read_split("toy", tmp_path, "train")
    assert all(name in str(caught.value) for name in names)


def test_two_names_of_a_split_are_two_splits_where_a_task_reads_both(tmp_path: Path) -> None:
    make(tmp_path, "dev.csv", "validation.csv")
    with pytest.raises(IntertrainError, match=r"twice, validation\.csv and dev\.csv"):
        read_split("toy", tmp_path, "validation")
    both = ("dev", "validation")
    assert texts(tmp_path, "dev", *both) == ["dev.csv"]
    assert texts(tmp_path, "validation", *both) == ["validation.csv"]


def test_folders_that_are_no_splits_are_left_alone(tmp_path: Path) -> None:
    make(tmp_path, "train.csv", "extra/more.csv", "backup/train.csv", "figures/a.csv")
    assert list(splits_in(tmp_path)) == ["train"] and texts(tmp_path, "train") == ["train.csv"]


def test_of_several_configurations_one_must_be_chosen(tmp_path: Path) -> None:
    make(tmp_path, "cola/train-00000-of-00001.parquet", "sst2/train-00000-of-00001.parquet")
    with pytest.raises(
        IntertrainError, match=r"has data in 2 folders: cola, sst2\. Move the files"
    ):
        read_split("toy", tmp_path, "train")


def test_saved_data_sets_are_splits(tmp_path: Path) -> None:
    import datasets

    def saved(text: str) -> datasets.Dataset:
        return datasets.Dataset.from_dict({"text": [text], "label": [1]})

    both = datasets.DatasetDict({"train": saved("a"), "validation": saved("b")})
    both.save_to_disk(str(tmp_path / "both"))
    assert set(splits_in(tmp_path / "both")) == {"train", "validation"}
    assert texts(tmp_path / "both", "validation") == ["b"]
    saved("c").save_to_disk(str(tmp_path / "one"))
    assert list(splits_in(tmp_path / "one")) == ["train"]
    assert texts(tmp_path / "one", "train") == ["c"]


def test_what_is_not_there_says_what_is(tmp_path: Path) -> None:
    with pytest.raises(
        IntertrainError, match=r"has no split 'train', it has none\. Add train\.jsonl"
    ):
        read_split("toy", tmp_path, "train")
    make(tmp_path, "val.csv", "README.csv")
    (tmp_path / "train.xlsx").write_bytes(b"PK")
    with pytest.raises(
        IntertrainError, match=r"it has readme, validation\. train\.xlsx is there, but"
    ):
        read_split("toy", tmp_path, "train")
