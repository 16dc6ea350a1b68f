"""Tables that users give: files and frames are read alike, and what is wrong is one line."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.readers import csv

SCORES = pd.DataFrame({"rte": [60.5, None], "cb": [70.0, 71.25]}, index=["a/b", "c"])


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_a_frame_is_read_as_the_file_it_would_be_written_to(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    SCORES.rename_axis("base").to_csv(path)
    header, rows = csv.read_csv(csv.Frame(SCORES))
    assert (header, rows) == csv.read_csv(path)
    assert header == ["base", "rte", "cb"] and rows == [["a/b", "60.5", "70.0"], ["c", "", "71.25"]]


def test_a_frame_s_index_is_a_column_only_where_it_names_rows() -> None:
    assert csv.Frame(SCORES.rename_axis("model")).cells()[0] == ["model", "rte", "cb"]
    numbered = SCORES.reset_index(names="base")
    assert csv.Frame(numbered).cells() == csv.Frame(SCORES).cells()
    # Rows of a frame that was filtered keep odd labels, which are no names.
    assert csv.Frame(numbered.set_index(pd.Index(["x", "y"]))).cells()[0] == ["base", "rte", "cb"]


def test_blanks_and_marks_around_a_file_s_cells_are_taken_off(tmp_path: Path) -> None:
    path = write(tmp_path, "base, rte \n\na b , 1\n", "utf-8-sig")
    assert csv.read_csv(path) == (["base", "rte"], [["a b", "1"]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 rows and 0 columns"),
        ("base,rte\n", "has 0 rows and 2 columns"),
        ("base\na\n", "has 1 rows and 1 columns"),
        ("base,rte\na,1\nb,1,2\n", "line 3: has 3 fields, but the header has 2"),
        ('base,rte\n"a,1\n', "line 2: its quotes do not pair"),
    ],
)
def test_a_file_that_is_no_table_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as caught:
        csv.read_csv(write(tmp_path, text))
    assert "table.csv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_what_spreadsheets_write_is_read(tmp_path: Path, separator: str) -> None:
    text = separator.join(["base", "rte"]) + "\r\n" + separator.join(["a, b", "1.5"]) + "\r\n"
    for encoding in ("utf-8-sig", "utf-16"):
        assert csv.read_csv(write(tmp_path, text, encoding)) == (["base", "rte"], [["a, b", "1.5"]])


def test_an_encoding_that_is_a_guess_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match=r"table.csv' must be UTF-8, and is not\. Save it"):
        csv.read_csv(write(tmp_path, "base,rte\nnaïve,1\n", "cp1252"))


def test_a_missing_file_and_an_empty_frame_are_named(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match=r"gone.csv' cannot be read"):
        csv.read_csv(tmp_path / "gone.csv")
    with pytest.raises(IntertrainError, match=r"mine must be .* but has 3 columns and 0 rows"):
        csv.read_csv(csv.Frame(SCORES.iloc[:0], "mine"))


def test_a_table_that_a_command_wrote_is_read_whole_or_named(tmp_path: Path) -> None:
    table = pd.DataFrame({"estimator": ["lp", "knn"], "n": [3, 4], "p": [0.5, float("nan")]})
    table.to_csv(tmp_path / "a.csv", index=False)
    pd.testing.assert_frame_equal(csv.read_frame(tmp_path / "a.csv"), table)
    for damage in (b"", b'a,b\n"1,2\n', b"a\n1,2\n3,4,5\n", b"a\n\xff\n"):
        (tmp_path / "a.csv").write_bytes(damage)
        with pytest.raises(
            IntertrainError, match=r"a\.csv' cannot be read \(.*Delete it"
        ) as caught:
            csv.read_frame(tmp_path / "a.csv")
        assert "\n" not in str(caught.value)


def test_cells_are_numbers_or_missing() -> None:
    frame = csv.Frame(SCORES)
    assert csv.number(frame, "-1.5e1", "a", "rte") == -15.0
    assert all(math.isnan(csv.number(frame, text, "a", "b")) for text in ("", "NaN", "null", "NA"))
    for text in ("inf", "-inf", "1,5", "high", "-1e308", "1e10"):
        with pytest.raises(IntertrainError, match=rf"row 'a', column 'rte' must be .* '{text}'"):
            csv.number(frame, text, "a", "rte")


def test_names_are_there_once() -> None:
    csv.check_unique(csv.Frame(SCORES), "column", ["a", "b"])
    with pytest.raises(IntertrainError, match="column 'a' must be there once"):
        csv.check_unique(csv.Frame(SCORES), "column", ["a", "b", "a"])


def test_there_is_enough_to_compare() -> None:
    gains = pd.DataFrame({"rte": [np.nan, 1.0, np.nan]})
    csv.check_enough(csv.Frame(gains), gains)
    with pytest.raises(IntertrainError, match=r"at least 3 models .* has 2"):
        csv.check_enough(csv.Frame(gains), gains[:2])
    with pytest.raises(IntertrainError, match="all 3 are missing"):
        csv.check_enough(csv.Frame(gains), gains * np.nan)


def table_of(*rows: list[float]) -> pd.DataFrame:
    """Returns scores of models m0, m1, … on targets t0, t1, …"""
    names = [f"t{k}" for k in range(len(rows[0]))]
    return pd.DataFrame(list(rows), index=[f"m{k}" for k in range(len(rows))], columns=names)


@pytest.mark.parametrize(
    "rows",
    [
        ([0.5, 60.0, np.nan],),
        ([np.nan],),
        ([-0.5, 0.5],),
        # A single cell, or zeros alone, may be what they look like.
        ([0.5, 60.0], [50.0, 60.0]),
        ([0.0, 60.0], [0.0, 61.0]),
        ([0.0, 0.0], [50.0, 61.0]),
    ],
)
def test_percent_is_percent(rows: tuple[list[float], ...]) -> None:
    csv.check_percent(csv.Frame(SCORES), table_of(*rows))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (([0.0, 1.0, np.nan],), "all are between 0 and 1. Multiply them by 100"),
        (([0.5, 60.0], [0.6, 61.0]), "those of target 't0' are between 0 and 1"),
        (([0.5, 0.4], [60.0, 61.0]), "those of base model 'm0' are between 0 and 1"),
    ],
)
def test_fractions_are_no_percent(rows: tuple[list[float], ...], message: str) -> None:
    with pytest.raises(IntertrainError, match=message):
        csv.check_percent(csv.Frame(SCORES), table_of(*rows))


def test_a_missing_pretrained_model_is_named_with_what_is_near() -> None:
    message = str(csv.no_pretrained(csv.Frame(SCORES), "PTT", ["PT", "mnli"]))
    assert "no base model 'PTT'" in message and "'PT'" in message
