"""Draws the figure of a claim under its title and verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intertrain_jax.claims.claim import Verdict
from intertrain_jax.claims.drawing import LEGEND_COLUMNS
from intertrain_jax.report.canvas import GRID, headline, lines_of, new_figure, place, room_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _ROW, _LEAST, _MOST = 7.4, 0.21, 1.5, 3.4
_LINE = 0.135


def draw_claim(found: Verdict) -> Figure | None:
    """Returns the figure of a verdict, as high as its rows need; None where it has none.

    To be called inside `canvas.drawing`.

    Args:
        found: of `claims.judge`.
    """
    if found.figure is None:
        return None
    below = f"These records: {found.verdict}."
    top = 0.4 + _LINE * len(lines_of(below, _WIDTH))
    figure = new_figure(_WIDTH, _MOST)
    axes = place(figure, 0.0, 0.0, 1.0, 1.0)
    found.figure(axes)
    names = [label.get_text() for label in axes.get_yticklabels()]
    in_rows = axes.yaxis_inverted()
    left = 0.3 + room_for(names, 7.4) if in_rows else 0.72
    if legend := axes.get_legend():
        top += _LINE * -(-len(legend.get_texts()) // LEGEND_COLUMNS)
    inner = min(max(_ROW * len(names), _LEAST), 6.5) if in_rows else _MOST
    height = top + inner + 0.55
    figure.set_size_inches(_WIDTH, height)
    width = _WIDTH - left - 0.2
    axes.set_position((left / _WIDTH, 0.5 / height, width / _WIDTH, inner / height))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    headline(figure, found.title, below)
    return figure
