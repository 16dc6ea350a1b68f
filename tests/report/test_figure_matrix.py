"""The matrix figure's parts: rows that are kept, places, groups, and numbers as text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.report import figure_matrix as fm
from intertrain_jax.report.canvas import drawing


def picture(rows: int, unit: str = "points") -> fm.MatrixPicture:
    names, columns = [f"model {k}" for k in range(rows)], ["rte", "cb"]
    values = pd.DataFrame(np.linspace(3, -3, 2 * rows).reshape(rows, 2), names, columns)
    marks = pd.DataFrame("", names, columns)
    values.iloc[0, 1], marks.iloc[0, 0] = np.nan, "**"
    return fm.MatrixPicture(
        "Gains", "said", values, marks, ["g"] * rows, ["left", "right"],
        values.mean(axis=1), "row mean", values.mean(), "column mean", unit=unit,
    )  # fmt: skip


def texts(rows: int) -> list[str]:
    with drawing():
        figure = fm.draw_matrix(picture(rows))
        return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_every_name_and_margin_is_written_once_and_marks_follow_values() -> None:
    found = texts(3)
    for name in ("model 0", "model 2", "rte", "cb", "row mean", "column mean", "left", "right"):
        assert found.count(name) == 1, name
    assert "+3.0**" in found and "-3.0" in found


def test_names_stand_beside_their_rows_and_columns() -> None:
    with drawing():
        axes = fm.draw_matrix(picture(3)).axes[0]
    at = {text.get_text(): text.get_position() for text in axes.texts}
    rows = [at[name] for name in ("model 0", "model 1", "model 2", "column mean")]
    assert all(x < 0 for x, _ in rows) and rows == sorted(rows, key=lambda place: place[1])
    columns = [at[name] for name in ("rte", "cb", "row mean")]
    assert all(y < 0 for _, y in columns) and columns == sorted(columns)
    assert at["+3.0**"] == pytest.approx((at["rte"][0], at["model 0"][1]), abs=0.02)


def test_of_many_rows_the_ends_are_drawn_and_the_rest_counted() -> None:
    found = texts(fm.MOST_ROWS + 1)
    drawn = [text for text in found if text.startswith("model ")]
    assert len(drawn) == 16 and drawn[0] == "model 0" and drawn[-1] == f"model {fm.MOST_ROWS}"
    assert f"{fm.MOST_ROWS + 1 - 16} more rows" in found
    assert len([text for text in texts(fm.MOST_ROWS) if text.startswith("model ")]) == fm.MOST_ROWS


def test_groups_stand_apart_and_are_spans_of_neighbours() -> None:
    steps = np.diff(fm._offsets(["a", "a", "b"], 1.0))
    assert steps[0] == pytest.approx(1.0) and steps[1] > 1.0
    assert fm._spans(["a", "a", "b", "a"]) == [("a", 0, 1), ("b", 2, 2), ("a", 3, 3)]
