"""Does A help B as much as B helps A: the symmetry of a gain matrix (App. G of the paper)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from intertrain_jax.stats.correlation import CONFIDENCE

# Permutations computed at once, to bound memory.
_BLOCK = 256


@dataclass(frozen=True)
class Symmetry:
    """How symmetric gains are.

    Attributes:
        n: names that are both a base model and a target.
        pairs: pairs of two different names with both gains.
        missing_pairs: pairs left out, as one of their gains is missing.
        diagonal: names with a gain on themselves; they count as symmetric, as in the definition.
        symmetric, skew: Frobenius norms ‖S‖ and ‖V‖ of the two parts, in points.
        value: s = (‖S‖ − ‖V‖)/(‖S‖ + ‖V‖) in [−1, 1]; NaN without pairs or where all gains are zero.
        permutations: of the null.
        null_mean, null_std: of s under the null.
        null_low, null_high: its central interval at `CONFIDENCE`.
        p: one-sided, that s is as large under the null: (1 + k) / (1 + permutations).
    """

    n: int
    pairs: int
    missing_pairs: int
    diagonal: int
    symmetric: float
    skew: float
    value: float
    permutations: int
    null_mean: float
    null_std: float
    null_low: float
    null_high: float
    p: float


def symmetry(gains: pd.DataFrame, seed: int, permutations: int = 2000) -> Symmetry:
    """Returns the symmetry of the square part of the matrix, the names that are rows and columns.

    S = (G + Gᵀ)/2 and V = (G − Gᵀ)/2 over the pairs with both gains and the diagonal there is.

    The null keeps every gain, and every model's and every target's set of gains, and breaks only
    which source belongs to which target: the targets' names are permuted against the models' (the
    quadratic assignment test). A positive mean gain or a good model makes s large by itself; it does
    so under the null as well.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        seed: of the permutations.
        permutations: how many.
    """
    names = gains.index.intersection(gains.columns, sort=False)
    square_NxN = gains.loc[names, names].to_numpy(dtype=float)
    n, nan = len(names), float("nan")
    known_NxN = np.isfinite(square_NxN)
    above = np.triu_indices(n, 1)
    pairs = int((known_NxN & known_NxN.T)[above].sum())
    diagonal = int(np.diag(known_NxN).sum())
    norms = _norms(square_NxN[None])
    value = float(_value(*norms)[0]) if pairs else nan
    null = np.array([])
    if np.isfinite(value):
        null = _null(square_NxN, np.random.default_rng(seed), permutations)
    low, high = (
        np.quantile(null, [0.5 - CONFIDENCE / 2.0, 0.5 + CONFIDENCE / 2.0])
        if len(null)
        else (nan, nan)
    )
    return Symmetry(
        n=n,
        pairs=pairs,
        missing_pairs=n * (n - 1) // 2 - pairs,
        diagonal=diagonal,
        symmetric=float(norms[0][0]),
        skew=float(norms[1][0]),
        value=value,
        permutations=len(null),
        null_mean=float(null.mean()) if len(null) else nan,
        null_std=float(null.std(ddof=1)) if len(null) > 1 else nan,
        null_low=float(low),
        null_high=float(high),
        p=float((1 + (null >= value).sum()) / (1 + len(null))) if len(null) else nan,
    )


def _norms(gains_PxNxN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the Frobenius norms [P] of the symmetric and the skew parts, where both gains are."""
    turned = gains_PxNxN.swapaxes(1, 2)
    symmetric, skew = (gains_PxNxN + turned) / 2.0, (gains_PxNxN - turned) / 2.0
    return (
        np.sqrt(np.nansum(np.square(symmetric), axis=(1, 2))),
        np.sqrt(np.nansum(np.square(skew), axis=(1, 2))),
    )


def _value(symmetric: np.ndarray, skew: np.ndarray) -> np.ndarray:
    """Returns s per matrix, NaN where all gains are zero."""
    total = symmetric + skew
    return np.where(total > 0, symmetric - skew, np.nan) / np.where(total > 0, total, 1.0)


def _null(square_NxN: np.ndarray, rng: np.random.Generator, permutations: int) -> np.ndarray:
    """Returns s for random assignments of targets to sources; those without any pair are left out."""
    n = len(square_NxN)
    found = []
    for start in range(0, permutations, _BLOCK):
        count = min(_BLOCK, permutations - start)
        order_PxN = rng.permuted(np.tile(np.arange(n), (count, 1)), axis=1)
        moved_PxNxN = square_NxN[np.arange(n)[:, None], order_PxN[:, None, :]]
        found.append(_value(*_norms(moved_PxNxN)))
    values = np.concatenate(found)
    finite: np.ndarray = values[np.isfinite(values)]
    return finite
