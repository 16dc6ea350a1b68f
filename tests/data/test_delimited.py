"""Separated fields: the content says what separates, and no row loses or gains a field in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.delimited import Table, check_names, read_delimited

ROWS = [["good soup, warm; rolls", "1"], ['say "no"', "0"], ["", "2"]]


def read(folder: Path, text: str, name: str = "a.csv", encoding: str = "utf-8") -> Table:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return read_delimited(path)


def quoted(separator: str) -> str:
    """Returns the rows, every field in quotes."""
    lines = [["text", "label"], *ROWS]
    fields = [['"' + field.replace('"', '""') + '"' for field in line] for line in lines]
    return "".join(separator.join(line) + "\r\n" for line in fields)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "A.CSV"])
@pytest.mark.parametrize(
    ("separator", "called"), [(",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "bars")]
)
def test_the_content_says_what_separates(
    tmp_path: Path, name: str, separator: str, called: str
) -> None:
    found = read(tmp_path, quoted(separator), name, "utf-8-sig")
    assert (found.header, found.rows, found.lines) == (["text", "label"], ROWS, [2, 3, 4])
    usual = "\t" if name.endswith("tsv") else ","
    notes = () if separator == usual else (f"{name}: columns are separated by {called}",)
    assert found.notes == notes


def test_a_separator_must_fit_every_row(tmp_path: Path) -> None:
    # By the header alone both could be; commas have two fields in each row, semicolons do not.
    found = read(tmp_path, "text;a,label\nx,1\ny;z,0\n")
    assert found.header == ["text;a", "label"] and found.rows == [["x", "1"], ["y;z", "0"]]
    found = read(tmp_path, "text,a;label\nx;1\ny,z;0\n")
    assert found.header == ["text,a", "label"] and found.rows == [["x", "1"], ["y,z", "0"]]


def test_excel_may_say_what_separates(tmp_path: Path) -> None:
    found = read(tmp_path, "sep=;\r\ntext;label\r\na,b;1\r\n")
    assert found.rows == [["a,b", "1"]] and found.lines == [3]


def test_one_column_is_a_table(tmp_path: Path) -> None:
    found = read(tmp_path, "text\na; b\nc\n")
    assert found.header == ["text"] and found.rows == [["a; b"], ["c"]] and not found.notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "text,label\na,1\nb, c,0\n",
            r"line 3: has 3 fields, but the header has 2 \(text, label\)",
        ),
        ("text,label\na,1\nb\n", r"line 3: has 1 field, but the header has 2 .*Add what is miss"),
        ('text,label\n"a\nb",1\n\nc,,0\n', r"line 5: has 3 fields"),
        (
            "label;text\n1;a;b\n",
            r"line 2: has 3 fields.* Put a text that has semicolons in it into",
        ),
        ('text,label\n"a" b,1\n', r"line 2: its quotes do not pair"),
        ('text,label\na,1\n"b,0\nc,1\n', r"line 3: its quotes do not pair"),
    ],
)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as caught:
        read(tmp_path, text)
    assert "a.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_two_columns_of_one_name_are_a_question(tmp_path: Path) -> None:
    found = read(tmp_path, "text,label,text\na,1,b\n")
    with pytest.raises(IntertrainError, match=r"a\.csv' has two columns 'text'\. Rename or remove"):
        check_names(tmp_path / "a.csv", found)


def test_nothing_may_be_in_a_column_without_a_name_but_the_numbers_of_rows(tmp_path: Path) -> None:
    for text in ("text,label,,\na,1,,\n", ",text,label\n0,a,1\n1,b,0\n"):
        check_names(tmp_path / "a.csv", read(tmp_path, text))
    found = read(tmp_path, "label,text,,\nham,a,,\nspam,free, now,\n")
    with pytest.raises(
        IntertrainError, match=r"a\.csv', line 3: has ' now' in a column without a name"
    ):
        check_names(tmp_path / "a.csv", found)


def test_what_spreadsheets_leave_is_no_data(tmp_path: Path) -> None:
    found = read(tmp_path, "text,label,,\na,1,,\n,,,\n\nb,0,,\n,,,\n")
    assert [row[:2] for row in found.rows] == [["a", "1"], ["b", "0"]] and found.lines == [2, 5]


def test_blanks_after_separators_are_no_part_of_fields_where_the_header_has_them(
    tmp_path: Path,
) -> None:
    assert read(tmp_path, 'label, text\n1, "a, b"\n').rows == [["1", "a, b"]]
    assert read(tmp_path, 'label| text\n1| "a| b"\n').rows == [["1", "a| b"]]
    assert read(tmp_path, "label,text\n1, a\n").rows == [["1", " a"]]


def test_quotes_of_a_table_of_tabs_are_characters_where_they_do_not_pair(tmp_path: Path) -> None:
    """As in the files of GLUE, where one quote would swallow every row up to the next."""
    text = 'text\tlabel\n"never again\t0\n"good"\t1\nsaid "no"\t0\nyes"\t1\n'
    found = read(tmp_path, text, "dev.tsv")
    assert found.rows == [['"never again', "0"], ['"good"', "1"], ['said "no"', "0"], ['yes"', "1"]]
    assert found.notes == ("dev.tsv: quotes are read as characters, as they do not pair",)
    whole = read(tmp_path, 'text\tlabel\n"two\nlines"\t1\n"a ""b"""\t0\n', "dev.tsv")
    assert whole.rows == [["two\nlines", "1"], ['a "b"', "0"]] and not whole.notes


