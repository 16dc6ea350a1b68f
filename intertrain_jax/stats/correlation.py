"""Correlations of two measurements of the same models, with p-values and intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import atanh, sqrt, tanh
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from intertrain_jax.stats.clusters import Ints
from intertrain_jax.stats.resampling import resample

CONFIDENCE = 0.95
TAIL = 0.5 - CONFIDENCE / 2.0  # what is beyond either end of an interval at it
Kind = Literal["pearson", "spearman"]


@dataclass(frozen=True)
class Correlation:
    """A correlation and what it rests on.

    Attributes:
        kind: name of the coefficient.
        n: pairs; those with a missing value do not count.
        value: the coefficient; NaN below two pairs, or where one side is constant.
        p: two-sided, of no correlation; NaN below three pairs.
        low, high: interval at `CONFIDENCE`; NaN below four pairs.
        clusters: groups of models that were resampled together for p and interval, which are NaN where
            these are too few; 0 where every model was on its own.
    """

    kind: str
    n: int
    value: float
    p: float
    low: float
    high: float
    clusters: int = 0


@dataclass(frozen=True)
class Coefficient:
    """A way to say how far two measurements of the same models agree.

    Attributes:
        name: in files, and `Correlation.kind`.
        title: for people.
        compute: returns it from two columns [n], NaN where missing, and the number of each model's
            cluster [n], which may be left out where every model is on its own.
        note: what a reader of a table must know of it beside the others; "" for nothing.
        least_p: the least p that it can give, where that is by permutation; else 0.
    """

    name: str
    title: str
    compute: Callable[..., Correlation]
    note: str = ""
    least_p: float = 0.0


def correlation(
    x: ArrayLike, y: ArrayLike, kind: Kind, cluster: ArrayLike | None = None
) -> Correlation:
    """Returns the correlation of paired values, after dropping pairs with a missing value.

    The interval is Fisher's on the transformed coefficient, with the standard error 1/√(n − 3) for
    Pearson's and √((1 + ρ²/2)/(n − 3)) for Spearman's (Bonett and Wright 2000). Where several pairs
    are of one cluster, the standard error of the transformed coefficient is the jackknife's over
    clusters (of Spearman's, with the ranks of all), and p and interval are by Student's t (see
    `resampling`).

    Args:
        x, y: [n] numbers, NaN where missing.
        kind: "pearson" or "spearman".
        cluster: [n] number of each pair's cluster; None if every pair is on its own.

    Raises:
        ValueError: `x` and `y` differ in shape.
    """
    a, b = paired(x, y)
    own = clusters_of_pairs(x, y, cluster)
    n, nan, count = len(a), float("nan"), 0 if own is None else len(np.unique(own))
    if n < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Correlation(kind, n, nan, nan, nan, nan, count)
    found = stats.pearsonr(a, b) if kind == "pearson" else stats.spearmanr(a, b)
    # Rounding can carry a coefficient past one.
    value = float(np.clip(found.statistic, -1.0, 1.0))
    if own is not None:
        measures = (a, b) if kind == "pearson" else (stats.rankdata(a), stats.rankdata(b))
        return Correlation(kind, n, value, *_clustered(value, *measures, own), count)
    p = float(found.pvalue) if n > 2 else nan
    if n < 4:
        return Correlation(kind, n, value, p, nan, nan)
    low, high = fisher_interval(value, n, kind)
    return Correlation(kind, n, value, p, low, high)


def _clustered(
    value: float, a: NDArray[np.float64], b: NDArray[np.float64], own: Ints
) -> tuple[float, float, float]:
    """Returns p and interval of a coefficient with each cluster left out in turn."""
    left_out = resample(a, b, own)
    if left_out is None:
        return float("nan"), float("nan"), float("nan")
    if abs(value) >= 1.0:
        return 0.0, value, value
    error = left_out.transformed_error
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, left_out.df)) * error
    p = 2.0 * float(stats.t.sf(abs(atanh(value)) / error, left_out.df)) if error > 0 else 0.0
    return p, tanh(atanh(value) - half), tanh(atanh(value) + half)


def clusters_of_pairs(x: ArrayLike, y: ArrayLike, cluster: ArrayLike | None) -> Ints | None:
    """Returns the clusters of the pairs that `paired` keeps; None if each of these is on its own."""
    if cluster is None:
        return None
    both = np.isfinite(np.asarray(x, float)) & np.isfinite(np.asarray(y, float))
    own: Ints = np.asarray(cluster, np.intp)[both]
    return None if len(np.unique(own)) == len(own) else own


def paired(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the pairs of which neither value is missing, [n] each.

    Raises:
        ValueError: `x` and `y` differ in shape.
    """
    a, b = np.asarray(x, float), np.asarray(y, float)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"x and y must be of one shape [n], got {a.shape} and {b.shape}")
    both = np.isfinite(a) & np.isfinite(b)
    return a[both], b[both]


def fisher_interval(value: float, n: int, kind: Kind) -> tuple[float, float]:
    """Returns the interval of a coefficient over n ≥ 4 pairs; see `correlation`."""
    if abs(value) >= 1.0:
        return value, value
    variance = (1.0 if kind == "pearson" else 1.0 + value**2 / 2.0) / (n - 3)
    half = float(stats.norm.ppf(0.5 + CONFIDENCE / 2.0)) * sqrt(variance)
    return tanh(atanh(value) - half), tanh(atanh(value) + half)
