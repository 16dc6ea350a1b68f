"""Is a gain the base model's and the target's, each for itself: do both matter, and how much is left?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.claims import drawing
from intertrain_jax.claims.claim import (
    CANNOT_TELL,
    CONTRARY,
    SHOWS,
    Claim,
    Finding,
    Number,
    bracketed,
)
from intertrain_jax.claims.evidence import Evidence, Matrix, wide
from intertrain_jax.stats.correlation import TAIL
from intertrain_jax.stats.crossed import Mean, averages_of, simple_mean
from intertrain_jax.stats.regress import fit_regressor, regression

_FEWEST_MODELS, _FEWEST_TARGETS = 6, 6
_SEED, _SIGNS, _SHUFFLES = 0, 4000, 20
_MOST_EXACT = 12


@dataclass(frozen=True)
class LeftOut:
    """Mean squared errors of cells that were left out one by one, in points squared.

    Attributes:
        constant, base, target, additive: of one number for all, of one per base model, of one per
            target, and of the sum of both.
        n: cells; those without which a model or a target has no gain are not left out.
    """

    constant: float
    base: float
    target: float
    additive: float
    n: int


def left_out(gains: pd.DataFrame) -> LeftOut:
    """Returns the errors of the linear regressors, by their leverage.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
    """
    values = gains.to_numpy(dtype=float)
    row, column = np.nonzero(np.isfinite(values))
    y = values[row, column]
    rows, columns = np.eye(len(gains))[row], np.eye(gains.shape[1])[column]
    designs = (np.ones((len(y), 1)), rows, columns, np.concatenate([rows, columns], axis=1))
    errors, kept = [], np.ones(len(y), bool)
    for design in designs:
        u, s, _ = np.linalg.svd(design, full_matrices=False)
        u = u[:, s > 1e-9 * s.max()]
        leverage = np.square(u).sum(axis=1)
        kept &= leverage < 1.0 - 1e-9
        errors.append((y - u @ (u.T @ y)) / np.maximum(1.0 - leverage, 1e-12))
    if not kept.any():
        nan = float("nan")
        return LeftOut(nan, nan, nan, nan, 0)
    found = [float(np.mean(np.square(error[kept]))) for error in errors]
    constant, base, target, additive = found
    return LeftOut(constant, base, target, additive, int(kept.sum()))


def halves(matrix: Matrix) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns gains [M, N] of one half of the seeds and of the other.

    Raises:
        IntertrainError: there is one seed only.
    """
    seeds = sorted(matrix.runs["seed"].unique())
    if len(seeds) < 2:
        raise IntertrainError("what differs truly cannot be told from the noise of one seed")
    found = []
    for part in (seeds[::2], seeds[1::2]):
        own = matrix.runs[matrix.runs["seed"].isin(part)]
        found.append(wide(own, "base", "target"))
    first, second = found
    return first.align(second, join="inner")


def p_of_columns(first: pd.DataFrame, second: pd.DataFrame) -> float:
    """Returns the probability of columns that differ as consistently as these, by chance.

    Columns always differ: the pretrained model's noise is in all gains of a target, and the luck of a
    seed in all gains of a source model. They truly do where they differ alike in two halves that have
    neither seeds nor rows in common: the product of both halves' deviations has a random sign otherwise.
    Rows are halved in the order of their names, as what is named alike may be alike; the products of
    either half of the rows under either half of the seeds are added.

    Args:
        first, second: of `halves`, or both transposed for base models.
    """
    products = pd.Series(0.0, first.columns)
    for one, other in ((first, second), (second, first)):
        middle = len(one) // 2
        a, b = averages_of(one.iloc[:middle])[1], averages_of(other.iloc[middle:])[1]
        products = (products + (a - a.mean()) * (b - b.mean())).dropna()
    values, n = products.to_numpy(), len(products)
    if n <= _MOST_EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = np.random.default_rng(_SEED).choice([-1.0, 1.0], size=(_SIGNS, n))
        signs[0] = 1.0
    least = values.sum() - 1e-9 * np.abs(values).sum()
    return float(((signs @ values) >= least).mean())


