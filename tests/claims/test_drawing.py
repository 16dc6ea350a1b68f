"""Figures of claims: what is drawn is what the tables hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.claims.drawing import Curves, Points, Rows
from intertrain_jax.report.canvas import COLOURS, drawing, plain_axes


def rows_of(count: int) -> pd.DataFrame:
    value = np.linspace(2.0, -1.0, count)
    names = [f"model {i}" for i in range(count)]
    return pd.DataFrame({"name": names, "value": value, "low": value - 1, "high": value + 1})


def test_rows_are_intervals_from_the_top_and_many_are_counted() -> None:
    with drawing():
        _, axes = plain_axes()
        Rows(rows_of(3), "points")(axes)
        _, many = plain_axes()
        Rows(rows_of(40), "points")(many)
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "model 0",
        "model 1",
        "model 2",
    ]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.lines[0].get_xdata() == pytest.approx([1.0, 3.0])
    labels = [label.get_text() for label in many.get_yticklabels()]
    assert labels[0] == "model 0" and labels[-1] == "model 39" and labels[15] == "(10 more)"


def test_colours_are_those_of_all_figures() -> None:
    from matplotlib.colors import to_hex

    with drawing():
        _, axes = plain_axes()
        Rows(rows_of(4).assign(group=["good", "good", "bad", "bad"]), "points")(axes)
        colours = {to_hex(line.get_color()).upper() for line in axes.lines[:8]}
        assert colours == set(COLOURS[:2])
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["good", "bad"]


def test_points_have_a_line_where_there_is_one() -> None:
    x = np.arange(6.0)
    points = pd.DataFrame({"name": list("abcdef"), "x": x, "y": 2 * x + [0, 1, 0, 1, 0, 1]})
    with drawing():
        _, axes = plain_axes()
        Points(points, "probe", "gain")(axes)
        _, alone = plain_axes()
        Points(points.head(1), "probe", "gain")(alone)
    assert len(axes.lines) == 1 and len(alone.lines) == 0
    assert axes.get_xlabel() == "probe" and len(axes.texts) > 0


def test_curves_are_drawn_at_their_sizes() -> None:
    curve = pd.DataFrame({"size": [50, 100], "mean": [1.0, 2.0], "low": [0.0, np.nan], "high": 3.0})
    with drawing():
        _, axes = plain_axes()
        Curves({"one": curve, "two": curve}, "examples")(axes)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["50", "100"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]


def test_intervals_of_few_seeds_do_not_make_curves_flat() -> None:
    """Two seeds have one degree of freedom: intervals are then a hundred times as high as curves."""
    curve = pd.DataFrame({"size": [50, 100, 200], "mean": [4.0, -2.0, 1.0]})
    curve["low"], curve["high"] = curve["mean"] - 1.0, curve["mean"] + 1.0
    wide = curve.assign(
        low=curve["mean"] - [1.0, 300.0, np.nan], high=curve["mean"] + [200.0, 1, 1]
    )
    with drawing():
        _, narrow = plain_axes()
        Curves({"one": curve}, "examples")(narrow)
        _, cut = plain_axes()
        Curves({"one": curve, "two": wide}, "examples")(cut)
    assert not narrow.texts
    assert cut.get_ylim() == pytest.approx((-8.0, 10.0))
    assert [text.get_text() for text in cut.texts] == ["some intervals reach beyond the figure"]
