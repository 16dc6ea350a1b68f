"""A straight line through measurements of models, and what it predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from intertrain_jax.stats.correlation import CONFIDENCE, paired


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
        x_mean, x_squares: mean of x, and sum of squares about it, which predictions need.

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
    x_mean: float
    x_squares: float


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


def fit_line(x: ArrayLike, y: ArrayLike) -> Line:
    """Fits a line by least squares, after dropping pairs with a missing value.

    Args:
        x, y: [n] numbers, NaN where missing.

    Raises:
        ValueError: `x` and `y` differ in shape.
    """
    a, b = paired(x, y)
    n, nan = len(a), float("nan")
    if n < 2 or np.ptp(a) == 0:
        return Line(n, *[nan] * 13)
    fit = stats.linregress(a, b)
    mean, squares = float(a.mean()), float(np.square(a - a.mean()).sum())
    slope, intercept = float(fit.slope), float(fit.intercept)
    r = float(fit.rvalue) if np.ptp(b) > 0 else nan
    if n == 2:
        return Line(n, slope, nan, nan, nan, intercept, nan, nan, nan, r, nan, nan, mean, squares)
    slope_error, intercept_error = float(fit.stderr), float(fit.intercept_stderr)
    t = _t(n)
    return Line(
        n=n,
        slope=slope,
        slope_error=slope_error,
        slope_low=slope - t * slope_error,
        slope_high=slope + t * slope_error,
        intercept=intercept,
        intercept_error=intercept_error,
        intercept_low=intercept - t * intercept_error,
        intercept_high=intercept + t * intercept_error,
        r=r,
        p=float(fit.pvalue),
        residual_std=float(np.sqrt(np.square(b - intercept - slope * a).sum() / (n - 2))),
        x_mean=mean,
        x_squares=squares,
    )


def predict(line: Line, x: float) -> Prediction:
    """Returns the line's value at `x` with the intervals of the line and of a new point."""
    value = line.intercept + line.slope * x
    # Two points leave no residuals, whose standard deviation is then NaN.
    t = _t(line.n) if line.n > 2 else 1.0
    distance = (x - line.x_mean) ** 2 / line.x_squares + 1.0 / line.n if line.n else float("nan")
    mean_half = t * line.residual_std * distance**0.5
    half = t * line.residual_std * (1.0 + distance) ** 0.5
    return Prediction(x, value, value - mean_half, value + mean_half, value - half, value + half)


def _t(n: int) -> float:
    """Returns the quantile of Student's t that an interval of a line through n points needs."""
    return float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, n - 2))
