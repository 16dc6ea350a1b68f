"""The paper's regressors of gain from base model and target (§5), without any interaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

Kind = Literal["base", "target", "bilinear"]


@dataclass(frozen=True)
class Regressor:
    """A fitted regressor.

    The bilinear one, `(b_m + t_t)·t'_t`, is the same function for b + β with t − β, and for α·b and
    α·t with t'/α. It is kept as `base_m · scale_t + offset_t` (so b = base, t' = scale, t =
    offset / scale, which has no finite value where a target does not respond), with this gauge:
    `base` has mean zero over models, `scale` has a root mean square of one over targets, and the sum
    of `scale` is not negative. Then, on a complete matrix, `offset` is the target's average gain,
    `scale` its sensitivity, and `base` is in points.

    Attributes:
        kind: "base", "target" or "bilinear".
        n: cells fitted.
        parameters: free ones, after the gauge.
        mse: mean squared error over the n cells, in points squared.
        base: per model, in points; NaN without cells; zeros for "target".
        scale: per target; NaN without cells; ones for "base", zeros for "target".
        offset: per target, in points; NaN without cells; zeros for "base".
        iterations: of alternating least squares, of the best start; 0 for the other kinds.
        converged: whether the best start stopped improving.
        starts: how many starts were tried.
    """

    kind: Kind
    n: int
    parameters: int
    mse: float
    base: pd.Series
    scale: pd.Series
    offset: pd.Series
    iterations: int
    converged: bool
    starts: int

    def predict(self) -> pd.DataFrame:
        """Returns the fitted gains, [M models, N targets], for missing cells as well."""
        raise NotImplementedError


@dataclass(frozen=True)
class Regression:
    """How well a regressor does, beside what it would do by chance.

    Attributes:
        kind: "base", "target" or "bilinear".
        n: cells.
        parameters: free ones.
        mse: of the fit, in points squared.
        variance: mean squared error of one constant for all cells.
        shuffles: how often the gains were shuffled over the observed cells, and fitted again.
        shuffled_mean, shuffled_std: mean and sample standard deviation of those fits' errors.
        p: share of fits that do at least as well, the real one counted: (1 + k) / (1 + shuffles).
        folds: into how many parts the cells were held out.
        held_out_n: cells predicted from a fit without them.
        not_held_out: cells always fitted, as they are the last of their row or column.
        held_out_mse: mean squared error over held-out cells.
        held_out_variance: the same of one constant, the mean of the fitted cells.
    """

    kind: Kind
    n: int
    parameters: int
    mse: float
    variance: float
    shuffles: int
    shuffled_mean: float
    shuffled_std: float
    p: float
    folds: int
    held_out_n: int
    not_held_out: int
    held_out_mse: float
    held_out_variance: float


def fit_regressor(gains: pd.DataFrame, kind: Kind, seed: int = 0) -> Regressor:
    """Fits a regressor by least squares over the observed cells.

    The bilinear one is fitted by alternating least squares (the paper used SGD): given `base`, every
    target is a straight line; given the lines, every base is a mean. It starts from the leading
    singular vector of the matrix centred by column, which is the optimum where no cell is missing,
    and otherwise from random ones beside it.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        kind: "base" (`b_m`), "target" (`t_t`) or "bilinear".
        seed: of the random starts.

    Raises:
        IntertrainError: there are no gains.
    """
    raise NotImplementedError


def regression(
    gains: pd.DataFrame, kind: Kind, seed: int, shuffles: int = 20, folds: int = 10
) -> Regression:
    """Fits a regressor to the gains, to shuffled gains, and to all cells but some.

    Held-out cells are spread over rows and columns: both are put in random order and cell (i, j)
    goes to part (i + j) mod `folds`. A cell that is the last of its row or column in a fit stays in.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        kind: "base", "target" or "bilinear".
        seed: of shuffles, parts and starts.
        shuffles, folds: how many; at least two each.

    Raises:
        IntertrainError: there are no gains.
        ValueError: `shuffles` or `folds` is below two.
    """
    raise NotImplementedError
