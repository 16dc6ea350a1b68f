"""A straight line through measurements of models, and what it predicts."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike


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
    raise NotImplementedError


def predict(line: Line, x: float) -> Prediction:
    """Returns the line's value at `x` with the intervals of the line and of a new point."""
    raise NotImplementedError
