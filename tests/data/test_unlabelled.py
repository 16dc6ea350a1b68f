"""Texts of rows without labels: columns, rows without text, and cells that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.row_files import RawSplit, read_rows
from intertrain_jax.data.unlabelled import columns_of, read_texts, texts_to_read


def test_the_text_is_the_only_column_or_that_of_the_name_or_the_one_that_is_said() -> None:
    assert texts_to_read(RawSplit([{"body": "x"}], "f"), None, None) == ("body",)
    rows = RawSplit([{"id": 1, "text": "x"}, {"id": 2, "text": "y", "late": "z"}], "f")
    assert texts_to_read(rows, None, None) == ("text",)
    assert texts_to_read(rows, "id", None) == ("id",)
    assert texts_to_read(rows, None, "late") == ("text", "late")
    assert columns_of(rows) == ["id", "text", "late"]


def test_columns_that_the_model_learnt_from_go_first_where_all_are_there() -> None:
    rows = RawSplit([{"text": "x", "late": "z", "id": 1}], "f")
    assert texts_to_read(rows, None, None, ("late",)) == ("late",)
    assert texts_to_read(rows, None, None, ("late", "id")) == ("late", "id")
    assert texts_to_read(rows, None, None, ("late", "gone")) == ("text",)
    assert texts_to_read(rows, "id", None, ("late",)) == ("id",), "what is said goes before"
    assert texts_to_read(rows, None, "id", ("late",)) == ("text", "id")
    assert texts_to_read(rows, None, None, ("{id}: {text}",)) == ("{id}: {text}",)
    assert texts_to_read(rows, "{late} {id}", None) == ("{late} {id}",)


def test_of_a_model_that_says_what_it_learnt_from_no_other_column_is_guessed() -> None:
    """A file without a header has one column too, which is called as its first text."""
    with pytest.raises(
        IntertrainError, match=r"has the columns 'good soup', .* learnt from 'Text2'"
    ):
        texts_to_read(RawSplit([{"good soup": "bad soup"}], "f"), None, None, ("Text2",))
    with pytest.raises(
        IntertrainError, match=r"Did you mean 'Review'\? Say which is the text: --text"
    ):
        texts_to_read(RawSplit([{"id": 1, "Review": "x"}], "f"), None, None, ("review",))


@pytest.mark.parametrize(
    ("rows", "text", "text2", "said"),
    [
        ([], None, None, "'f' must have at least one row, but has none"),
        ([{"a": "x", "b": "y"}], None, None, "has the columns 'a', 'b', and it must be said which"),
        ([{"body": "x"}], "boddy", None, "must have the column 'boddy'.*Did you mean 'body'"),
        ([{"a": "x", "b": "y"}], "a", "c", "must have the column 'c'"),
        ([{"a": "x", "b": "y"}], "{a}: {c}", None, "must have the column 'c'"),
        ([{"a": "x", "b": "y"}], "a", "a", "must be two columns, but both are 'a'"),
    ],
)
def test_a_column_that_is_not_clear_is_one_line(
    rows: list[dict[str, str]], text: str | None, text2: str | None, said: str
) -> None:
    with pytest.raises(IntertrainError, match=said):
        texts_to_read(RawSplit(rows, "f"), text, text2)


def test_rows_without_text_are_none_and_numbers_are_text(tmp_path: Path) -> None:
    """In a table of text an empty cell and "nan" are no value; in JSON "nan" is a word."""
    (tmp_path / "t.csv").write_text("a,b\nx,y\n,y\n  ,y\nnan,y\nx,NaN\n7,y\n", "utf-8")
    raw = read_rows(tmp_path / "t.csv")
    assert read_texts(raw, ("a", "b")) == [("x", "y"), None, None, None, None, ("7", "y")]
    lines = '{"a": "nan"}\n{"a": null}\n{}\n{"a": 1.5}\n'
    (tmp_path / "t.jsonl").write_text(lines, "utf-8")
    assert read_texts(read_rows(tmp_path / "t.jsonl"), ("a",)) == [("nan",), None, None, ("1.5",)]


def test_a_template_needs_one_of_its_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\nx,y\n,y\nx,nan\n,\n7,z\n", "utf-8")
    raw = read_rows(tmp_path / "t.csv", blank_rows=True)
    expected = [("x: y", "y"), None, None, None, ("7: z", "z")]
    assert read_texts(raw, ("{a}: {b}", "b")) == [expected[0], (": y", "y"), *expected[2:]]
    assert read_texts(raw, ("{a}: {b}",))[2:4] == [("x: ",), None]


def test_a_cell_that_no_tokenizer_reads_names_its_row(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": "x"}\n\n{"a": ["x"]}\n', "utf-8")
    with pytest.raises(
        IntertrainError, match=r"t.jsonl', row 2 holds a list in column 'a'.*line 3"
    ):
        read_texts(read_rows(tmp_path / "t.jsonl"), ("a",))
    (tmp_path / "t.jsonl").write_text('{"a": "x\\ud83d"}\n', "utf-8")
    with pytest.raises(IntertrainError, match="row 1 has half a character"):
        read_texts(read_rows(tmp_path / "t.jsonl"), ("a",))
