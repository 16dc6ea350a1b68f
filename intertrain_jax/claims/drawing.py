"""Figures of claims on a set of axes: intervals in rows, points with a line, curves over sizes.

Colours are those of the axes' cycle (C0, C1, …), which whoever makes the axes sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from intertrain_jax.stats.lines import fit_line, predict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PALE = "0.55"
_MOST_ROWS, _LONGEST = 30, 26
_MARKERS = "osD^vPX"
# Of curves that can be told apart in one figure, as many as there are colours.
MOST_CURVES = 7
LEGEND_COLUMNS = 4
_SMALL = 7.0
# Intervals so many times as high as the curves leave nothing to be seen of these.
_FLAT = 6.0


@dataclass(frozen=True)
class Later:
    """A figure whose numbers are computed when it is drawn, as most verdicts are only read.

    Attributes:
        make: returns it.
    """

    make: Callable[[], Callable[[Axes], None]]

    def __call__(self, axes: Axes) -> None:
        """Draws it."""
        self.make()(axes)


@dataclass(frozen=True)
class Rows:
    """A row per thing: its value with an interval, the first at the top; of more than 30, both ends.

    Attributes:
        rows: name, value, low, high; NaN where there is no interval. A column `group` gives colours.
        unit: label of the axis.
        null: where there is no effect.
    """

    rows: pd.DataFrame
    unit: str
    null: float = 0.0

    def __call__(self, axes: Axes) -> None:
        """Draws them."""
        shown = self.rows
        if len(shown) > _MOST_ROWS:
            half = _MOST_ROWS // 2
            shown = pd.concat([shown.head(half), shown.tail(half)])
        groups = list(dict.fromkeys(shown["group"])) if "group" in shown else []
        places = np.arange(len(shown), dtype=float)
        if len(shown) < len(self.rows):
            places[_MOST_ROWS // 2 :] += 1.0
        for place, (_, row) in zip(places, shown.iterrows(), strict=True):
            colour = f"C{groups.index(row['group']) if groups else 0}"
            axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=1.6)
            axes.plot(row["value"], place, "o", color=colour, markersize=4.5)
        names = [_short(name) for name in shown["name"]]
        ticks = places.tolist()
        if len(shown) < len(self.rows):
            middle = _MOST_ROWS // 2
            names.insert(middle, f"({len(self.rows) - len(shown)} more)")
            ticks.insert(middle, float(middle))
        axes.set_yticks(ticks, names, fontsize=_SMALL if len(names) < 20 else 5.8)
        axes.set_ylim(places[-1] + 0.6, -0.6)
        axes.axvline(self.null, color=_PALE, linewidth=0.8)
        axes.set_xlabel(self.unit)
        for k, group in enumerate(groups):
            axes.plot([], [], "o-", color=f"C{k}", markersize=4.5, label=_short(str(group)))
        _legend(axes, len(groups))


@dataclass(frozen=True)
class Points:
    """A point per thing with the least-squares line and its 95 % band.

    Attributes:
        points: x, y; a column `name` gives labels.
        x_label, y_label: of the axes, with units.
    """

    points: pd.DataFrame
    x_label: str
    y_label: str

    def __call__(self, axes: Axes) -> None:
        """Draws them."""
        x, y = (self.points[c].to_numpy(dtype=float) for c in ("x", "y"))
        if y.min(initial=0.0) < 0.0 < y.max(initial=0.0):
            axes.axhline(0.0, color=_PALE, linewidth=0.6)
        axes.scatter(x, y, s=18, color="C0", alpha=0.8, linewidths=0, zorder=3)
        line = fit_line(x, y)
        if np.isfinite(line.slope_error):
            across = np.linspace(x.min(), x.max(), 60)
            said = [predict(line, value) for value in across]
            axes.plot(across, [p.value for p in said], color="C1", linewidth=1.2, zorder=2)
            low, high = [p.mean_low for p in said], [p.mean_high for p in said]
            axes.fill_between(across, low, high, color="C1", alpha=0.15, linewidth=0)
        axes.margins(x=0.13, y=0.1)
        axes.set_xlabel(self.x_label)
        axes.set_ylabel(self.y_label)
        if "name" in self.points and len(self.points):
            _label(axes, self.points["name"].astype(str).tolist(), x, y)


@dataclass(frozen=True)
class Curves:
    """Mean gain over train size, a curve per thing, with 95 % intervals.

    Attributes:
        curves: name → frame of size, mean, low, high; NaN where there is no interval.
        x_label: of the sizes.
    """

    curves: Mapping[str, pd.DataFrame]
    x_label: str

    def __call__(self, axes: Axes) -> None:
        """Draws them; intervals of neighbours stand a little apart."""
        count = len(self.curves)
        for k, (name, curve) in enumerate(self.curves.items()):
            size = curve["size"].to_numpy(dtype=float) * 1.03 ** (k - (count - 1) / 2.0)
            low = (curve["mean"] - curve["low"]).clip(lower=0).fillna(0.0)
            high = (curve["high"] - curve["mean"]).clip(lower=0).fillna(0.0)
            axes.errorbar(
                size,
                curve["mean"],
                yerr=np.stack([low, high]),
                color=f"C{k % MOST_CURVES}",
                marker=_MARKERS[(k // MOST_CURVES + k) % len(_MARKERS)],
                linestyle=("-", "--", ":")[(k // MOST_CURVES) % 3],
                markersize=4,
                linewidth=1.2,
                elinewidth=0.7,
                label=_short(name),
            )
        axes.axhline(0.0, color=_PALE, linewidth=0.8)
        axes.set_xscale("log")
        sizes = sorted({int(size) for curve in self.curves.values() for size in curve["size"]})
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes], fontsize=_SMALL)
        axes.minorticks_off()
        axes.set_xlabel(self.x_label)
        axes.set_ylabel("gain in points")
        _keep_in_sight(axes, self.curves.values())
        _legend(axes, count)


def _keep_in_sight(axes: Axes, curves: Iterable[pd.DataFrame]) -> None:
    """Cuts intervals that reach so far that the curves would be one flat line, and says so."""
    points = pd.concat(curves)
    means = points["mean"]
    low, high = min(means.min(), 0.0), max(means.max(), 0.0)
    height = max(high - low, 1.0)
    shortest, longest = points["low"].fillna(means).min(), points["high"].fillna(means).max()
    if longest - shortest <= _FLAT * height:
        return
    axes.set_ylim(low - height, high + height)
    axes.text(
        *(0.99, 0.02, "some intervals reach beyond the figure"),
        transform=axes.transAxes,
        fontsize=_SMALL,
        ha="right",
        color="0.35",
    )


def _legend(axes: Axes, count: int) -> None:
    """Says what colours are, above the axes, where nothing is drawn."""
    if count > 1:
        axes.legend(
            fontsize=_SMALL,
            frameon=False,
            ncols=LEGEND_COLUMNS,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.1,
        )


def _label(axes: Axes, names: list[str], x: np.ndarray, y: np.ndarray) -> None:
    """Names as many points as have room, those farthest from the others first."""
    width, height = np.ptp(x) or 1.0, np.ptp(y) or 1.0
    a, b = (x - x.mean()) / width, (y - y.mean()) / height
    taken: list[tuple[float, float, float]] = []
    for i in np.argsort(-np.hypot(a, b), kind="stable"):
        name = _short(names[i], 18)
        room = 0.018 * len(name)
        if any(abs(b[i] - v) < 0.05 and a[i] < u + w and u < a[i] + room for u, v, w in taken):
            continue
        beside = [abs(b[i] - v) < 0.03 and 0 < u - a[i] < room for u, v in zip(a, b, strict=True)]
        if not any(beside):
            taken.append((float(a[i]), float(b[i]), room))
            axes.annotate(
                name,
                (x[i], y[i]),
                xytext=(4, 0),
                textcoords="offset points",
                fontsize=6.0,
                va="center",
            )


def _short(name: str, longest: int = _LONGEST) -> str:
    """Returns a name on one line, its middle cut out where it is long."""
    clean = "".join(c if c.isprintable() else "?" for c in str(name))
    if len(clean) <= longest:
        return clean
    end = (longest - 1) // 2
    return f"{clean[: longest - 1 - end]}…{clean[-end:]}"
