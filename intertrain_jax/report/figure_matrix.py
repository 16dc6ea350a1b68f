"""Draws a matrix as the paper's Fig. 1 and 5: colours, values, groups apart, averages at margins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from intertrain_jax.report.canvas import (
    PALE,
    headline,
    lines_of,
    new_figure,
    place,
    room_for,
    short,
)
from intertrain_jax.report.numbers import cell_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More rows than this are too many to read: the best and the worst are drawn, and it says so.
MOST_ROWS = 40
_ENDS = 8
# More columns than this are drawn without their values.
_MOST_COLUMNS = 60
_CELL_HEIGHT, _GAP, _MARGIN_GAP = 0.24, 0.07, 0.16
_SIZE, _NAME_SIZE = 6.8, 7.6
# Gains at least this large, in points, have the full colour, unless the matrix has larger ones.
_SMALLEST_SCALE = 2.0


@dataclass(frozen=True)
class MatrixPicture:
    """What is to be drawn of M base models × T targets.

    Attributes:
        title, below: at the top.
        values: [M, T], rows and columns in the order to draw; NaN where missing.
        marks: [M, T] "", "*" or "**", written behind the value.
        row_groups, column_groups: a group for each row and column; equal neighbours stay together.
        row_margin: [M] numbers to the right, under `margin_name`.
        column_margin: [T] numbers below, beside `column_margin_name`.
        diverging: colours centred at zero; else from white to dark.
        unit: what the colour bar says.
    """

    title: str
    below: str
    values: pd.DataFrame
    marks: pd.DataFrame
    row_groups: Sequence[str]
    column_groups: Sequence[str]
    row_margin: pd.Series[float]
    margin_name: str
    column_margin: pd.Series[float]
    column_margin_name: str
    diverging: bool = True
    unit: str = "gain in points"


def draw_matrix(picture: MatrixPicture) -> Figure:
    """Returns the figure; of more than `MOST_ROWS` rows the first and the last `_ENDS`."""
    kept, cut = _kept_rows(len(picture.values))
    values = picture.values.iloc[kept]
    rows, columns = values.shape
    names = [short(name) for name in values.index]
    targets = [short(name, 24) for name in values.columns]
    widest = max((len(cell_text(v, picture.diverging)) for v in values.to_numpy().flat), default=4)
    starred = (picture.marks.iloc[kept] != "").to_numpy().any()
    written = columns <= _MOST_COLUMNS
    cell = max(0.3, (widest + 2 * starred) * _SIZE * 0.0083 + 0.06) if written else 0.16
    x = _offsets(picture.column_groups, cell)
    y = _offsets([picture.row_groups[k] for k in kept], _CELL_HEIGHT, cut)
    left = 0.2 + room_for(names, _NAME_SIZE)
    if _several(picture.row_groups):
        left += 0.15 + room_for(list(picture.row_groups), _NAME_SIZE)
    slanted = 0.72 * room_for([*targets, picture.margin_name], _NAME_SIZE)
    foot = 0.75
    if _several(picture.column_groups):
        foot += max(0.3, 0.7 * room_for(list(picture.column_groups), _NAME_SIZE))
    width, height = x[-1] + cell, y[-1] + _CELL_HEIGHT
    right = _MARGIN_GAP + cell + max(slanted, 0.3)
    depth = height + _MARGIN_GAP + _CELL_HEIGHT
    across = max(left + width + right, 5.6)
    said = picture.below
    if cut is not None:
        said += (
            f"\nOf {len(picture.values)} rows, the {cut} with the highest and the {rows - cut} with"
            " the lowest average."
        )
    head = 0.42 + 0.13 * len(lines_of(said, across)) + slanted
    figure = new_figure(across, head + depth + foot)
    axes = place(figure, left, foot, width + _MARGIN_GAP + cell, depth)
    # One unit of the axes is one inch, counted down from the upper left cell.
    axes.set_xlim(0, width + _MARGIN_GAP + cell)
    axes.set_ylim(depth, 0)
    axes.set_axis_off()
    colours = _Colours(picture)
    _cells(axes, values, picture.marks.iloc[kept], x, y, cell, colours, written)
    below, beside = height + _MARGIN_GAP, width + _MARGIN_GAP
    side = picture.row_margin.iloc[kept].to_frame()
    _cells(axes, side, _blank(side), np.array([beside]), y, cell, colours, True)
    last = picture.column_margin.to_frame().T
    _cells(axes, last, _blank(last), x, np.array([below]), cell, colours, written)
    _row_names(axes, [*names, picture.column_margin_name], [*y, below])
    _column_names(axes, [*targets, picture.margin_name], np.array([*x, beside]) + cell / 2)
    _group_names(axes, picture, kept, x, y, cell, left, depth + 0.06)
    if cut is not None:
        hidden = len(picture.values) - rows
        axes.text(
            width / 2, y[cut] - 0.12, f"{hidden} more rows", ha="center", va="center", color=PALE
        )
    _colour_bar(figure, colours, left, min(width, 2.6), picture.unit)
    headline(figure, picture.title, said)
    return figure


class _Colours:
    """Numbers to colours: blue for gains and red for losses around white, or white to dark."""

    def __init__(self, picture: MatrixPicture) -> None:
        import matplotlib as mpl

        sizes = np.abs(picture.values.to_numpy(dtype=float))
        sizes = sizes[np.isfinite(sizes)]
        # Single outliers do not pale the rest.
        most = float(np.quantile(sizes, 0.95)) if len(sizes) else 0.0
        self.most = max(most, _SMALLEST_SCALE)
        self.beyond = bool((sizes > self.most).any())
        self.diverging = picture.diverging
        self.low = -self.most if self.diverging else 0.0
        self._map = mpl.colormaps["RdBu" if self.diverging else "Greys"]

    def fills(self, values: np.ndarray) -> np.ndarray:
        """Returns red, green, blue and opacity of each number."""
        position = np.clip((values - self.low) / (self.most - self.low), 0.0, 1.0)
        # The ends of both maps are so dark that neighbours there look alike.
        return np.asarray(self._map(0.08 + 0.84 * position if self.diverging else 0.7 * position))

    def is_dark(self, fills: np.ndarray) -> np.ndarray:
        """Returns where text must be white."""
        return np.asarray(fills[..., :3] @ np.array([0.299, 0.587, 0.114]) < 0.5)


def _cells(
    axes: Axes,
    values: pd.DataFrame,
    marks: pd.DataFrame,
    x: np.ndarray,
    y: np.ndarray,
    width: float,
    colours: _Colours,
    written: bool,
) -> None:
    """Draws cells at their places; those that are missing are hatched."""
    from matplotlib.collections import PolyCollection

    numbers = values.to_numpy(dtype=float)
    known = np.isfinite(numbers)
    fills = colours.fills(np.where(known, numbers, 0.0))
    dark = colours.is_dark(fills)
    left, top = np.meshgrid(x, y)
    right, bottom = left + width, top + _CELL_HEIGHT
    boxes = np.stack(
        [
            np.stack(corner, -1)
            for corner in ((left, top), (right, top), (right, bottom), (left, bottom))
        ],
        axis=-2,
    )
    axes.add_collection(
        PolyCollection(boxes[known], facecolors=fills[known], edgecolors="white", linewidths=0.6)
    )
    gaps: dict[str, Any] = {
        "facecolors": "#f4f4f4",
        "edgecolors": "#cfcfcf",
        "hatch": "/////",
        "linewidths": 0.6,
    }
    axes.add_collection(PolyCollection(boxes[~known], **gaps))
    for row, column in np.argwhere(known) if written else ():
        mark = str(marks.iat[row, column])
        axes.text(
            x[column] + width / 2,
            y[row] + _CELL_HEIGHT / 2 + 0.01,
            cell_text(numbers[row, column], colours.diverging) + mark,
            ha="center",
            va="center",
            fontsize=_SIZE,
            fontweight="bold" if mark else "normal",
            color="white" if dark[row, column] else "black",
        )


def _row_names(axes: Axes, names: Sequence[str], tops: Sequence[float]) -> None:
    """Writes names to the left of rows that begin at `tops`."""
    for name, top in zip(names, tops, strict=True):
        axes.text(-0.06, top + _CELL_HEIGHT / 2, name, ha="right", va="center", fontsize=_NAME_SIZE)


def _column_names(axes: Axes, names: Sequence[str], middles: np.ndarray) -> None:
    """Writes names, slanted, above columns whose middles are at `middles`."""
    for name, middle in zip(names, middles, strict=True):
        axes.text(
            middle,
            -0.05,
            name,
            ha="left",
            va="bottom",
            rotation=45,
            rotation_mode="anchor",
            fontsize=_NAME_SIZE,
        )


def _group_names(
    axes: Axes,
    picture: MatrixPicture,
    kept: Sequence[int],
    x: np.ndarray,
    y: np.ndarray,
    cell: float,
    left: float,
    foot: float,
) -> None:
    """Writes the groups' names at the left and at the foot where there is more than one."""
    style: dict[str, Any] = {"fontsize": _NAME_SIZE, "color": "#555555", "fontweight": "bold"}
    rows = [picture.row_groups[k] for k in kept]
    for group, first, last in _spans(rows) if _several(rows) else ():
        centre = (y[first] + y[last] + _CELL_HEIGHT) / 2
        axes.text(-left + 0.12, centre, group, ha="left", va="center", **style)
    spans = _spans(picture.column_groups) if _several(picture.column_groups) else []
    fits = all(
        room_for([group], _NAME_SIZE) < x[last] + cell - x[first] for group, first, last in spans
    )
    for group, first, last in spans:
        centre = (x[first] + x[last] + cell) / 2
        if fits:
            axes.text(centre, foot, group, ha="center", va="top", **style)
        else:
            axes.text(
                centre,
                foot,
                group,
                ha="left",
                va="top",
                rotation=-40,
                rotation_mode="anchor",
                **style,
            )


