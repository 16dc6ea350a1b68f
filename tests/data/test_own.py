"""A person's own data: files as people have them are read right, or one line says what to do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import datasets
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.data.load import TaskData, load_task
from intertrain_jax.data.own import OwnTask, own_task
from intertrain_jax.data.tasks import get_task
from tests.own_files import DICTS, RIGHT, ROWS, TEXTS, WRONG, Right, Wrong, put, table


def loaded(own: OwnTask) -> TaskData:
    """Reads a person's task as a grid would."""
    return load_task(get_task(own.entry["name"], [own.entry]), DataConfig())


@pytest.mark.parametrize("case", RIGHT.values(), ids=RIGHT.keys())
def test_files_as_people_have_them_are_read_right(case: Right, tmp_path: Path) -> None:
    own = own_task(put(tmp_path, case.name, case.content), **dict(case.options))
    assert own.entry["name"] == "mine"
    assert (tuple(own.entry["texts"]), own.entry["label"]) == (case.texts, case.label)
    data = loaded(own)
    assert data.task.labels == case.labels
    sizes = {name: len(rows) for name, rows in data.splits.items()}
    assert sum(sizes.values()) == case.rows and sizes["validation"] == sizes["test"] == 2
    for option in ("--label", "--text"):
        wanted = option.strip("-") not in dict(case.options)
        assert any(option in said for said in own.said) == wanted, own.said


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_used_is_one_line_with_the_place_and_the_remedy(
    case: Wrong, tmp_path: Path
) -> None:
    path = put(tmp_path, case.name, case.content)
    with pytest.raises(IntertrainError) as caught:
        loaded(own_task(path, **dict(case.options)))
    line = str(caught.value)
    assert "\n" not in line and case.name in line
    rest = line
    for part in case.says:
        assert part in rest, f"{part!r} after {line[: len(line) - len(rest)]!r}, in {line!r}"
        rest = rest[rest.index(part) + len(part) :]


def test_splits_are_made_by_class_the_same_every_time(tmp_path: Path) -> None:
    path = put(
        tmp_path, "mine.csv", table([[f"{t} again {k}", n] for k in range(5) for t, n in ROWS])
    )
    first, again = (loaded(own_task(path)) for _ in range(2))
    assert first.fingerprint == again.fingerprint
    counts = {name: Counter(rows.labels) for name, rows in first.splits.items()}
    assert counts["test"] == {0: 4, 1: 8} and counts["validation"] == {0: 3, 1: 7}


def test_a_test_file_is_tested_on_and_nothing_else(tmp_path: Path) -> None:
    path = put(tmp_path, "mine.csv", table())
    test = put(
        tmp_path, "later.json", json.dumps([{"label": n, "text": f"Later: {t}"} for t, n in ROWS])
    )
    data = loaded(own_task(path, test=test))
    assert {name: len(rows) for name, rows in data.splits.items()} == {
        "train": 22,
        "validation": 2,
        "test": 24,
    }
    assert all(texts[0].startswith("Later: ") for texts in data.splits["test"].texts)
    put(tmp_path, "later.json", json.dumps([{"text": t} for t in TEXTS]))
    with pytest.raises(IntertrainError, match=r"later\.json' has no column 'label', .*alike"):
        own_task(path, test=test)
    put(tmp_path, "later.json", json.dumps([{"text": t, "label": None} for t in TEXTS]))
    with pytest.raises(IntertrainError, match=r"no value in 24 of 24 rows, the first is row 1"):
        own_task(path, test=test)


def test_labels_are_of_one_column_and_not_of_a_template(tmp_path: Path) -> None:
    path = put(tmp_path, "mine.csv", table())
    with pytest.raises(IntertrainError, match=r"has no column '\{text\} \{label\}', .* --label"):
        own_task(path, label="{text} {label}")


def _folder(folder: Path) -> None:
    put(folder, "train.csv", table())
    put(folder, "test.jsonl", "\n".join(map(json.dumps, DICTS[:7])))


def _saved(folder: Path) -> None:
    rows = datasets.Dataset.from_list(DICTS)
    datasets.DatasetDict({"train": rows, "test": rows.select(range(7))}).save_to_disk(folder)


@pytest.mark.parametrize("make", [_folder, _saved], ids=["files", "save_to_disk"])
def test_a_folder_has_its_own_splits(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "mine")
    own = own_task(tmp_path / "mine")
    assert (own.entry["name"], own.entry["texts"], own.entry["label"]) == (
        "mine",
        ["{text}"],
        "label",
    )
    sizes = {name: len(rows) for name, rows in loaded(own).splits.items()}
    assert sizes == {"train": 22, "validation": 2, "test": 7}


def test_parquet_and_dataframes_are_read_with_their_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(DICTS).astype({"label": "category"})
    frame.to_parquet(tmp_path / "mine.parquet")
    data = loaded(own_task(tmp_path / "mine.parquet"))
    frame.attrs["name"] = "mine"
    kept = own_task(frame)
    assert kept.entry["name"] == "mine" and loaded(kept).fingerprint == data.fingerprint
    assert own_task(frame).entry == kept.entry
    floats = frame.assign(label=[1.0, 2.0] * 12)
    assert loaded(own_task(floats)).task.labels == ("1", "2")
    known = frame.assign(label=[None, *frame["label"].astype(str)[1:]])
    with pytest.raises(IntertrainError, match=r"^'the DataFrame': label .* first is row 1\. Rem"):
        own_task(known)


def test_a_dataset_of_the_hub_is_read_with_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    names = datasets.ClassLabel(names=["bad", "good"])
    rows = datasets.Dataset.from_list([{**row, "label": row["label"] == "good"} for row in DICTS])
    rows = rows.cast_column("label", names)
    asked = []

    def load(path: str, config: str | None, split: str, revision: str | None) -> datasets.Dataset:
        asked.append((path, config, split))
        return rows

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(datasets, "get_dataset_split_names", lambda *args, **kwargs: ["train"])
    own = own_task("me/mine:plain")
    assert asked == [("me/mine", "plain", "train")]
    assert own.entry["hub"] == {"path": "me/mine", "config": "plain"}
    assert loaded(own).task.labels == ("bad", "good")
