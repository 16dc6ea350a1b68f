"""Guesses: labels and texts by name where values agree, else by values, and the reason is said."""

from __future__ import annotations

from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.columns import columns_of
from intertrain_jax.data.guess import guess_label, longest_text, names_for
from intertrain_jax.data.row_files import RawSplit

_NOTES = ("Arrived late again", "Would buy it once more", "Broke on the second day")


def rows(**columns: Any) -> RawSplit:
    """Returns sixty rows; each column repeats its values."""
    made = [
        {name: values[k % len(values)] for name, values in columns.items()}
        | {"note": f"{_NOTES[k % 3]} {k}"}
        for k in range(60)
    ]
    return RawSplit(made, "x.csv", None, True)


@pytest.mark.parametrize(
    ("columns", "label", "why"),
    [
        ({"label": "ab", "kind": "xyz"}, "label", "by its name and its 2 values"),
        ({"kind": "xyz", "my_sentiment": "ab"}, "my_sentiment", "by its name"),
        ({"kind": "xyz", "flag": "ab"}, "flag", "2 values that repeat, as 'kind' could be"),
        ({"flag": "ab", "lang": ["en"], "year": ["2023", "2024"]}, "flag", "2 values"),
        ({"lang": ["de", "en"]}, "lang", "2 values"),
        ({"n": "01", "truth": ["true", "false"]}, "truth", "2 values"),
        (
            {"label": "01", "label_text": ["no", "yes"]},
            "label_text",
            "the names of the numbers in 'label'",
        ),
        ({"grade": ["1.5", "2", "3"], "kind": ["x"]}, "grade", "by its name"),
        ({"weight": ["1.5", "2", "3"]}, "weight", "the only one of numbers with fractions"),
        # What can be nothing but labels is not passed over: whoever checks it says what is wrong.
        ({"label": ["a"], "kind": "xyz"}, "label", "by its name"),
        # A text under that name is.
        (
            {"label": [f"Something long was said on day {k}" for k in range(60)], "c": "ab"},
            "c",
            "2 values",
        ),
        ({"split": ["train", "test"], "c": "abc"}, "c", "3 values"),
    ],
)
def test_labels_are_guessed(columns: dict[str, Any], label: str, why: str) -> None:
    raw = rows(**columns)
    found, reason = guess_label(raw, columns_of(raw))
    assert found == label and why in reason


def test_ids_that_the_file_has_names_for_are_labels() -> None:
    raw = rows(label="01", kind="012")
    raw = RawSplit(raw.rows, "x", class_names={"kind": ("a", "b", "c")})
    assert guess_label(raw, columns_of(raw))[0] == "kind"


def test_where_nothing_repeats_there_are_no_labels() -> None:
    raw = rows(number=[str(k) for k in range(60)])
    with pytest.raises(
        IntertrainError,
        match=r"'x\.csv': no column looks like labels, .* 'number' \(60 values\), 'note' \(",
    ):
        guess_label(raw, columns_of(raw))


def test_columns_that_say_the_same_are_found() -> None:
    raw = rows(label="012", name=["no", "yes", "perhaps"], coarse=["no", "yes", "yes"])
    assert names_for(raw, columns_of(raw), "label") == ["name"]


def test_the_text_is_what_is_named_so_unless_it_is_much_shorter() -> None:
    def choice(**others: Any) -> tuple[str, str]:
        raw = rows(label="01", **others)
        columns = columns_of(raw)
        texts = {name: column for name, column in columns.items() if column.is_text}
        return longest_text(raw, texts, columns, "label")

    titles = [f"Part {k} of it all" for k in range(60)]
    assert choice() == ("note", "whose values are the longest, 5 words on average")
    assert choice(title=titles) == ("title", "by its name and its values")
    assert choice(title=titles, story=[f"{text} {text * 6}" for text in titles])[0] == "story"
    raw = rows(label="01")
    able = {name: column for name, column in columns_of(raw).items() if name == "label"}
    with pytest.raises(
        IntertrainError, match=r"besides 'label' looks like texts; there is 'label' \(n"
    ):
        longest_text(raw, {}, able, "label")
