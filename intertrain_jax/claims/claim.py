"""What a claim is: a value with its sentence from the paper and the rule that judges records by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import atanh
from typing import TYPE_CHECKING, Literal

import numpy as np

from intertrain_jax.stats.crossed import Mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from intertrain_jax.claims.evidence import Evidence

SHOWS, CONTRARY, CANNOT_TELL = "shows", "shows the contrary", "cannot tell"
NOT_COMPUTED = "not computed"
Number = float | int | str
Draw = Callable[["Axes"], None]
# An effect of less than this many points is little: the yardstick of the paper's Tables 1 and 6.
LITTLE = 1.0
# A correlation of less is weak: neither measure says more than a quarter of the other.
WEAK = 0.5
_NEARLY_ONE = 1.0 - 1e-9


@dataclass(frozen=True)
class Finding:
    """What records say of a claim.

    Attributes:
        found: a sentence with n and the interval.
        verdict: "shows", "shows the contrary" or "cannot tell".
        numbers: what the sentence says, and more, by name; points, counts, probabilities.
        figure: draws it on a set of axes; None where there is nothing to see.
    """

    found: str
    verdict: str
    numbers: Mapping[str, Number] = field(default_factory=dict)
    figure: Draw | None = None


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, or one that goes beyond it.

    Attributes:
        name: in files.
        title: for people.
        paper: what the paper claims, a sentence with section or figure.
        judge: returns what records say; an `IntertrainError` that it raises is the reason why
            nothing was computed.
        across: whether it is about all architectures together; else each is judged for itself.
    """

    name: str
    title: str
    paper: str
    judge: Callable[[Evidence], Finding]
    across: bool = False


@dataclass(frozen=True)
class Verdict:
    """A claim beside what records show of it.

    Attributes:
        claim: its name, followed by the architecture where there are several and each is judged.
        title: for people.
        paper: what the paper claims, a sentence with section or figure.
        found: what these records show, a sentence with n and interval; "" where nothing was computed.
        verdict: "shows", "shows the contrary", "cannot tell", or "not computed: " and why.
        numbers: plain numbers by name.
        figure: draws it on a set of matplotlib's axes, in the colours of their cycle; None where
            there is nothing to see.
        architecture: that was judged; None where it is about all.
    """

    claim: str
    title: str
    paper: str
    found: str
    verdict: str
    numbers: Mapping[str, Number]
    figure: Draw | None
    architecture: str | None = None


Direction = Literal["above", "below"]


def beyond(low: float, high: float, direction: Direction, null: float = 0.0) -> str:
    """Returns the verdict on an effect that the paper says is above, or below, a null value.

    Args:
        low, high: 95 % interval of the effect; NaN where it is not known.
        direction: where the paper has it.
        null: the value of no effect.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return CANNOT_TELL
    above, below = low > null, high < null
    if direction == "below":
        above, below = below, above
    return SHOWS if above else CONTRARY if below else CANNOT_TELL


def little(low: float, high: float, margin: float = LITTLE) -> str:
    """Returns the verdict on an effect that the paper says is none, or next to none.

    That there is no effect is never shown; that it is smaller than a margin is, where the whole interval
    is within. The contrary is an interval wholly outside.

    Args:
        low, high: 95 % interval of the effect; NaN where it is not known.
        margin: below which, on either side of zero, an effect is little.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return CANNOT_TELL
    if -margin < low and high < margin:
        return SHOWS
    return CONTRARY if low > margin or high < -margin else CANNOT_TELL


def unrelated(low: float, high: float, reliability: float) -> str:
    """Returns the verdict on two measures that the paper says are not correlated.

    Shown is that a correlation is weak, where its whole interval is within `WEAK` of zero; the contrary
    is an interval that excludes zero and is not within. Noise makes any correlation weak: what is weak
    is asked of the interval divided by the reliability of the measures (Spearman 1904).

    Args:
        low, high: 95 % interval of the coefficient; NaN where it is not known.
        reliability: share of what is measured that is no noise, of both measures (geometric mean); zero
            where all of one may be noise.
    """
    weak = little(low / reliability, high / reliability, WEAK) if reliability > 0 else CANNOT_TELL
    return weak if weak == SHOWS or low <= 0.0 <= high or np.isnan(low) else CONTRARY


def transformed(coefficient: float) -> float:
    """Returns Fisher's transform of a correlation, a large number for one of one."""
    return atanh(min(max(coefficient, -_NEARLY_ONE), _NEARLY_ONE))


def said(mean: Mean, unit: str = "points") -> str:
    """Returns a mean with its unit and interval."""
    return f"{mean.mean:+.2f} {unit} {bracketed(mean.low, mean.high, '+.2f')}"


def coefficient(value: float, low: float, high: float) -> str:
    """Returns a correlation with its interval, or that there is none as one side is constant."""
    return f"{value:.2f} {bracketed(low, high, '.2f')}" if np.isfinite(value) else "undefined"


def bracketed(low: float, high: float, form: str) -> str:
    """Returns a 95 % interval in brackets, or says that there is none."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return "(no interval)"
    return f"[{low:{form}}, {high:{form}}]"


def plain(mean: Mean, name: str) -> dict[str, Number]:
    """Returns a mean as plain numbers, whose names begin with a word."""
    values = {"": mean.mean, "_low": mean.low, "_high": mean.high, "_n": mean.n}
    return {f"{name}{end}": value for end, value in values.items()}
