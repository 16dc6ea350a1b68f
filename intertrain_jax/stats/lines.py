"""A straight line through measurements of models, and what it predicts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from intertrain_jax.stats.clusters import Ints
from intertrain_jax.stats.correlation import CONFIDENCE, clusters_of_pairs, paired
from intertrain_jax.stats.resampling import resample


@dataclass(frozen=True)
class Line:
    """The least-squares line y = slope·x + intercept; intervals at `CONFIDENCE` by Student's t.

    Attributes:
        n: points; those with a missing value do not count.
        slope, slope_error, slope_low, slope_high: with standard error and interval.
        intercept, intercept_error, intercept_low, intercept_high: the same.
        r: Pearson's correlation.
        p: two-sided, of no slope.
        residual_std: standard deviation of y about the line, with n − 2 degrees of freedom.
        clusters: groups of models that were resampled together for errors, p and intervals, which are
            NaN where these are too few; 0 where every model was on its own.
        df: degrees of freedom of the errors.
        centre, centre_error: the x at which the line is known best, and its standard error there: what
            predictions need.

    The line is NaN below two points or for constant x; errors are NaN below three points.
    """

    n: int
    slope: float
    slope_error: float
    slope_low: float
    slope_high: float
    intercept: float
    intercept_error: float
    intercept_low: float
    intercept_high: float
    r: float
    p: float
    residual_std: float
    clusters: int
    df: float
    centre: float
    centre_error: float


@dataclass(frozen=True)
class Prediction:
    """What a line says at one x.

    Attributes:
        x: where.
        value: of the line.
        mean_low, mean_high: interval of the line itself.
        low, high: interval of one more point.
    """

    x: float
    value: float
    mean_low: float
    mean_high: float
    low: float
    high: float


def fit_line(x: ArrayLike, y: ArrayLike, cluster: ArrayLike | None = None) -> Line:
    """Fits a line by least squares, after dropping pairs with a missing value.

    Where several pairs are of one cluster, errors are the jackknife's over clusters (see
    `resampling`).

    Args:
        x, y: [n] numbers, NaN where missing.
        cluster: [n] number of each pair's cluster; None if every pair is on its own.

    Raises:
        ValueError: `x` and `y` differ in shape.
    """
    a, b = paired(x, y)
    own = clusters_of_pairs(x, y, cluster)
    n, nan, count = len(a), float("nan"), 0 if own is None else len(np.unique(own))
    if n < 2 or np.ptp(a) == 0:
        unknown: dict[str, Any] = {field.name: nan for field in fields(Line)}
        return Line(**unknown | {"n": n, "clusters": count})
    fit = stats.linregress(a, b)
    errors = _Errors(nan, nan, nan, float(a.mean()), nan, nan)
    residual_std = nan
    if n > 2:
        residual_std = float(np.sqrt(np.square(b - fit.intercept - fit.slope * a).sum() / (n - 2)))
    if own is not None:
        errors = _clustered(a, b, own, float(fit.slope))
    elif n > 2:
        p, slope_error = float(fit.pvalue), float(fit.stderr)
        at_mean = residual_std / n**0.5
        errors = _Errors(
            p, slope_error, float(fit.intercept_stderr), float(a.mean()), at_mean, n - 2.0
        )
    slope, intercept = float(fit.slope), float(fit.intercept)
    t = _t(errors.df)
    return Line(
        n=n,
        slope=slope,
        slope_error=errors.slope,
        slope_low=slope - t * errors.slope,
        slope_high=slope + t * errors.slope,
        intercept=intercept,
        intercept_error=errors.intercept,
        intercept_low=intercept - t * errors.intercept,
        intercept_high=intercept + t * errors.intercept,
        r=float(fit.rvalue) if np.ptp(b) > 0 else nan,
        p=errors.p,
        residual_std=residual_std,
        clusters=count,
        df=errors.df,
        centre=errors.centre,
        centre_error=errors.at_centre,
    )


@dataclass(frozen=True)
class _Errors:
    """Standard errors of a line: of slope, intercept, and at the x where it is known best."""

    p: float
    slope: float
    intercept: float
    centre: float
    at_centre: float
    df: float


def _clustered(a: NDArray[np.float64], b: NDArray[np.float64], own: Ints, slope: float) -> _Errors:
    """Returns the errors of a line with each cluster left out in turn."""
    left_out, nan = resample(a, b, own), float("nan")
    if left_out is None:
        return _Errors(nan, nan, nan, float(a.mean()), nan, nan)
    (slopes, both), (_, intercepts) = left_out.line_covariance.tolist()
    error = slopes**0.5
    centre = -both / slopes if slopes > 0 else float(a.mean())
    least = max(0.0, intercepts - both**2 / slopes) if slopes > 0 else intercepts
    p = 2.0 * float(stats.t.sf(abs(slope) / error, left_out.df)) if error > 0 else nan
    return _Errors(p, error, intercepts**0.5, centre, least**0.5, left_out.df)


def predict(line: Line, x: float) -> Prediction:
    """Returns the line's value at `x` with the intervals of the line and of a new point."""
    value = line.intercept + line.slope * x
    t = _t(line.df)
    error = float(np.hypot(line.centre_error, (x - line.centre) * line.slope_error))
    mean_half, half = t * error, t * float(np.hypot(error, line.residual_std))
    return Prediction(x, value, value - mean_half, value + mean_half, value - half, value + half)


def _t(df: float) -> float:
    """Returns the quantile of Student's t that an interval needs."""
    return float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, df))
