"""Texts of rows without labels: columns, rows without text, and cells that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.row_files import RawSplit, read_rows
from intertrain_jax.data.unlabelled import columns_of, read_texts, text_columns


def test_the_text_is_the_only_column_or_that_of_the_name_or_the_one_that_is_said() -> None:
    assert text_columns(RawSplit([{"body": "x"}], "f"), None, None) == ("body",)
    rows = RawSplit([{"id": 1, "text": "x"}, {"id": 2, "text": "y", "late": "z"}], "f")
    assert text_columns(rows, None, None) == ("text",)
    assert text_columns(rows, "id", None) == ("id",)
    assert text_columns(rows, None, "late") == ("text", "late")
    assert columns_of(rows) == ["id", "text", "late"]


def test_columns_that_the_model_learnt_from_go_first_where_all_are_there() -> None:
    rows = RawSplit([{"text": "x", "late": "z", "id": 1}], "f")
    assert text_columns(rows, None, None, ("late",)) == ("late",)
    assert text_columns(rows, None, None, ("late", "id")) == ("late", "id")
    assert text_columns(rows, None, None, ("late", "gone")) == ("text",)
    assert text_columns(rows, "id", None, ("late",)) == ("id",), "what is said goes before"
    assert text_columns(rows, None, "id", ("late",)) == ("text", "id")


@pytest.mark.parametrize(
    ("rows", "text", "text2", "said"),
    [
        ([], None, None, "'f' must have at least one row, but has none"),
        ([{"a": "x", "b": "y"}], None, None, "has the columns 'a', 'b', and it must be said which"),
        ([{"body": "x"}], "boddy", None, "must have the column 'boddy'.*Did you mean 'body'"),
        ([{"a": "x", "b": "y"}], "a", "c", "must have the column 'c'"),
        ([{"a": "x", "b": "y"}], "a", "a", "must be two columns, but both are 'a'"),
    ],
)
def test_a_column_that_is_not_clear_is_one_line(
    rows: list[dict[str, str]], text: str | None, text2: str | None, said: str
) -> None:
    with pytest.raises(IntertrainError, match=said):
        text_columns(RawSplit(rows, "f"), text, text2)


def test_rows_without_text_are_none_and_numbers_are_text(tmp_path: Path) -> None:
    """In a table of text an empty cell and "nan" are no value; in JSON "nan" is a word."""
    (tmp_path / "t.csv").write_text("a,b\nx,y\n,y\n  ,y\nnan,y\nx,NaN\n7,y\n", "utf-8")
    raw = read_rows(tmp_path / "t.csv")
    assert read_texts(raw, ("a", "b")) == [("x", "y"), None, None, None, None, ("7", "y")]
    lines = '{"a": "nan"}\n{"a": null}\n{}\n{"a": 1.5}\n'
    (tmp_path / "t.jsonl").write_text(lines, "utf-8")
    assert read_texts(read_rows(tmp_path / "t.jsonl"), ("a",)) == [("nan",), None, None, ("1.5",)]


def test_a_cell_that_no_tokenizer_reads_names_its_row(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": "x"}\n\n{"a": ["x"]}\n', "utf-8")
    with pytest.raises(
        IntertrainError, match=r"t.jsonl', row 2 holds a list in column 'a'.*line 3"
    ):
        read_texts(read_rows(tmp_path / "t.jsonl"), ("a",))
    (tmp_path / "t.jsonl").write_text('{"a": "x\\ud83d"}\n', "utf-8")
    with pytest.raises(IntertrainError, match="row 1 has half a character"):
        read_texts(read_rows(tmp_path / "t.jsonl"), ("a",))
