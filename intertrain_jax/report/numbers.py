"""How numbers are written, in tables, figures, on a terminal and in closing lines alike."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd

from intertrain_jax.stats.correlation import CONFIDENCE, Correlation

GAP = "–"
PERCENT = f"{CONFIDENCE:.0%}".replace("%", " %")
# A gain is starred twice where its paired t-test passes this, after Benjamini and Hochberg.
FALSE_DISCOVERY_RATE = 0.05
_TEST = re.compile(r"(^|[_ ])[pq]([_ ]|$)|p_adjusted")
# Format specifications, by what a number is.
SCORE, GAIN, SHORT_SCORE, SHORT_GAIN = ".2f", "+.2f", ".1f", "+.1f"
COEFFICIENT, SLOPE, P, ERROR, SPREAD = ".2f", ".3f", ".2g", ".3g", ".2g"


def is_missing(value: object) -> bool:
    """Returns whether there is no number: None, NaN or pandas' NA."""
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def number(value: object, form: str) -> str:
    """Returns a number, or a dash where there is none."""
    return GAP if is_missing(value) else format(value, form)


def interval(low: object, high: object, form: str) -> str:
    """Returns an interval in brackets, a dash for an end that is not known."""
    return f"[{number(low, form)}, {number(high, form)}]"


def known_interval(low: float, high: float, form: str) -> str:
    """Returns an interval in brackets, or says that there is none."""
    known = np.isfinite(low) and np.isfinite(high)
    return interval(low, high, form) if known else "(no interval)"


def coefficient(found: Correlation) -> str:
    """Returns a coefficient with its interval, as far as they are known."""
    if not np.isfinite(found.value):
        return "undefined"
    text = number(found.value, COEFFICIENT)
    known = np.isfinite(found.low)
    return f"{text} {interval(found.low, found.high, COEFFICIENT)}" if known else text


def p_value(p: float, floor: float = 0.0) -> str:
    """Returns a p-value with its sign; one that is too small for a float is not 0.

    Args:
        p: it.
        floor: the least that permutations could give: there, it is only known to be no more.
    """
    if floor and p <= floor * (1 + 1e-9):
        return f"p at most {p:.1g}"
    if p < 1e-300:
        return "p < 1e-300"
    said = f"{p:.1g}"
    return "p > 0.9" if said == "1" and p < 1.0 else f"p = {said}"


def is_test(column: str) -> bool:
    """Returns whether a column, or a value, of this name is the probability of a test."""
    return _TEST.search(column) is not None


def tested(p: float) -> str:
    """Returns the probability of a test alone, as in a table; none is zero."""
    return "<1e-300" if p < 1e-300 else format(p, P)


def added(value: float, form: str = ".2f") -> str:
    """Returns a number as a term of a sum: a sign, a blank, its size."""
    return f"{'−' if value < 0 else '+'} {format(abs(value), form)}"


def probability(value: object) -> str:
    """Returns a probability to two decimals, of which neither end is claimed: draws are finite."""
    if is_missing(value):
        return GAP
    found = float(value)  # type: ignore[arg-type]
    return "<0.01" if found < 0.005 else ">0.99" if found > 0.995 else f"{found:.2f}"


def share(probability: float) -> str:
    """Returns a probability in whole percent."""
    return "<1 %" if probability < 0.01 else f"{probability:.0%}".replace("%", " %")


def count(value: int) -> str:
    """Returns a count with its thousands set apart."""
    return f"{value:,}"


def cell_text(value: float, signed: bool) -> str:
    """Returns a number for a cell of a matrix, nothing where there is none, a zero without a sign."""
    if not np.isfinite(value):
        return ""
    text = format(value, SHORT_GAIN if signed else SHORT_SCORE)
    return "0.0" if text in ("+0.0", "-0.0") else text
