"""The paper's regressors of gain from base model and target (§5), without any interaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.stats.bilinear import Bools, Floats, Solutions, solve

Kind = Literal["base", "target", "bilinear"]
# Shuffled matrices are fitted together as long as they have no more cells than this in all.
_CELLS_AT_ONCE = 2_000_000
# How often cells are divided into folds anew.
_FOLD_SEEDS = 5
# Errors that differ by less, of one, are the same.
_EQUAL = 1e-9


@dataclass(frozen=True)
class Regressor:
    """A fitted regressor.

    The bilinear one, `(b_m + t_t)·t'_t`, is the same function for b + β with t − β, and for α·b and
    α·t with t'/α. It is kept as `base_m · scale_t + offset_t` (so b = base, t' = scale, t =
    offset / scale, which has no finite value where a target does not respond), with this gauge:
    `base` has mean zero over models, `scale` has a root mean square of one over targets (or is zero),
    and the sum of `scale` is not negative. Then, on a complete matrix, `offset` is the target's
    average gain, `scale` its sensitivity, and `base` is in points.

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
        values = np.outer(self.base, self.scale) + self.offset.to_numpy()
        return pd.DataFrame(values, index=self.base.index, columns=self.scale.index)


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
        not_held_out: cells always fitted, as without them their row or column would be empty.
        held_out_mse: mean squared error over held-out cells.
        held_out_variance: the same of one constant, the mean of the fitted cells.
        held_out_spread: sample standard deviation of `held_out_mse` over fold seeds, this one's among
            them; NaN below two.
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
    held_out_spread: float


def fit_regressor(gains: pd.DataFrame, kind: Kind, seed: int = 0) -> Regressor:
    """Fits a regressor by least squares over the observed cells.

    The bilinear one is fitted by alternating least squares (the paper used SGD): given `base`, every
    target is a straight line; given the lines, every base is a mean. It starts from the leading
    singular vector of the matrix centred by column, which is the optimum where no cell is missing,
    and otherwise from random ones beside it (see `bilinear`).

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        kind: "base" (`b_m`), "target" (`t_t`) or "bilinear".
        seed: of the random starts.

    Raises:
        IntertrainError: there are no gains.
    """
    known_MxN = _known(gains)
    fit = _fit(kind, gains.to_numpy(float)[None], known_MxN[None], np.random.default_rng(seed))
    rows, columns = int(known_MxN.any(axis=1).sum()), int(known_MxN.any(axis=0).sum())
    return Regressor(
        kind,
        n=int(known_MxN.sum()),
        parameters={"base": rows, "target": columns, "bilinear": rows + 2 * columns - 2}[kind],
        mse=float(_errors(fit, gains.to_numpy(float)[None], known_MxN[None])[0]),
        base=pd.Series(fit.base_PxM[0], index=gains.index),
        scale=pd.Series(fit.scale_PxN[0], index=gains.columns),
        offset=pd.Series(fit.offset_PxN[0], index=gains.columns),
        iterations=int(fit.iterations[0]),
        converged=bool(fit.converged[0]),
        starts=fit.starts,
    )


