"""Tables that users give: files and frames are read alike, and what is wrong is one line."""

from __future__ import annotations

import math
from csv import writer
from io import StringIO
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
    found = csv.read_csv(csv.Frame(SCORES))
    assert found == csv.read_csv(path)
    assert found.header == ["base", "rte", "cb"] and found.rows == [
        ["a/b", "60.5", "70.0"],
        ["c", "", "71.25"],
    ]


def test_a_frame_s_index_is_a_column_only_where_it_names_rows() -> None:
    assert csv.Frame(SCORES.rename_axis("model")).cells()[0] == ["model", "rte", "cb"]
    numbered = SCORES.reset_index(names="base")
    assert csv.Frame(numbered).cells() == csv.Frame(SCORES).cells()
    # Rows of a frame that was filtered keep odd labels, which are no names.
    assert csv.Frame(numbered.set_index(pd.Index(["x", "y"]))).cells()[0] == ["base", "rte", "cb"]


def test_blanks_and_marks_around_a_file_s_cells_are_taken_off(tmp_path: Path) -> None:
    path = write(tmp_path, "base, rte \n\na b , 1\n", "utf-8-sig")
    assert csv.read_csv(path) == csv.Cells(["base", "rte"], [["a b", "1"]])


def test_a_separator_at_the_end_of_every_line_makes_no_column(tmp_path: Path) -> None:
    path = write(tmp_path, "base,rte,,\na,1,,\nb,,,\n")
    assert csv.read_csv(path) == csv.Cells(["base", "rte"], [["a", "1"], ["b", ""]])
    assert csv.read_csv(write(tmp_path, ",rte\na,1\n")).header == ["", "rte"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 rows and 0 columns"),
        ("base,rte\n", "has 0 rows and 2 columns"),
        ("base\na\n", "has 1 rows and 1 columns"),
        ("base,rte\na,1\nb,1,2\n", "line 3: has 3 fields, but the header has 2"),
        ('base,rte\n"a,1\n', "line 2: its quotes do not pair"),
        ('{"rte": {"a": 1, "b": 2}}', "table.csv' is JSON and no table. Write it as CSV"),
        ('[{"base": "a",\n "rte": 1}]', "is JSON and no table"),
    ],
)
def test_a_file_that_is_no_table_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as caught:
        csv.read_csv(write(tmp_path, text))
    assert "table.csv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("comma", [False, True])
def test_what_spreadsheets_write_is_read(
    tmp_path: Path, separator: str, encoding: str, comma: bool
) -> None:
    table = [["base", "rte", "cb"], ["naïve, b", "1.5", "61.25"], ["c|d;e", "-.5", "60"]]
    text = StringIO(newline="")
    writer(text, delimiter=separator).writerows(
        [
            [cell.replace(".", ",") if comma and k else cell for k, cell in enumerate(row)]
            for row in table
        ]
    )
    found = csv.read_csv(write(tmp_path, text.getvalue(), encoding))
    assert (found.header, found.rows) == (table[0], table[1:])
    said = "".join(found.notes)
    assert len(found.notes) == (
        separator != "," or encoding in ("utf-16", "utf-16-le", "cp1252") or comma
    )
    assert ("cp1252" in said) == (encoding == "cp1252") and ("UTF-16" in said) == ("16" in encoding)
    assert ("separated by" in said) == (separator != ",")
    assert ("decimal, 1,5 is read as 1.5" in said) == comma
    frame = csv.read_csv(csv.Frame(pd.DataFrame(table[1:], columns=table[0])))
    assert frame.rows == table[1:]


def test_a_comma_that_may_set_thousands_apart_is_no_decimal_one(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match="line 2: has 3 fields, but the header has 2"):
        csv.read_csv(write(tmp_path, "base,rte\na,1,234\n"))
    mixed = csv.read_csv(write(tmp_path, "base;rte\na;1,234\nb;60.5\n"))
    assert mixed.rows == [["a", "1,234"], ["b", "60.5"]]
    with pytest.raises(IntertrainError, match=r"'a', column 'rte' .* '1,234'\. Its comma may be"):
        csv.number(csv.Frame(SCORES), "1,234", "a", "rte")
    # Alone it is decimal, and the rule is said; a model's name is no number.
    alone = csv.read_csv(write(tmp_path, "base;rte\nbert 1.5;1,234\n3.5;1.234,5\n"))
    assert alone.rows == [["bert 1.5", "1.234"], ["3.5", "1.234,5"]]
    assert alone.notes[0].endswith("commas in numbers are decimal, 1,234 is read as 1.234.")


def test_percent_signs_are_left_out_where_all_is_numbers(tmp_path: Path) -> None:
    text = "base;rte;cb;note\n10%;68,5 %;\u22121,5%;5%\nb;n/a;71%;high\nc;60;0%;\n"
    found = csv.read_csv(write(tmp_path, text))
    assert found.rows == [
        ["10%", "68.5", "\u22121.5", "5%"],
        ["b", "n/a", "71", "high"],
        ["c", "60", "0", ""],
    ]
    assert "'68,5 %' is read as a number of percent" in found.notes[0]
    with pytest.raises(
        IntertrainError, match=r"column 'rte' must be in one unit.*'68%' beside '0.7'"
    ):
        csv.read_csv(write(tmp_path, "base,rte\na,68%\nb,0.7\n"))


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
    assert all(
        math.isnan(csv.number(frame, text, "a", "b")) for text in ("", "NaN", "null", "#N/A")
    )
    assert csv.number(frame, "\u22121.5", "a", "rte") == -1.5
    for text in ("inf", "-inf", "1,5", "1_0", "high", "-1e308", "1e10"):
        with pytest.raises(IntertrainError, match=rf"row 'a', column 'rte' must be .* '{text}'"):
            csv.number(frame, text, "a", "rte")


def test_names_are_there_once() -> None:
    csv.check_unique(csv.Frame(SCORES), "column", ["a", "b"])
    with pytest.raises(IntertrainError, match="column 'a' must be there once"):
        csv.check_unique(csv.Frame(SCORES), "column", ["a", "b", "a"])


def test_there_is_enough_to_compare() -> None:
    gains = pd.DataFrame({"rte": [np.nan, 1.0, np.nan]})
    csv.check_enough(csv.Frame(gains), gains)
    csv.check_enough(csv.Frame(gains), gains[1:2])
    with pytest.raises(
        IntertrainError, match=r"a model besides the pretrained .* has 0 and 1. Add"
    ):
        csv.check_enough(csv.Frame(gains), gains[:0])
    with pytest.raises(IntertrainError, match="all 3 are missing"):
        csv.check_enough(csv.Frame(gains), gains * np.nan)


def test_a_missing_pretrained_model_is_named_with_what_is_near() -> None:
    message = str(csv.no_pretrained(csv.Frame(SCORES), "PTT", ["PT", "mnli"]))
    assert "no base model 'PTT'" in message and "'PT'" in message
