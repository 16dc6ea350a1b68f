"""Labels: names before ids, the same value the same class in every format, and order that is said."""

from __future__ import annotations

from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.labels import (
    LabelReader,
    NoLabelError,
    has_labels,
    is_missing,
    with_labels,
)
from intertrain_jax.data.row_files import RawSplit
from intertrain_jax.data.task import Task


def task(*labels: str, **changes: Any) -> Task:
    return Task("toy", "a toy", ("{text}",), labels=labels, **changes)


def split(*values: Any, names: tuple[str, ...] | None = None) -> RawSplit:
    stored = {} if names is None else {"label": names}
    return RawSplit([{"text": "t", "label": v} for v in values], "here", class_names=stored)


# One value as JSON, Parquet and a table of text have it.
ONE = (1, 1.0, "1", " 1 ", "1.0", True, "True", "TRUE", "true")
ZERO = (0, 0.0, "0", "0.0", False, "False", "FALSE", "false")


@pytest.mark.parametrize(
    ("labels", "zero", "one"),
    [
        (("no", "yes"), 0, 1),
        (("0", "1"), 0, 1),
        (("1", "0"), 1, 0),
        (("true", "false"), 1, 0),
        (("False", "True"), 0, 1),
        (("0", "1", "2"), 0, 1),
    ],
)
def test_a_value_is_one_class_whatever_its_type(
    labels: tuple[str, ...], zero: int, one: int
) -> None:
    reader = LabelReader(task(*labels))
    assert {reader.read(value) for value in ONE} == {one}
    assert {reader.read(value) for value in ZERO} == {zero}


def test_numbers_are_names_where_names_are_numbers() -> None:
    reader = LabelReader(task("1", "2", "3", "4", "5"))
    assert [reader.read(value) for value in (1, "1", 5, "5.0")] == [0, 0, 4, 4]
    for value in (0, "0", 6, 1.5):
        with pytest.raises(ValueError, match="numbers are names, no ids"):
            reader.read(value)
    reader = LabelReader(task("-1", "0", "1"))
    assert [reader.read(value) for value in (-1, "-1", 0, 1)] == [0, 0, 1, 2]


def test_ids_stand_for_words_and_words_for_themselves() -> None:
    reader = LabelReader(task("neg", "pos"))
    assert [reader.read(value) for value in ("pos", " neg ", 0, "1")] == [1, 0, 0, 1]
    for value in (2, "2", -2, 0.5, "Pos", None, [1], {"a": 1}, 10**400, "1_0", "١", float("inf")):
        with pytest.raises(ValueError, match=r"labels are 0 neg, 1 pos\."):
            reader.read(value)
    with pytest.raises(ValueError, match="Did you mean 'pos'"):
        reader.read("poss")


@pytest.mark.parametrize("value", [-1, -1.0, "-1", " -1.0"])
def test_minus_one_is_no_label(value: Any) -> None:
    for labels in (("neg", "pos"), ("1", "2")):
        with pytest.raises(NoLabelError):
            LabelReader(task(*labels)).read(value)
    assert LabelReader(task(metric="spearman")).read(value) == -1.0


def test_a_regression_s_labels_are_numbers_that_a_float_holds() -> None:
    reader = LabelReader(task(metric="spearman"))
    assert [reader.read(value) for value in ("2.5", 3, "1e-3")] == [2.5, 3.0, 0.001]
    for value in ("high", "4,5", None, 1e39, "1e999", 10**400, "nan"):
        with pytest.raises(ValueError, match="labels are numbers"):
            reader.read(value)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (("pos", "neg", " pos"), ("neg", "pos")),
        ((10, 9, 0), ("0", "9", "10")),
        (("10", "9", "0"), ("0", "9", "10")),
        (("10.0", 9, 0.0), ("0", "9", "10")),
        ((True, False), ("false", "true")),
        ((True, False, 1, 0), ("false", "true")),  # one file has words, another numbers
        (("true", 1, 0.0), ("false", "true")),
        (("9007199254740993", "9007199254740992"), ("9007199254740993", "9007199254740992")),
        (("True", "FALSE", True), ("false", "true")),
        (("pos", "neg", -1), ("neg", "pos")),
        (("01", "1", "x"), ("01", "1", "x")),
    ],
)
def test_labels_that_are_not_declared_are_sorted(values: Any, labels: tuple[str, ...]) -> None:
    half = len(values) // 2
    found, note = with_labels(task(), [split(*values[:half]), split(*values[half:])])
    assert found.labels == labels and note == (
        "labels are in sorted order: " + ", ".join(f"{i} {name}" for i, name in enumerate(labels))
    )
    reader = LabelReader(found)
    for value in values:
        if value != -1:
            assert 0 <= reader.read(value) < len(labels)


def test_labels_that_a_file_names_are_in_its_order() -> None:
    raw = [split(1, 0, names=("yes", "no")), split(1, -1, names=("yes", "no"))]
    found, note = with_labels(task(), raw)
    assert (
        found.labels == ("yes", "no") and note == "labels are as the files name them: 0 yes, 1 no"
    )
    with pytest.raises(
        IntertrainError, match=r"labels are 0 no, 1 yes, but its files say .* 0 yes, 1"
    ):
        with_labels(task("no", "yes"), raw)
    assert with_labels(task("Yes", "No"), raw)[1] is None
    assert with_labels(task("a", "b"), raw)[0].labels == ("a", "b"), (
        "other words are another's matter"
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("a", "a"), r"must hold 2 to 1,000 names or ids, holds 1 values \(a, \.\.\.\)"),
        ((0.5, 1.5, 1.5), r"holds 2 values .* metric: spearman"),
        (tuple(f"text {k}" for k in range(2000)), "holds more than 1,000 values"),
        ((-1, 0, 1), r"label -1 can be a class .* Declare the labels"),
        (
            ("Pos", "neg", "pos"),
            r"labels 'Pos' and 'pos' are the same but for case.* Make them one",
        ),
        (("n\u00e9g", "pos", "ne\u0301g"), "the same but for case, blanks, marks that nobody sees"),
        (("pos", "neg", "\u200fpos"), "the same but for case, blanks, marks that nobody sees"),
        ((1, "01", True, False), "labels '1' and '01' are one value"),
        (("true", 0, "x", 1), "labels 'true' and '1' are one value"),
        (("01", "1", "2"), "labels '01' and '1' are one value"),
        (([1], [2]), "holds a list, and must hold names or ids"),
    ],
)
def test_what_is_no_label_column_is_said(values: Any, message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as caught:
        with_labels(task(), [split(*values)])
    assert "label" in str(caught.value) and "\n" not in str(caught.value)


def test_a_split_without_a_word_has_no_labels() -> None:
    for values in ((-1, "-1", -1.0), (None, float("nan"), " ")):
        assert not has_labels(task("no", "yes"), split(*values))
        assert not has_labels(task(), split(*values))
        assert has_labels(task("no", "yes"), split(*values, "yes"))
    assert has_labels(task("-1", "1"), split(-1)) and has_labels(task(metric="spearman"), split(-1))
    assert not has_labels(task(metric="spearman"), split(None))
    assert not has_labels(task("no", "yes"), RawSplit([{"text": "a"}], "here"))


def test_numbers_need_no_names() -> None:
    assert with_labels(task(metric="spearman"), [split(0.5)]) == (task(metric="spearman"), None)


def test_missing_is_null_or_not_a_number() -> None:
    assert [is_missing(v) for v in (None, float("nan"), 0, "", "nan", [])] == [True, True] + [
        False
    ] * 4
