"""A person's own data: files as people have them are read right, or one line says what to do."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.data.load import TaskData, load_task
from intertrain_jax.data.own import OwnTask, own_task
from intertrain_jax.data.tasks import get_task
from tests.own_files import (
    DICTS,
    HEADER,
    RIGHT,
    ROWS,
    TEXTS,
    WRONG,
    Right,
    Wrong,
    labelled,
    put,
    table,
)


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


def _other_header(folder: Path) -> None:
    put(folder, "test.csv", table(header=["Text", "Label"]))


def _no_header(folder: Path) -> None:
    put(folder, "test.csv", table().partition("\n")[2])


def _other_labels(folder: Path) -> None:
    put(folder, "test.csv", table(labelled("0", "1")))


def _twins(folder: Path) -> None:
    put(folder, "test.csv", table(labelled("good", "Bad")))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_other_header, r"test\.csv' has no column 'text', it has 'Text', 'Label'\. Did you mean"),
        (_no_header, r"test\.csv', line 1: must name the columns"),
        (lambda folder: put(folder, "test.csv", "text,label\n"), r"test\.csv' has no rows"),
        (_other_labels, "none of the 24 rows of its test split .* are 0, 1, in train bad, good"),
        (_twins, "its labels 'bad' and 'Bad' are the same but for case"),
    ],
)
def test_a_test_split_that_does_not_fit_is_not_left_out_in_silence(
    make: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    put(tmp_path / "mine", "train.csv", table())
    make(tmp_path / "mine")
    with pytest.raises(IntertrainError, match=says):
        loaded(own_task(tmp_path / "mine"))


def test_a_test_split_without_labels_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    put(tmp_path / "mine", "train.csv", table())
    put(tmp_path / "mine", "test.csv", table([[t] for t in TEXTS], ["text"]))
    data = loaded(own_task(tmp_path / "mine"))
    assert "test has no labels and is left out" in data.origin["notes"]
    assert len(data.splits["test"]) == 2


def test_further_files_of_a_folder_are_named(tmp_path: Path) -> None:
    put(tmp_path / "mine", "train.csv", table())
    put(tmp_path / "mine", "holdout.csv", table())
    notes = loaded(own_task(tmp_path / "mine")).origin["notes"]
    assert "holdout not read: splits are train, validation and test" in notes
    put(tmp_path / "mine", "test.csv", table([*ROWS, HEADER]))
    with pytest.raises(IntertrainError, match=r"test\.csv', row 25 .* repeats the names"):
        own_task(tmp_path / "mine")


def test_numbers_to_test_on_must_differ(tmp_path: Path) -> None:
    path = put(tmp_path, "mine.csv", table([[t, f"{k / 7:.3f}"] for k, t in enumerate(TEXTS)]))
    test = put(tmp_path, "later.csv", table([[f"Later {t}", "2.5"] for t in TEXTS]))
    with pytest.raises(IntertrainError, match=r"all 24 rows of its test split have the label 2\.5"):
        loaded(own_task(path, test=test))


def test_a_column_of_splits_is_not_read_and_that_is_said(tmp_path: Path) -> None:
    rows = [[*row, ("train", "test")[k % 2]] for k, row in enumerate(ROWS)]
    own = own_task(put(tmp_path, "mine.csv", table(rows, [*HEADER, "split"])))
    assert any("'split' looks like names of splits and is not read" in said for said in own.said)


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
    for rows in (known, known.astype(str)):  # None becomes "None", NaN "nan"
        rows = rows.replace({"label": {"None": "nan"}})
        with pytest.raises(
            IntertrainError, match=r"^'the DataFrame': label .* first is row 1\. Re"
        ):
            own_task(rows)
    halves = frame.astype(object)
    halves.loc[3, "text"] = "half \ud83d"
    with pytest.raises(IntertrainError, match=r"DataFrame, row 4 in column 'text' has half a char"):
        own_task(halves)


def test_a_dataframe_may_be_tested_on_and_have_columns_without_names() -> None:
    frame = pd.DataFrame(DICTS)
    later = frame.assign(text="Later: " + frame["text"])
    data = loaded(own_task(frame, test=later))
    assert all(texts[0].startswith("Later: ") for texts in data.splits["test"].texts)
    with pytest.raises(IntertrainError, match="test file 'the DataFrame' has no column 'label'"):
        own_task(frame, test=later[["text"]])
    numbered: dict[str, Any] = {"text": 0, "label": 1}
    assert own_task(frame.set_axis([0, 1], axis=1), **numbered).entry["texts"] == ["{0}"]


def test_what_holds_numbers_of_databases_and_far_dates_is_read_or_one_line(tmp_path: Path) -> None:
    stars = pa.array([Decimal(1 + k % 3) for k in range(24)], pa.decimal128(38, 9))
    columns = {"text": pa.array(TEXTS), "stars": stars}
    pq.write_table(pa.table(columns), tmp_path / "mine.parquet")
    assert loaded(own_task(tmp_path / "mine.parquet")).task.labels == ("1", "2", "3")
    far = pa.array([5_000_000] * 24, pa.int32()).cast(pa.date32())
    pq.write_table(pa.table({**columns, "day": far}), tmp_path / "mine.parquet")
    with pytest.raises(IntertrainError, match=r"mine\.parquet' cannot be read \(date value out of"):
        own_task(tmp_path / "mine.parquet")


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
