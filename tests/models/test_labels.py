"""A head's rows are put into a task's order by their names; by position, never in silence."""

from __future__ import annotations

import re
from typing import Any

import pytest

from intertrain_jax.models.labels import class_names, match_labels

NLI = ("entailment", "neutral", "contradiction")


@pytest.mark.parametrize(
    ("names", "labels", "order"),
    [
        (NLI, NLI, (0, 1, 2)),
        (("CONTRADICTION", "NEUTRAL", "ENTAILMENT"), NLI, (2, 1, 0)),
        (("contradiction", "entailment", "neutral"), NLI, (1, 2, 0)),
        (("contradictory", "neutral", "entails"), NLI, (2, 1, 0)),
        # One name is left over on each side.
        (("no idea", "neutral", "entailment"), NLI, (2, 1, 0)),
        (("LABEL_2", "LABEL_0", "LABEL_1"), NLI, (1, 2, 0)),
        (("POSITIVE", "NEGATIVE"), ("neg", "pos"), (1, 0)),
        (("entailment", "not_entailment"), ("not_entailment", "entailment"), (1, 0)),
        (("irony", "non-irony"), ("not_ironic", "ironic"), (1, 0)),
        (("hateful", "nothate"), ("not_hate", "hate"), (1, 0)),
        (("acceptable", "ungrammatical"), ("unacceptable", "acceptable"), (1, 0)),
        (("not_duplicate", "duplicate"), ("not_equivalent", "equivalent"), (0, 1)),
        (("3 stars", "1 star", "2 stars"), ("1", "2", "3"), (1, 2, 0)),
        # Names win over ids: the task's label "1" is its class 0.
        (("0", "1"), ("1", "0"), (1, 0)),
        (("1", "0"), ("bad", "good"), (1, 0)),
        (("none", "against", "favor"), ("favour", "none", "AGAINST"), (2, 0, 1)),
    ],
)
def test_rows_are_found_by_name(
    names: tuple[str, ...], labels: tuple[str, ...], order: tuple[int, ...]
) -> None:
    found = match_labels(names, labels)
    assert found.order == order
    moved = order != tuple(sorted(order))
    assert (found.note is not None) == moved, "a row that was moved is said"
    # The other way round it is the inverse.
    back = match_labels(labels, names).order
    if not names[0].startswith("LABEL_") and names != ("1", "0"):
        assert [back[i] for i in order] == sorted(order)


@pytest.mark.parametrize(
    ("names", "labels", "said"),
    [
        (None, NLI, "does not name its classes"),
        (("LABEL_0", "LABEL_1", "LABEL_2"), NLI, "does not name its classes"),
        (("0", "1"), ("bad", "good"), "does not name its classes"),
        (("joy", "anger"), ("bad", "good"), r"\(joy, anger\) are not the task's \(bad, good\)"),
        # Of two classes none is left over: one match may be chance.
        (("good", "joy"), ("bad", "good"), "are not the task's"),
        (("good", "good"), ("bad", "good"), "are not the task's"),
        (("none", "e"), ("entailment", "not_entailment"), "are not the task's"),
    ],
)
def test_what_is_taken_by_position_is_said(names: Any, labels: Any, said: str) -> None:
    found = match_labels(names, labels)
    assert found.order == tuple(range(len(labels)))
    assert found.note is not None and "\n" not in found.note
    assert re.search(said, found.note)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ({"id2label": {"1": "b", "0": "a"}}, ("a", "b")),
        ({"id2label": ["a", "b"]}, ("a", "b")),
        ({"id2label": {0: 3, 1: None}}, ("3", "None")),
        ({"label2id": {"b": 1, "a": 0}}, ("a", "b")),
        # Words rather than numbers, and what is read first where both have words.
        ({"id2label": {0: "LABEL_0", 1: "LABEL_1"}, "label2id": {"b": 1, "a": 0}}, ("a", "b")),
        ({"id2label": {0: "LABEL_0", 1: "LABEL_1"}, "label2id": {"b": 2}}, ("LABEL_0", "LABEL_1")),
        ({"id2label": {0: "x", 1: "y"}, "label2id": {"b": 1, "a": 0}}, ("x", "y")),
        ({"id2label": {0: "x"}, "label2id": {"b": 1, "a": 0}}, ("a", "b")),
        ({}, None),
        ({"id2label": {"zero": "a", "one": "b"}}, None),
        ({"id2label": {"0": "a"}}, None),
        ({"id2label": {"0": "a", "2": "b"}}, None),
        ({"id2label": {"-1": "a", "0": "b"}}, None),
        ({"id2label": {"9" * 5000: "a", "0": "b"}}, None),
        ({"id2label": "a, b"}, None),
        ({"id2label": None, "label2id": [1]}, None),
    ],
)
def test_names_are_read_however_a_file_has_them(content: dict[str, Any], names: Any) -> None:
    assert class_names(content, 2) == names