def test_fields_may_be_long(tmp_path: Path) -> None:
    assert read(tmp_path, f"text,label\n{'x' * 200_000},1\n").rows[0][0] == "x" * 200_000


def test_two_quotes_do_not_swallow_the_rows_between(tmp_path: Path) -> None:
    rows = [f"a thing {k},{'yes' if k % 2 else 'no'}" for k in range(8)]
    whole = "\n".join(["text,label", *rows])
    torn = whole.replace("a thing 2", '"a thing 2').replace("a thing 4", 'a thing 4"')
    with pytest.raises(IntertrainError, match="line 4: its quote ends in line 6 only"):
        read(tmp_path, torn)
    with pytest.raises(IntertrainError, match="line 5: its quote ends in line 7 only"):
        read(tmp_path, "sep=,\n" + torn)
    # A text of several lines that has as many commas is one, as none of its lines ends in a label.
    letter = "Dear all,\nas promised, now\nyours, me"
    assert len(read(tmp_path, f'{whole}\n"{letter}",yes\n').rows) == 9


def test_of_two_separators_that_fit_the_one_is_taken_by_which_labels_repeat(tmp_path: Path) -> None:
    lines = [f"so, it is {k};{'yes' if k % 2 else 'no'}" for k in range(8)]
    found = read(tmp_path, "\n".join(["it, says;label", *lines]))
    assert found.header == ["it, says", "label"] and found.rows[0] == ["so, it is 0", "no"]
    swapped = [line.translate({44: ";", 59: ","}) for line in lines]
    found = read(tmp_path, "\n".join(["it; says,label", *swapped]))
    assert found.header == ["it; says", "label"] and found.rows[0] == ["so; it is 0", "no"]


def test_lines_without_a_value_are_rows_where_they_are_asked_for(tmp_path: Path) -> None:
    one = 'text\ngood\n\n""\nbad\n\n\n'
    assert [row[0] for row in read(tmp_path, one).rows] == ["good", "bad"]
    assert read_delimited(tmp_path / "a.csv", blank_rows=True).rows == [
        ["good"],
        [""],
        [""],
        ["bad"],
    ]
    two = "text,id\ngood,1\n,\n\nbad,3\n,\n"
    assert len(read(tmp_path, two).rows) == 2
    table = read_delimited(tmp_path / "a.csv", blank_rows=True)
    # A line that is wholly empty is no row of a table of several columns.
    assert (table.rows, table.lines) == ([["good", "1"], ["", ""], ["bad", "3"]], [2, 3, 5])
