"""Columns: what each holds by its values, and what its name says."""

from __future__ import annotations

from typing import Any

import pytest

from intertrain_jax.data.columns import (
    Column,
    columns_of,
    is_label_by_name,
    named_as_label,
    named_as_text,
    pair_of,
)
from intertrain_jax.data.row_files import RawSplit


def column(values: list[Any], table: bool = True) -> Column:
    """Returns what is found out about one column."""
    return columns_of(RawSplit([{"a": value} for value in values], "x", None, table))["a"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["It was good", "It was not", "So so"], "words"),
        (["是好的电影", "不是"], "words"),
        (["1", "2.5", "-3e4", ""], "number"),
        ([True, False, None], "number"),
        (["true", "False"], "number"),
        (["2024-01-31", "2023-1-1 10:30", "2024-01-31T10:30:01Z", "31.12.2024"], "date"),
        (["10:30", "11:45 PM"], "date"),
        (["https://a.org/x", "www.b.org"], "mark"),
        (["me@a.org", "@somebody"], "mark"),
        (["T-0001", "T-0002", "550e8400-e29b-41d4"], "mark"),
        (["B2B1", "B2C1"] * 3, "words"),
        (["train", "test", "Dev"], "split"),
        ([["a"], ["b"]], "nested"),
        ([{"en": "a"}, "b"], "nested"),
        (["", " ", "nan"], "empty"),
    ],
)
def test_a_columns_kind_is_that_of_its_values(values: list[Any], kind: str) -> None:
    assert column(values).kind == kind


def test_values_are_counted_over_all_rows() -> None:
    found = column(["good ", "", "good", "not so good", " bad"])
    assert (found.count, found.first_missing, found.kinds, found.example) == (4, 2, 3, "good")
    assert found.words == pytest.approx((1 + 1 + 3 + 1) / 4)
    assert found.length == pytest.approx((4 + 4 + 11 + 3) / 4)
    # The word is a missing value in a table of text alone.
    assert column(["nan", "x"], table=False).count == 2
    assert column([float("nan"), 1.0], table=False).count == 1


def test_fractions_and_decimal_commas_are_seen_however_late_they_come() -> None:
    assert not column(["1.0", "2"] * 3000).fractions
    assert column(["1.0", "2"] * 3000 + ["2.5"]).fractions
    assert column(["1", "2,5", "1.000,25"]).decimal_comma == "2,5"
    assert column(["1,5", "so so"]).decimal_comma is None


def test_texts_are_long_or_seldom_the_same() -> None:
    assert column(["hello", "goodbye", "thanks"]).is_text
    assert not column(["hello", "goodbye"] * 9).is_text
    assert column(["One paragraph of many words", "Another one of as many"] * 9).is_text


@pytest.mark.parametrize(
    "name",
    ["label", "Label ", "gold-label", "airline_sentiment", "topicID", "Kategorie", "intent_name"],
)
def test_names_of_labels(name: str) -> None:
    assert named_as_label(name) is not None


@pytest.mark.parametrize("name", ["text", "sentiment_confidence", "labeller", "id", "", "答え"])
def test_names_of_other_things(name: str) -> None:
    assert named_as_label(name) is None


def test_a_plain_name_of_labels_goes_before_a_longer_one() -> None:
    names = ["stars", "label_text", "my_label", "label", "sentiment", "category"]
    ranks = {name: named_as_label(name) or 0.0 for name in names}
    assert sorted(names, key=ranks.__getitem__)[:3] == ["label", "label_text", "category"]
    assert is_label_by_name("Étiquette") and not is_label_by_name("rating")
    assert named_as_text("tweetText") is not None and named_as_text("text_source") is None


@pytest.mark.parametrize(
    ("names", "pair"),
    [
        (["hypothesis", "x", "premise"], ("premise", "hypothesis")),
        (["sentence2", "sentence1"], ("sentence1", "sentence2")),
        (["text_b", "other", "text_a"], ("text_a", "text_b")),
        (["q2", "q1"], ("q1", "q2")),
        (["Body", "Subject"], ("Subject", "Body")),
        (["question_content", "question_title"], ("question_title", "question_content")),
        (["text", "author"], None),
        (["sentence1", "sentence3"], None),
    ],
)
def test_pairs_are_known_by_their_names(names: list[str], pair: tuple[str, str] | None) -> None:
    rows = [dict.fromkeys(names, f"some words of row {k}") for k in range(9)]
    assert pair_of(columns_of(RawSplit(rows, "x"))) == pair


def test_short_parts_of_a_longer_text_are_no_pair() -> None:
    text = {"text": "Mark told Pete many lies about himself, which he put into his book"}
    rows = [{**text, "span1_text": "Mark", "span2_text": "He"}]
    assert pair_of(columns_of(RawSplit(rows, "x"))) is None
