"""Means over two kinds of units at once, such as targets and models, with intervals for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.stats.averages import average_gains
from intertrain_jax.stats.correlation import CONFIDENCE


@dataclass(frozen=True)
class Mean:
    """A mean with its interval at `CONFIDENCE`, by Student's t.

    Attributes:
        mean: NaN without values.
        error: standard error; NaN where a kind of unit has only one.
        df: degrees of freedom.
        low, high: the interval.
        n: values that it rests on.
        units: how many units of each kind.
    """

    mean: float
    error: float
    df: float
    low: float
    high: float
    n: int
    units: tuple[int, ...]

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


def crossed_mean(values: pd.DataFrame) -> Mean:
    """Returns the mean of values of which each belongs to two units, both of them samples.

    The variance is that of the rows' averages over rows plus that of the columns' averages over
    columns: what each unit has in common in all of its values is in one of them, and what a value has
    for itself is in both, so that it is never too small. The degrees of freedom are Satterthwaite's.
    Averages are those of the additive fit, so that missing values favour no unit. Units that differ in
    noise make Student's t over their averages too wide, not too narrow (Bakirov and Székely 2006).

    Args:
        values: [A units, B units], NaN where missing.
    """
    rows, columns = averages_of(values)
    parts = [(float(v.var(ddof=1)) / len(v), len(v) - 1) for v in (rows, columns) if len(v) > 1]
    n = int(values.loc[rows.index, columns.index].notna().to_numpy().sum())
    mean = float(rows.mean()) if len(rows) else float("nan")
    units = (len(rows), len(columns))
    return mean_of(mean, parts if len(parts) == len(units) else [], n, units)


def crossed_difference(first: pd.DataFrame, second: pd.DataFrame) -> Mean:
    """Returns the mean of the first rows less that of the second ones, over the same columns.

    As `crossed_mean`, with two samples of rows and one of columns: the variance of rows is Welch's, and
    columns are compared with themselves.

    Args:
        first, second: [A and B units, N columns of the same names], NaN where missing.
    """
    rows, _ = averages_of(pd.concat([first, second]))
    own, other = rows[rows.index.isin(first.index)], rows[rows.index.isin(second.index)]
    apart = (averages_of(first)[1] - averages_of(second)[1]).dropna()
    parts = [(float(v.var(ddof=1)) / len(v), len(v) - 1) for v in (own, other, apart) if len(v) > 1]
    units = (len(own), len(other), len(apart))
    n = int(first.notna().to_numpy().sum() + second.notna().to_numpy().sum())
    mean = float(own.mean() - other.mean()) if len(own) and len(other) else float("nan")
    return mean_of(mean, parts if len(parts) == len(units) else [], n, units)


def mean_of(
    mean: float, variances: Sequence[tuple[float, float]], n: int, units: tuple[int, ...]
) -> Mean:
    """Returns a mean whose variance is a sum of estimates, each with its degrees of freedom.

    Args:
        mean: it.
        variances: (variance, degrees of freedom); none leaves it without an interval.
        n: values that it rests on.
        units: how many units of each kind.
    """
    nan, total = float("nan"), sum(variance for variance, _ in variances)
    if not variances or not np.isfinite(mean):
        return Mean(mean, nan, nan, nan, nan, n, units)
    if total <= 0:
        # Values without any spread say nothing of how far they would be off.
        return Mean(mean, 0.0, nan, nan, nan, n, units)
    df = total**2 / sum(variance**2 / freedom for variance, freedom in variances)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, df) * total**0.5)
    return Mean(mean, total**0.5, df, mean - half, mean + half, n, units)


def simple_mean(values: pd.Series) -> Mean:
    """Returns the mean of independent values, by Student's t; NaN are left out."""
    known = values.dropna()
    variances = [(float(known.var(ddof=1)) / len(known), len(known) - 1)] if len(known) > 1 else []
    mean = float(known.mean()) if len(known) else float("nan")
    return mean_of(mean, variances, len(known), (len(known),))


def averages_of(values: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Returns the averages of rows and columns by the additive fit, those that are comparable.

    Args:
        values: [A units, B units], NaN where missing.
    """
    if not values.isna().to_numpy().any():
        return values.mean(axis=1), values.mean()
    rows = average_gains(values, "additive").series().dropna()
    columns = values.loc[rows.index].sub(rows, axis=0).mean().dropna() + rows.mean()
    return rows, columns
