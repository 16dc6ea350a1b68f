"""A person's rows: what test_own.py has no file for, where rows are in several files, and numbers."""

from __future__ import annotations

from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.columns import columns_of
from intertrain_jax.data.own_rows import (
    check_fit,
    check_header,
    check_labels,
    check_texts,
    place_of_row,
)
from intertrain_jax.data.row_files import RawSplit, joined


def raw(*labels: Any, table: bool = False, **more: Any) -> RawSplit:
    """Returns rows with labels."""
    rows = [{"text": f"text {k}", "label": label} for k, label in enumerate(labels)]
    return RawSplit(rows, "x", range(2, 2 + len(rows)), table, **more)


def about(split: RawSplit) -> tuple[dict[str, Any], list[str]]:
    """Returns what is found out about the labels, and what is said."""
    said: list[str] = []
    return check_labels(split, columns_of(split)["label"], said), said


def test_a_row_of_several_files_is_named_with_its_own() -> None:
    parts = [RawSplit([{"a": 1}] * 3, f"dir/{name}.csv", [2, 4, 5]) for name in "ab"]
    whole = joined(parts, "dir")
    assert place_of_row(whole, 2) == "a.csv row 2 (line 4)"
    assert place_of_row(whole, 6) == "b.csv row 3 (line 5)"
    assert place_of_row(RawSplit([{}] * 5, "x"), 1234) == "row 1,234"


def test_a_first_row_that_lacks_a_column_does_not_say_which_there_are() -> None:
    rows = [{"text": "a"}, *({"text": f"t {k}", "label": k % 2} for k in range(20))]
    split = RawSplit(rows, "x.jsonl", lines=range(1, 22))
    check_fit(split)
    with pytest.raises(IntertrainError, match=r"has no value in 1 of 21 rows, .* row 1 \(line 1\)"):
        about(split)


def test_minus_one_is_a_class_where_labels_lie_evenly_about_zero() -> None:
    assert about(raw(*[-1, 1] * 9))[0]["labels"] == ["-1", "1"]
    found, said = about(raw(*["-2", "-1", "0", "1.0", "2"] * 4, table=True))
    assert found == {"metric": "accuracy", "labels": ["-2", "-1", "0", "1", "2"]}
    assert said == ["-1 in 'label' is a class, as labels lie evenly about zero"]
    # Ids that the file has names for have none for it: there it says that there is no label.
    named = raw(*[-1, 0, 1, 1] * 4, class_names={"label": ("a", "b")})
    assert about(named)[0] == {"metric": "accuracy"}
    with pytest.raises(IntertrainError, match=r"is -1 in 4 rows, the first is row 1 \(line 2\)"):
        about(raw(*[-1, 0, 1, 2] * 4))


def test_a_few_minus_ones_among_zeros_and_ones_are_asked_about() -> None:
    assert about(raw(*[0, 1] * 10, -1, -1))[0]["labels"] == ["-1", "0", "1"]
    with pytest.raises(IntertrainError, match=r"is -1 in 2 rows, .* which can be a class or say"):
        about(raw(*[0, 1] * 11, -1, -1))


def test_fractions_are_predicted_and_that_is_said() -> None:
    found, said = about(raw(*[0.5, 1, 3.25] * 6))
    assert found == {"metric": "spearman"}
    assert said == ["labels in 'label' are numbers to predict, scored by rank correlation"]


def test_truth_values_are_one_in_any_case_and_words_are_not() -> None:
    assert about(raw(*["True", "true", "FALSE"] * 6, table=True))[0] == {"metric": "accuracy"}
    with pytest.raises(
        IntertrainError, match=r"has 'very  good' in 1 row, .*, and 'very good' in 9"
    ):
        about(raw(*["very good", "bad"] * 9, "very  good", table=True))


def test_a_thousand_classes_are_the_most() -> None:
    split = raw(*[f"c{k % 1001}" for k in range(4004)])
    with pytest.raises(IntertrainError, match=r"free text: 1,001 values in 4,004 rows"):
        about(split)
    assert about(raw(*[f"c{k % 1000}" for k in range(4000)]))[0] == {"metric": "accuracy"}


def test_a_text_of_several_columns_needs_one_of_them() -> None:
    rows = [{"a": "", "b": "x"}, {"a": "y", "b": " "}]
    check_texts(RawSplit(rows, "x", [2, 3], True), [["a", "b"]])
    with pytest.raises(
        IntertrainError, match=r"'a' has no value in 1 of 2 rows, the first is row 1"
    ):
        check_texts(RawSplit(rows, "x", [2, 3], True), [["a"], ["b"]])
    check_texts(RawSplit([{"a": ""}], "x"), [["a"]])  # "" is a text of JSON
    with pytest.raises(IntertrainError, match=r"'a' holds a list or a mapping in 1 row"):
        check_texts(RawSplit([{"a": "b"}, {"a": ["b"]}], "x"), [["a"]])


def test_a_column_named_as_one_of_its_values_may_be_one_of_labels() -> None:
    def header(name: str) -> RawSplit:
        return RawSplit(
            [{"text": f"t {k}", name: v} for k, v in enumerate(["spam", "ham"] * 9)],
            "x",
            None,
            True,
        )

    check_header(header("spam"))
    with pytest.raises(
        IntertrainError, match="line 1: must name the columns, but 'ham' looks like"
    ):
        check_header(header("ham"))
