"""Figures' common ground: names on one line, text that fits, places in inches, the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.report import canvas


def test_names_are_short_and_on_one_line() -> None:
    assert canvas.short("roberta-base") == "roberta-base"
    assert canvas.short("a\nb\tc\u200b") == "a?b?c?"
    cut = canvas.short("begin" + "x" * 100 + "end", 11)
    assert len(cut) == 11 and cut.startswith("begin") and cut.endswith("end") and "…" in cut
    assert canvas.short("x" * 11, 11) == "x" * 11


def test_room_grows_with_the_longest_name_and_its_size() -> None:
    assert canvas.room_for([], 8.0) == 0
    one = canvas.room_for(["abc", "a"], 8.0)
    assert canvas.room_for(["abcabc", "a"], 4.0) == pytest.approx(one)
    assert canvas.room_for(["abcabc"], 8.0) == pytest.approx(2 * one)


def test_explanations_are_broken_where_the_figure_ends() -> None:
    text = "word " * 60 + "\nsecond part"
    narrow, wide = canvas.lines_of(text, 3.0), canvas.lines_of(text, 9.0)
    assert len(narrow) > len(wide) > 2 and narrow[-1] == wide[-1] == "second part"
    assert " ".join(narrow).split() == text.split()
    assert max(map(len, narrow)) <= (3.0 - 0.24) / 0.06


def test_axes_stand_where_they_are_placed() -> None:
    axes = canvas.place(canvas.new_figure(4.0, 2.0), 1.0, 0.5, 2.0, 1.0)
    assert axes.get_position().bounds == pytest.approx((0.25, 0.25, 0.5, 0.5))


def test_a_figure_is_the_same_bytes_each_time_and_keeps_its_text(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        with canvas.drawing():
            figure, axes = canvas.plain_axes()
            axes.scatter([0, 1], [1, 0])
            canvas.headline(figure, "Costs $5 and $6", "said below")
            canvas.save(figure, tmp_path / folder, "one")
    for suffix in ("png", "svg"):
        first, second = (tmp_path / f / f"one.{suffix}" for f in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    text = (tmp_path / "first" / "one.svg").read_text()
    assert "Costs $5 and $6" in text and "said below" in text and "<dc:date>" not in text