def _colour_bar(figure: Figure, colours: _Colours, left: float, width: float, unit: str) -> None:
    """Draws what the colours mean below the matrix."""
    width = max(width, 1.2)
    axes = place(figure, left, 0.42, width, 0.12)
    steps = np.linspace(colours.low, colours.most, 128)
    axes.imshow(colours.fills(steps)[None], aspect="auto", extent=(colours.low, colours.most, 0, 1))
    axes.set_yticks([])
    axes.tick_params(labelsize=7, length=2)
    beyond = ", the same colour beyond" if colours.beyond else ""
    axes.set_xlabel(f"{unit}{beyond}", fontsize=7, loc="left")


def _kept_rows(count: int) -> tuple[list[int], int | None]:
    """Returns which rows to draw, and how many of them are above the cut, if there is one."""
    if count <= MOST_ROWS:
        return list(range(count)), None
    return [*range(_ENDS), *range(count - _ENDS, count)], _ENDS


def _offsets(groups: Sequence[str], size: float, cut: int | None = None) -> np.ndarray:
    """Returns where each row or column begins, with a gap between groups and at the cut."""
    places, here = [], 0.0
    for k, group in enumerate(groups):
        if k and group != groups[k - 1]:
            here += _GAP
        if cut is not None and k == cut:
            here += _CELL_HEIGHT
        places.append(here)
        here += size
    return np.array(places)


def _spans(groups: Sequence[str]) -> list[tuple[str, int, int]]:
    """Returns runs of equal neighbours: group, first, last."""
    spans: list[tuple[str, int, int]] = []
    for k, group in enumerate(groups):
        if spans and spans[-1][0] == group:
            spans[-1] = (group, spans[-1][1], k)
        else:
            spans.append((group, k, k))
    return spans


def _several(groups: Sequence[str]) -> bool:
    return len(set(groups)) > 1


def _blank(like: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame("", index=like.index, columns=like.columns)
