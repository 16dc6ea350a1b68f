"""Tasks: templates, their slots, and the columns that they need."""

from __future__ import annotations

from intertrain_jax.data.task import Task, columns_named, render, slots


def test_templates_fill_slots_and_nothing_else() -> None:
    row = {"a b": "x{c}", "c": 3}
    assert render("{a b} {c} %s {{c}}", row) == "x{c} 3 %s {3}"


def test_a_task_needs_the_columns_that_its_templates_and_label_name() -> None:
    task = Task("toy", "a toy", ("{b}: {a}", "{a} {c d}"), label="y")
    assert slots(task.texts[1]) == ["a", "c d"]
    assert task.columns == ("b", "a", "c d", "y")
    assert Task("toy", "a toy", ("{a}",), label="a").columns == ("a",)


def test_texts_that_are_columns_as_they_are_have_names() -> None:
    """A model that learnt from them reads the same ones of another file."""
    assert Task("toy", "a toy", ("{a b}", "{c}")).named_texts == ("a b", "c")
    assert Task("toy", "a toy", ("{a}", "so {c}")).named_texts == ("a", "so {c}")
    assert Task("toy", "a toy", ("{a}{b}",)).named_texts == ("{a}{b}",)
    assert columns_named("so {c} {d}") == ["c", "d"] and columns_named("a b") == ["a b"]


def test_a_task_is_a_regression_by_its_metric() -> None:
    assert Task("toy", "a toy", ("{a}",), metric="spearman").regression
    assert not Task("toy", "a toy", ("{a}",)).regression
