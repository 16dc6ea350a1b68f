"""Places of a person's data: found, named, and what is none is said with the next step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.formats import read_text
from intertrain_jax.data.own_place import Place, place_of
from intertrain_jax.data.task import HubDataset


def touch(path: Path, content: bytes = b"text,label\n") -> Path:
    """Makes a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a/tickets.csv", "tickets"),
        ("a/tickets.csv.gz", "tickets"),
        ("a/My tickets (2024).TSV", "My-tickets-2024"),
        ("tickets/train.csv", "tickets"),
        ("tickets/Data.json", "tickets"),
        ("a/rte.csv", "my-rte"),  # the registry's
        ("a/reviews.csv", "my-reviews"),  # the quickstart's
        ("a/Twitter.csv", "my-Twitter"),  # a group
        ("a/PT.csv", "my-PT"),
        ("a/.csv", "target"),
    ],
)
def test_a_task_is_named_as_its_file_or_folder(file: str, name: str, tmp_path: Path) -> None:
    path = touch(tmp_path / file)
    assert place_of(path) == Place(name, str(path.resolve()))


def test_folders_and_files_go_before_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert place_of("me/mine").hub == HubDataset("me/mine")
    assert place_of("me/mine:part").entry == {"hub": {"path": "me/mine", "config": "part"}}
    assert place_of("me/mine:part").name == "me-mine-part"
    (tmp_path / "me" / "mine").mkdir(parents=True)
    assert place_of("me/mine") == Place("mine", str(tmp_path / "me" / "mine"))
    touch(tmp_path / "me" / "rows.csv")
    assert place_of("me/rows.csv").entry == {"file": str(tmp_path / "me" / "rows.csv")}


def test_a_test_file_goes_with_one_file(tmp_path: Path) -> None:
    path, test = touch(tmp_path / "mine.csv"), touch(tmp_path / "later.csv")
    assert place_of(path, test).entry == {"file": str(path), "test_file": str(test)}
    for target in (tmp_path, "me/mine"):
        with pytest.raises(
            IntertrainError, match=r"--test '.*' goes with a target that is one file"
        ):
            place_of(target, test)
    with pytest.raises(IntertrainError, match=r"test file '.*gone\.csv' does not exist"):
        place_of(path, tmp_path / "gone.csv")
    with pytest.raises(
        IntertrainError, match=r"later\.xls' is a spreadsheet.*Save its sheet as CSV"
    ):
        place_of(path, touch(tmp_path / "later.xls"))


def test_what_is_nowhere_is_said_with_what_is_beside_it(tmp_path: Path) -> None:
    touch(tmp_path / "tickets.csv")
    with pytest.raises(IntertrainError, match=r"Did you mean 'tickets\.csv'\? Correct --target"):
        place_of(tmp_path / "ticket.csv")
    (tmp_path / "nowhere.csv").symlink_to("gone")
    with pytest.raises(IntertrainError, match=r"neither a file.*from '[^']*'\. Correct --target"):
        place_of(tmp_path / "nowhere.csv")
    with pytest.raises(IntertrainError, match=r"neither a file, a folder nor a dataset of the hub"):
        place_of("me/gone.csv")
    with pytest.raises(IntertrainError, match="neither a file"):
        place_of("x" * 5000)
    with pytest.raises(
        IntertrainError, match=r"'.*old\.csv' is an \.xls file\. Save its sheet as CSV"
    ):
        place_of(touch(tmp_path / "old.csv", b"\xd0\xcf\x11\xe0 and so on"))


def test_a_dataframe_is_kept_under_its_content() -> None:
    frame = pd.DataFrame(
        {"text": ["für", "b"], 1: [0.1 + 0.2, None], "when": pd.Timestamp("2024-01-31")}
    )
    place = place_of(frame)
    assert place.name == "dataframe" and place.file is not None
    kept = read_text(Path(place.file))[0].splitlines()
    assert kept[0].startswith('{"text":"für","1":0.3') and '"1":null' in kept[1]
    assert place_of(frame.copy()) == place
    assert place_of(frame.assign(text="c")).file != place.file
    frame.attrs["name"] = "rte"
    assert place_of(frame).name == "my-rte"
    frame.columns = ["a", "b", "a"]
    with pytest.raises(IntertrainError, match="the DataFrame has two columns 'a'"):
        place_of(frame)


@pytest.mark.parametrize("target", [None, {"text": ["a"]}, ["a"], 3])
def test_what_is_no_place_of_data_is_one_line(target: Any) -> None:
    with pytest.raises(IntertrainError, match=r"target must be .* got a "):
        place_of(target)


def test_names_that_results_cannot_hold_are_refused_before_anything(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match=r"got ''\. Name one"):
        place_of(" ")
    with pytest.raises(IntertrainError, match="neither a file"):
        place_of("~nobody-of-this-name/x.csv")
    try:
        path = tmp_path / os.fsdecode(b"tr\xe9.csv")
        path.write_text("text,label\n")
    except (OSError, UnicodeError):
        pytest.skip("this system has no such names")
    with pytest.raises(IntertrainError, match="name that is not UTF-8"):
        place_of(path)