def main_less_interaction(first: pd.DataFrame, second: pd.DataFrame) -> Mean:
    """Returns the variance of base models and of targets less that of their interaction, points squared.

    All are of what two halves of the seeds agree on, so that noise is in none. The interval is the
    jackknife's over targets.

    Args:
        first, second: of `halves`; cells that either lacks count as additive.
    """
    filled = [_filled(half) for half in (first, second)]

    def difference(keep: np.ndarray) -> float:
        one, two = (half[:, keep] for half in filled)
        m, n = one.shape
        rows, columns = _covariance(one.mean(1), two.mean(1)), _covariance(one.mean(0), two.mean(0))
        apart = float(np.mean(_centred(one) * _centred(two)) * m * n / ((m - 1) * (n - 1)))
        # What averages of interactions add to the main effects is taken off.
        return float(rows - apart / n + columns - apart / m - apart)

    n = filled[0].shape[1]
    every = np.ones(n, bool)
    whole = difference(every)
    pseudo = [n * whole - (n - 1) * difference(np.arange(n) != i) for i in range(n)]
    return simple_mean(pd.Series(pseudo))


def _covariance(a: np.ndarray, b: np.ndarray) -> float:
    return float((a - a.mean()) @ (b - b.mean()) / (len(a) - 1))


def _centred(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=1, keepdims=True)
    return np.asarray(centred - centred.mean(axis=0))


def _filled(half: pd.DataFrame) -> np.ndarray:
    """Returns gains with the missing ones as the additive fit has them."""
    rows, columns = averages_of(half)
    own = rows.reindex(half.index).to_numpy()[:, None]
    additive = own + (columns.reindex(half.columns) - rows.mean()).to_numpy()
    values = half.to_numpy(dtype=float)
    return np.nan_to_num(np.where(np.isfinite(values), values, additive))


def _figure(gains: pd.DataFrame) -> drawing.Points:
    fit = fit_regressor(gains, "bilinear").predict()
    known = gains.notna().to_numpy()
    points = pd.DataFrame({"x": fit.to_numpy()[known], "y": gains.to_numpy()[known]})
    return drawing.Points(points, "gain by (base + target)·sensitivity (points)", "gain (points)")


def _additive(records: Evidence) -> Finding:
    matrix = records.matrix
    gains = matrix.mean
    if len(gains) < _FEWEST_MODELS or gains.shape[1] < _FEWEST_TARGETS:
        raise IntertrainError(
            f"{_FEWEST_MODELS} base models on {_FEWEST_TARGETS} targets are needed, there are"
            f" {len(gains)} on {gains.shape[1]}"
        )
    first, second = halves(matrix)
    by_base, by_target = p_of_columns(first.T, second.T), p_of_columns(first, second)
    apart = main_less_interaction(first, second)
    errors, shuffled = left_out(gains), regression(gains, "bilinear", _SEED, _SHUFFLES)
    both = by_base <= TAIL and by_target <= TAIL
    verdict = CANNOT_TELL
    if apart.high < 0:
        verdict = CONTRARY
    elif both and errors.additive < min(errors.base, errors.target, errors.constant):
        verdict = SHOWS
    numbers: dict[str, Number] = {
        "models": len(gains),
        "targets": gains.shape[1],
        "p_base": by_base,
        "p_target": by_target,
        "left_out_additive": errors.additive,
        "left_out_base": errors.base,
        "left_out_target": errors.target,
        "left_out_constant": errors.constant,
        "held_out_bilinear": shuffled.held_out_mse,
        "bilinear": shuffled.mse,
        "bilinear_shuffled": shuffled.shuffled_mean,
        "bilinear_shuffled_std": shuffled.shuffled_std,
        "effects_less_interaction": apart.mean,
        "effects_less_interaction_low": apart.low,
        "effects_less_interaction_high": apart.high,
    }
    return Finding(
        f"Left out one by one, {errors.n} gains are off from base model plus target by a mean square of"
        f" {errors.additive:.2f}, from the base model alone by {errors.base:.2f}, from the target"
        f" alone by {errors.target:.2f}, from one number by {errors.constant:.2f} points². The bilinear"
        f" regressor fits to {shuffled.mse:.2f}, shuffled gains to {shuffled.shuffled_mean:.2f} ±"
        f" {shuffled.shuffled_std:.2f}. Base models differ (p = {by_base:.2g}), targets differ (p ="
        f" {by_target:.2g}); both have a variance of {apart.mean:+.2f} points²"
        f" {bracketed(apart.low, apart.high, '+.2f')} (95 %) more than what they have with each other."
        f" n: {matrix.size}.",
        verdict,
        numbers,
        drawing.Later(partial(_figure, gains)),
    )


ADDITIVE = Claim(
    name="source-and-target-apart",
    title="A gain is the base model's and the target's, each for itself",
    paper=(
        "A regressor of base model and target without their interaction has a mean squared error of 4.2,"
        " the base model alone 10.4 and the target alone 8.2; shuffled gains 9.6 and 10.8 (§5)."
    ),
    judge=_additive,
)
