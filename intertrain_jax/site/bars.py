"""Places of bars, points and curves on an axis, for the templates' inline SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import quantiles

from intertrain_jax.site.board import NAN

# Values further than so many quartile ranges outside the quartiles are far out.
_FAR_OUT = 3.0


@dataclass(frozen=True)
class Axis:
    """A horizontal axis from `low` to `high` over `width` units of a picture."""

    low: float
    high: float
    width: float = 100.0

    @classmethod
    def over(cls, values: Iterable[float], width: float = 100.0) -> Axis:
        """Returns an axis that holds all finite values, and zero."""
        finite = [value for value in values if math.isfinite(value)] + [0.0]
        low, high = min(finite), max(finite)
        room = 0.04 * (high - low) or 1.0
        return cls(low - room, high + room, width)

    @classmethod
    def over_most(cls, values: Iterable[float], width: float = 100.0) -> Axis:
        """Returns an axis that holds zero and all values but those far out, which end at its ends."""
        finite = [value for value in values if math.isfinite(value)]
        if len(finite) < 2:
            return cls.over(finite, width)
        first, _, third = quantiles(finite, n=4)
        room = _FAR_OUT * (third - first)
        inside = [value for value in finite if first - room <= value <= third + room]
        return cls.over(inside, width)

    def at(self, value: float) -> str:
        """Returns the place of a value, as text with one decimal; ends where it lies outside."""
        share = (value - self.low) / (self.high - self.low)
        return f"{self.width * min(1.0, max(0.0, share)):.1f}"


@dataclass(frozen=True)
class Bar:
    """A bar from zero with its interval, as places on an axis.

    Attributes:
        start, size: of the bar.
        zero, end: places of zero and of the value.
        low, high: of the interval; empty where there is none.
        up: whether the value is above zero.
    """

    start: str
    size: str
    zero: str
    end: str
    low: str
    high: str
    up: bool


def bar(axis: Axis, value: float, low: float = NAN, high: float = NAN) -> Bar | None:
    """Returns a value as a bar; None where there is none."""
    if not math.isfinite(value):
        return None
    zero, end = axis.at(0.0), axis.at(value)
    known = math.isfinite(low) and math.isfinite(high)
    left, right = (axis.at(low), axis.at(high)) if known else ("", "")
    start, size = min(float(zero), float(end)), abs(float(end) - float(zero))
    return Bar(f"{start:.1f}", f"{size:.1f}", zero, end, left, right, value >= 0)


def curve(points: Sequence[tuple[float, float]], width: float, height: float) -> str:
    """Returns points (x, percent) as the points of a polyline, x from zero to the largest."""
    most = max((x for x, _ in points), default=0.0) or 1.0
    return " ".join(f"{width * x / most:.1f},{height * (1 - y / 100):.1f}" for x, y in points)
