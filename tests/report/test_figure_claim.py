"""Figures of verdicts: as high as their rows, with room for names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.claims import Verdict
from intertrain_jax.claims.drawing import Curves, Rows
from intertrain_jax.report.canvas import drawing
from intertrain_jax.report.figure_claim import draw_claim

VERDICT = Verdict("some", "Some help", "They do (§4).", "Two of 3 help.", "shows", {}, None)


def rows_of(count: int, name: str) -> Rows:
    value = np.arange(float(count))
    names = [f"{name} {i}" for i in range(count)]
    return Rows(
        pd.DataFrame({"name": names, "value": value, "low": value - 1, "high": value}), "points"
    )


def test_a_verdict_without_a_figure_has_none() -> None:
    assert draw_claim(VERDICT) is None


def test_figures_grow_with_rows_and_axes_move_to_the_right_of_names() -> None:
    with drawing():
        few, many = (
            draw_claim(replace(VERDICT, figure=rows_of(n, name)))
            for n, name in ((3, "m"), (25, "a rather long name"))
        )
    assert few is not None and many is not None
    assert many.get_size_inches()[1] > few.get_size_inches()[1] + 2.0
    left = [figure.axes[0].get_position().x0 for figure in (few, many)]
    assert left[1] > left[0] + 0.08
    texts = " ".join(text.get_text() for text in few.texts)
    assert "Some help" in texts and "These records: shows." in texts


def test_a_legend_stands_between_the_text_and_the_axes() -> None:
    curve = pd.DataFrame({"size": [50, 100], "mean": [1.0, 2.0], "low": 0.0, "high": 3.0})
    with drawing():
        figure = draw_claim(
            replace(VERDICT, figure=Curves({f"t{i}": curve for i in range(7)}, "n"))
        )
        assert figure is not None
        axes, legend = figure.axes[0], figure.axes[0].get_legend()
        figure.draw_without_rendering()
        box = legend.get_window_extent()
        below = figure.texts[1].get_window_extent()
    assert box.y0 >= axes.get_window_extent().y1 - 1
    assert box.y1 <= below.y0 + 2
    assert len(legend.get_texts()) == pytest.approx(7)
