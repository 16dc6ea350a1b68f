"""Draws models as points: probe against gain, source score against gain, ranks, fits, size curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from intertrain_jax.report.canvas import (
    COLOURS,
    GRID,
    PALE,
    headline,
    new_figure,
    place,
    plain_axes,
    room_for,
    short,
)
from intertrain_jax.report.numbers import count, share
from intertrain_jax.stats.lines import Line, predict
from intertrain_jax.study.statistics.size_curves import NamedCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Of more models, the best are drawn, and it says so.
MOST_RANKED = 30
_MOST_LABELS = 24
_MOST_FAR = 40
_LABEL_SIZE = 6.2
_MARKERS = "osD^vPX"


def draw_probe(
    title: str,
    below: str,
    names: Sequence[str],
    x: np.ndarray,
    y: np.ndarray,
    line: Line,
    axis_names: tuple[str, str],
) -> Figure:
    """Returns Fig. 2: a point per model with the line and its interval; as many names as have room.

    Args:
        title, below: at the top.
        names: of the models, "" for none.
        x, y: [n] coordinates, NaN where missing.
        line: through them.
        axis_names: of x and y.
    """
    figure, axes = plain_axes(7.6, 5.0)
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    labels = dict(enumerate(name for name, kept in zip(names, both, strict=True) if kept))
    axes.scatter(x, y, s=14, color=COLOURS[0], alpha=0.75, linewidths=0, zorder=3)
    axes.axhline(0.0, color=PALE, linewidth=0.6)
    if np.isfinite(line.slope) and len(x):
        across = np.linspace(x.min(), x.max(), 60)
        said = [predict(line, value) for value in across]
        axes.plot(across, [p.value for p in said], color=COLOURS[1], linewidth=1.2, zorder=2)
        axes.fill_between(
            across,
            [p.mean_low for p in said],
            [p.mean_high for p in said],
            color=COLOURS[1],
            alpha=0.15,
            linewidth=0,
        )
    axes.set_xlabel(axis_names[0])
    axes.set_ylabel(axis_names[1])
    axes.margins(x=0.08, y=0.06)
    if len(x):
        from_line = np.abs(y - line.slope * x - line.intercept)
        _label(axes, labels, x, y, np.nan_to_num(from_line) + 0.3 * np.abs(y - y.mean()))
    headline(figure, title, below)
    return figure


def draw_source_scores(title: str, below: str, points: pd.DataFrame) -> Figure:
    """Returns Fig. 11: a point per source model, both sides from the mean of their source.

    Args:
        title, below: at the top.
        points: base, source_score, average; sources with several source models.
    """
    figure, axes = plain_axes(7.2, 4.2)
    sources = list(dict.fromkeys(points["base"]))
    for k, source in enumerate(sources):
        rows = points.loc[points["base"] == source, ["source_score", "average"]]
        centred = rows - rows.mean()
        axes.scatter(
            centred["source_score"],
            centred["average"],
            s=22,
            marker=_MARKERS[(k // len(COLOURS)) % len(_MARKERS)],
            color=COLOURS[k % len(COLOURS)],
            alpha=0.85,
            linewidths=0,
            label=short(source, 26),
            zorder=3,
        )
    axes.axhline(0.0, color=PALE, linewidth=0.6)
    axes.axvline(0.0, color=PALE, linewidth=0.6)
    axes.set_xlabel("score on the source task, from the mean of its seeds (points)")
    axes.set_ylabel("average score on targets, from the mean (points)")
    _legend_beside(axes, min(len(sources), 30))
    headline(figure, title, below)
    return figure


def draw_ranks(title: str, below: str, models: pd.DataFrame, of: str) -> Figure:
    """Returns average gains and ranks with their intervals, the best at the top.

    Args:
        title, below: at the top.
        models: of `Result.models`; those without a rank are not drawn.
        of: what the intervals are over.
    """
    ranked = models[models["rank"].notna()].sort_values(["rank", "base"])
    shown = ranked.head(MOST_RANKED)
    if len(shown) < len(ranked):
        below += f" The {len(shown)} best of {len(ranked)}."
    names = [short(name) for name in shown["base"]]
    left, height = 0.25 + room_for(names, 7.6), 0.2 * len(shown)
    figure = new_figure(left + 6.4, height + 1.4)
    places = np.arange(len(shown), dtype=float)
    gain = place(figure, left, 0.6, 2.7, height)
    rank = place(figure, left + 2.9, 0.6, 2.2, height)
    for axes in (gain, rank):
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.grid(axis="x", color=GRID, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
    gain.set_yticks(places, names, fontsize=7.6)
    rank.set_yticks([])
    gain.axvline(0.0, color=PALE, linewidth=0.7)
    _intervals(gain, shown[["average", "low", "high"]], places, COLOURS[0])
    _intervals(rank, shown[["rank", "rank_low", "rank_high"]], places, COLOURS[1])
    gain.set_xlabel(f"average gain in points, interval over {of}")
    rank.set_xlabel("rank")
    last = float(shown["rank_high"].max())
    rank.set_xlim(1 - 0.03 * last, last + 0.03 * last)
    rank.set_xticks(np.unique(np.linspace(1, last, min(int(last), 6)).round()))
    style: dict[str, Any] = {
        "va": "center",
        "fontsize": 7.2,
        "transform": rank.get_yaxis_transform(),
    }
    for row, (best, top3) in zip(places.tolist(), shown[["best", "top3"]].to_numpy(), strict=True):
        rank.text(1.06, row, share(best), ha="left", **style)
        rank.text(1.32, row, share(top3), ha="left", **style)
    head = {**style, "va": "bottom", "color": "#555555"}
    rank.text(1.06, -0.65, "P(best)", ha="left", **head)
    rank.text(1.32, -0.65, "P(top 3)", ha="left", **head)
    headline(figure, title, below)
    return figure


def draw_residuals(title: str, below: str, gains: pd.DataFrame, fitted: pd.DataFrame) -> Figure:
    """Returns gains against what a regressor says, with the names of the cells farthest from it.

    Args:
        title, below: at the top.
        gains, fitted: [M base models, T targets] in points; NaN where missing.
    """
    figure, axes = plain_axes(7.0, 5.4)
    known = gains.notna().to_numpy() & fitted.notna().to_numpy()
    x, y = fitted.to_numpy()[known], gains.to_numpy()[known]
    many = len(x) > 400
    axes.scatter(
        x,
        y,
        s=4 if many else 16,
        # Thousands of points are one picture in the SVG, not thousands of shapes.
        rasterized=many,
        color=COLOURS[0],
        alpha=0.25 if many else 0.75,
        linewidths=0,
        zorder=3,
    )
    if len(x):
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        axes.plot(ends, ends, color=COLOURS[1], linewidth=1.0, zorder=2)
    axes.set_xlabel("gain that the regressor gives (points)")
    axes.set_ylabel("gain measured (points)")
    axes.margins(x=0.08, y=0.06)
    far = np.abs(y - x)
    places = np.argwhere(known)
    cells = {}
    for k in np.argsort(-far, kind="stable")[:_MOST_FAR]:
        row, column = places[k]
        base, target = str(gains.index[row]), str(gains.columns[column])
        cells[int(k)] = f"{short(base, 22)} → {short(target, 18)}"
    _label(axes, cells, x, y, far, most=10)
    headline(figure, title, below)
    return figure


def draw_curves(title: str, below: str, curves: Sequence[NamedCurve]) -> Figure:
    """Returns Fig. 3, 4 and 8 to 10: the mean gain at several train sizes, with intervals.

    Args:
        title, below: at the top.
        curves: all of one kind.
    """
    figure, axes = plain_axes(7.4, 4.4)
    for k, curve in enumerate(curves):
        points = curve.curve.points
        sizes, colour = [p.size for p in points], COLOURS[k % len(COLOURS)]
        name = short(curve.name, 24) + ("" if curve.fixed is None else f" ({count(curve.fixed)})")
        axes.plot(
            sizes,
            [p.mean for p in points],
            color=colour,
            marker=_MARKERS[k % len(_MARKERS)],
            linestyle=("-", "--", ":")[(k // len(COLOURS)) % 3],
            markersize=4,
            linewidth=1.3,
            label=name,
        )
        if len(curves) <= 5:
            low, high = [p.low for p in points], [p.high for p in points]
            axes.fill_between(sizes, low, high, color=colour, alpha=0.1, linewidth=0)
    axes.axhline(0.0, color=PALE, linewidth=0.6)
    axes.set_xscale("log")
    sizes = sorted({point.size for curve in curves for point in curve.curve.points})
    axes.set_xticks(sizes, [count(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("training examples")
    axes.set_ylabel("gain in points")
    _legend_beside(axes, len(curves))
    headline(figure, title, below)
    return figure


def draw_sizes(title: str, below: str, rows: pd.DataFrame) -> Figure:
    """Returns train size against gains: of sources their average, of targets average and range.

    Args:
        title, below: at the top.
        rows: panel (its title), name, size, value.
    """
    panels = list(dict.fromkeys(rows["panel"]))
    figure = new_figure(0.7 + 3.5 * len(panels), 3.9)
    for k, panel in enumerate(panels):
        axes = place(figure, 0.6 + 3.5 * k, 0.55, 2.9, 2.45)
        part = rows[rows["panel"] == panel]
        x, y = part["size"].to_numpy(dtype=float), part["value"].to_numpy(dtype=float)
        axes.scatter(x, y, s=16, color=COLOURS[0], alpha=0.8, linewidths=0, zorder=3)
        axes.set_xscale("log")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=GRID, linewidth=0.5)
        axes.set_axisbelow(True)
        axes.margins(x=0.12, y=0.1)
        axes.axhline(0.0, color=PALE, linewidth=0.6)
        axes.set_title(panel, fontsize=8)
        axes.set_xlabel("training examples")
        axes.set_ylabel("points")
        _thousands(axes)
        _label(axes, dict(enumerate(part["name"])), x, y, np.abs(y - np.median(y)), most=12)
    headline(figure, title, below)
    return figure


def _intervals(axes: Axes, values: pd.DataFrame, places: np.ndarray, colour: str) -> None:
    """Draws a point with an interval in each row."""
    middle, low, high = values.to_numpy(dtype=float).T
    axes.hlines(places, low, high, color=colour, linewidth=2.2, alpha=0.4)
    axes.scatter(middle, places, s=16, color=colour, zorder=3, linewidths=0)


def _label(
    axes: Axes,
    names: Mapping[int, str],
    x: np.ndarray,
    y: np.ndarray,
    interest: np.ndarray,
    most: int = _MOST_LABELS,
) -> None:
    """Writes names beside points, the most interesting first, where they cover no name or point.

    Args:
        axes: with limits that follow from the data.
        names: index of a point → its name.
        x, y: [n] all points.
        interest: [n], larger is more.
        most: names to write.
    """
    axes.autoscale_view()
    # In inches, as the room that a name takes; it may reach a little beyond the axes.
    dpi = axes.figure.dpi
    inches = axes.transData.transform(np.column_stack([x, y])) / dpi
    left, right = axes.bbox.x0 / dpi, axes.bbox.x1 / dpi + 0.15
    taken: list[tuple[float, float, float, float]] = []
    for k in sorted(names, key=lambda k: -interest[k]):
        name = short(names[k], 30)
        if len(taken) >= most or not name:
            continue
        long, tall = room_for([name], _LABEL_SIZE), _LABEL_SIZE / 72 * 1.15
        px, py = inches[k]
        for side in ("left", "right"):
            start = px + 0.06 if side == "left" else px - 0.06 - long
            area = (start, py - tall / 2, start + long, py + tall / 2)
            inside = start > left and area[2] < right
            if inside and not _covers(area, inches) and not any(_overlap(area, o) for o in taken):
                taken.append(area)
                axes.annotate(
                    name,
                    (x[k], y[k]),
                    xytext=(4.3 if side == "left" else -4.3, 0),
                    textcoords="offset points",
                    ha=side,
                    va="center",
                    fontsize=_LABEL_SIZE,
                    color="#333333",
                    zorder=4,
                )
                break


def _covers(area: tuple[float, float, float, float], points: np.ndarray) -> bool:
    low, high = np.array(area[:2]), np.array(area[2:])
    return bool(((points > low) & (points < high)).all(axis=1).any())


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _legend_beside(axes: Axes, entries: int) -> None:
    """Puts the legend to the right of narrower axes."""
    box = axes.get_position()
    axes.set_position((box.x0, box.y0, box.width * 0.72, box.height))
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        frameon=False,
        fontsize=7 if entries <= 14 else 5.5,
        borderaxespad=0.0,
    )


def _thousands(axes: Axes) -> None:
    """Writes sizes as people do, 1k for a thousand, 1M for a million."""
    from matplotlib.ticker import FuncFormatter

    def said(size: float, _: object) -> str:
        scale, letter = (1e6, "M") if size >= 1e6 else (1e3, "k") if size >= 1e3 else (1.0, "")
        return f"{size / scale:g}{letter}"

    axes.xaxis.set_major_formatter(FuncFormatter(said))
    axes.minorticks_off()
