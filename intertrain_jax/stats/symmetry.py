"""Does A help B as much as B helps A: the symmetry of a gain matrix (App. G of the paper)."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


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
    raise NotImplementedError