def regression(
    gains: pd.DataFrame, kind: Kind, seed: int, shuffles: int = 20, folds: int = 10
) -> Regression:
    """Fits a regressor to the gains, to shuffled gains, and to all cells but some.

    Held-out cells are spread over rows and columns: both are put in random order and cell (i, j)
    goes to part (i + j) mod `folds`. Where a part has all cells of a row or column, they stay in.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        kind: "base", "target" or "bilinear".
        seed: of shuffles, parts and starts.
        shuffles, folds: how many; at least two each.

    Raises:
        IntertrainError: there are no gains.
        ValueError: `shuffles` or `folds` is below two.
    """
    if shuffles < 2 or folds < 2:
        raise ValueError(f"at least two shuffles and folds are needed, got {shuffles} and {folds}")
    known_MxN, rng = _known(gains), np.random.default_rng(seed)
    values_MxN = gains.to_numpy(dtype=float)
    values_n = values_MxN[known_MxN]
    best = fit_regressor(gains, kind, seed)
    at_once = max(1, _CELLS_AT_ONCE // values_MxN.size)
    parts = [
        _by_chance(kind, values_MxN, known_MxN, min(at_once, shuffles - done), rng)
        for done in range(0, shuffles, at_once)
    ]
    by_chance_S = np.concatenate(parts)
    # The first is reported; the others say how much it hangs on which cells were held out together.
    held_out = [
        _held_out_errors(kind, values_MxN, known_MxN, folds, rng) for _ in range(_FOLD_SEEDS)
    ]
    held_out_n, held_out_mse, held_out_variance = held_out[0]
    errors = np.array([mse for _, mse, _ in held_out if np.isfinite(mse)])
    spread = float(errors.std(ddof=1)) if len(errors) > 1 else float("nan")
    if spread < _EQUAL * held_out_mse:
        # A small matrix may be divided in one way only.
        spread = 0.0
    return Regression(
        kind,
        n=best.n,
        parameters=best.parameters,
        mse=best.mse,
        variance=float(values_n.var()),
        shuffles=shuffles,
        shuffled_mean=float(by_chance_S.mean()),
        shuffled_std=float(by_chance_S.std(ddof=1)),
        p=float((1 + (by_chance_S <= best.mse).sum()) / (1 + shuffles)),
        folds=folds,
        held_out_n=held_out_n,
        not_held_out=best.n - held_out_n,
        held_out_mse=held_out_mse,
        held_out_variance=held_out_variance,
        held_out_spread=spread,
    )


def _held_out_errors(
    kind: Kind, values_MxN: Floats, known_MxN: Bools, folds: int, rng: np.random.Generator
) -> tuple[int, float, float]:
    """Returns how many cells one division held out, and the errors there: of the fit, of a constant."""
    held_KxMxN = _held_out(known_MxN, folds, rng)
    held_KxMxN = held_KxMxN[held_KxMxN.any(axis=(1, 2))]
    if not len(held_KxMxN):
        return 0, float("nan"), float("nan")
    fitted_KxMxN = known_MxN & ~held_KxMxN
    repeated_KxMxN = np.broadcast_to(values_MxN, held_KxMxN.shape)
    predicted = _predicted(_fit(kind, repeated_KxMxN, fitted_KxMxN, rng))
    filled_MxN = np.where(known_MxN, values_MxN, 0.0)
    constant_K = (filled_MxN * fitted_KxMxN).sum(axis=(1, 2)) / fitted_KxMxN.sum(axis=(1, 2))
    mse = np.mean((repeated_KxMxN - predicted)[held_KxMxN] ** 2)
    variance = np.mean((repeated_KxMxN - constant_K[:, None, None])[held_KxMxN] ** 2)
    return int(held_KxMxN.sum()), float(mse), float(variance)


def _by_chance(
    kind: Kind, values_MxN: Floats, known_MxN: Bools, shuffles: int, rng: np.random.Generator
) -> Floats:
    """Returns the errors [shuffles] of fits to gains shuffled over the known cells."""
    shuffled_SxMxN = np.zeros((shuffles, *values_MxN.shape))
    shuffled_SxMxN[:, known_MxN] = rng.permuted(
        np.tile(values_MxN[known_MxN], (shuffles, 1)), axis=1
    )
    fit = _fit(kind, shuffled_SxMxN, known_MxN[None], rng)
    return _errors(fit, shuffled_SxMxN, known_MxN[None])


def _known(gains: pd.DataFrame) -> Bools:
    """Returns which cells hold a gain, at least one."""
    known_MxN: Bools = np.isfinite(gains.to_numpy(dtype=float))
    if not known_MxN.any():
        raise IntertrainError("regressors: all gains are missing; give a matrix with some")
    return known_MxN


def _fit(
    kind: Kind, gains_PxMxN: Floats, known_PxMxN: Bools, rng: np.random.Generator
) -> Solutions:
    """Fits P matrices; `known_PxMxN` may be one mask for all."""
    if kind == "bilinear":
        return solve(gains_PxMxN, known_PxMxN, rng)
    problems, m, n = gains_PxMxN.shape
    known = np.broadcast_to(known_PxMxN, gains_PxMxN.shape)
    axis = 2 if kind == "base" else 1
    count = known.sum(axis=axis)
    mean = np.where(known, gains_PxMxN, 0.0).sum(axis=axis) / np.maximum(count, 1)
    mean = np.where(count > 0, mean, np.nan)
    none_PxM, none_PxN = np.zeros((problems, m)), np.zeros((problems, n))
    base, scale, offset = (
        (mean, none_PxN + 1.0, none_PxN) if kind == "base" else (none_PxM, none_PxN, mean)
    )
    return Solutions(
        base, scale, offset, np.zeros(problems, np.int64), np.ones(problems, bool), starts=1
    )


def _predicted(fit: Solutions) -> Floats:
    """Returns the fitted gains [P, M, N]."""
    return fit.base_PxM[:, :, None] * fit.scale_PxN[:, None, :] + fit.offset_PxN[:, None, :]


def _errors(fit: Solutions, gains_PxMxN: Floats, known_PxMxN: Bools) -> Floats:
    """Returns the mean squared errors [P] over the known cells."""
    squares = np.where(known_PxMxN, np.square(gains_PxMxN - _predicted(fit)), 0.0)
    errors: Floats = squares.sum(axis=(1, 2)) / known_PxMxN.sum(axis=(1, 2))
    return errors


def _held_out(known_MxN: Bools, folds: int, rng: np.random.Generator) -> Bools:
    """Returns which cells each part holds out, [folds, M, N]."""
    m, n = known_MxN.shape
    part_MxN = (rng.permutation(m)[:, None] + rng.permutation(n)) % folds
    held_KxMxN: Bools = known_MxN & (part_MxN == np.arange(folds)[:, None, None])
    fitted_KxMxN = known_MxN & ~held_KxMxN
    rows_KxMx1 = fitted_KxMxN.any(axis=2, keepdims=True)
    columns_Kx1xN = fitted_KxMxN.any(axis=1, keepdims=True)
    held_KxMxN &= rows_KxMx1 & columns_Kx1xN
    return held_KxMxN
