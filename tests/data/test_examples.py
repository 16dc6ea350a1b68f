"""Examples: what is missing or no text is named by its row, and what is only odd is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.examples import Example, Found, read_examples
from intertrain_jax.data.row_files import RawSplit
from intertrain_jax.data.task import Task

TASK = Task("toy", "a toy", ("{text}",), labels=("no", "yes"))
PAIR = replace(TASK, texts=("{title} {text}", "{other}"))


def read(
    rows: list[dict[str, Any]], task: Task = TASK, table: bool = False
) -> tuple[list[Example], Found]:
    found = Found()
    raw = RawSplit(rows, "here", range(2, len(rows) + 2), table)
    return read_examples(task, raw, found), found


GOOD = {"text": "good", "label": 1}
WHOLE = {"title": "T", "text": "t", "other": "o", "label": 0}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": None, "label": 1}, "has no value in column 'text'"),
        ({"text": float("nan"), "label": 1}, "has no value in column 'text'"),
        ({"label": 1}, "has no value in column 'text'"),
        ({"text": "a", "label": None}, "has no value in column 'label'"),
        ({"text": "a", "label": ""}, "has no value in column 'label'"),
        ({"text": ["a", "b"], "label": 1}, "holds a list in column 'text', and must hold text"),
        ({"text": {"en": "a"}, "label": 1}, "holds a dict in column 'text', and must hold text"),
        ({"text": b"a", "label": 1}, "holds a bytes in column 'text', and must hold text"),
        (
            {"text": date(2020, 1, 1), "label": 1},
            "holds a date in column 'text', and must hold text",
        ),
        (
            {"text": "a\ud800b", "label": 1},
            r"half a character, '\\ud800' \(a lone surrogate\), after 1",
        ),
        (
            {"text": "a", "label": "x" * 500},
            r"has label 'x{79}\.\.\., but its labels are 0 no, 1 yes",
        ),
    ],
)
def test_a_row_that_cannot_be_read_is_named_with_its_line(
    row: dict[str, Any], message: str
) -> None:
    with pytest.raises(IntertrainError, match=message) as caught:
        read([GOOD, row])
    text = str(caught.value)
    assert text.startswith("task 'toy': 'here', row 2 ") and "Mend that row (line 3)" in text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["", " ", "nan", "NaN", "<NA>"])
def test_an_empty_cell_of_a_table_is_no_text(text: str) -> None:
    with pytest.raises(IntertrainError, match="row 2 has no value in column 'text'"):
        read([GOOD, {"text": text, "label": "1"}], table=True)
    # Where a format can say that there is none, an empty text is one, and is counted.
    examples, found = read([GOOD, {"text": text, "label": 1}])
    assert examples[1] == ((text,), 1)
    assert found.notes() == ([] if text.strip() else ["1 row with empty texts, in column 'text'"])


def test_of_several_columns_in_one_text_some_may_be_empty() -> None:
    examples, found = read(
        [{**WHOLE, "title": ""}, {**WHOLE, "title": "", "text": "x"}], PAIR, True
    )
    assert examples[0][0] == (" t", "o")
    assert found.notes() == ["2 rows with empty texts, in column 'title'"]
    for empty in ({"title": "", "text": ""}, {"other": ""}):
        with pytest.raises(IntertrainError, match=rf"no value in column '{next(iter(empty))}'"):
            read([{**WHOLE, **empty}], PAIR, True)


def test_numbers_are_read_as_text_and_counted() -> None:
    examples, found = read([{"text": value, "label": 1} for value in (1, 2.5, True, "x")])
    assert [texts for texts, _ in examples] == [("1",), ("2.5",), ("True",), ("x",)]
    assert found.notes() == ["3 rows with numbers, which are read as text, in column 'text'"]


def test_words_for_nothing_are_text_and_counted() -> None:
    examples, found = read([{"text": word, "label": "1"} for word in ("None", "null")], table=True)
    assert len(examples) == 2 and found.none == {"text": 2}
    assert "only the word None or null, which are read as text" in found.notes()[0]


def test_whole_characters_of_two_surrogates_are_text() -> None:
    assert read([{"text": "\U0001f600 \u200b", "label": 1}])[0] == [(("\U0001f600 \u200b",), 1)]


def test_rows_without_columns_have_none() -> None:
    with pytest.raises(IntertrainError, match=r"no column 'text', it has none\. Rename"):
        read([{}])


def test_a_label_can_be_a_text_too() -> None:
    both = replace(TASK, texts=("{label}: {text}",))
    assert read([{"text": "a", "label": "yes"}], both)[0] == [(("yes: a",), 1)]
