"""How correlations and lines vary where groups of models are left out together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.stats.clusters import FEWEST_CLUSTERS, Ints

Floats = NDArray[np.float64]
# Of models that lie on a line.
_NEARLY_ONE = 1.0 - 1e-9
# A sum of squares of so small a share of the sample's is rounding: all of the models are alike.
_NOTHING = 1e-12


@dataclass(frozen=True)
class Resampled:
    """What a correlation and a line are over models when one cluster of them is left out (jackknife).

    Attributes:
        df: degrees of freedom of what is estimated from these: clusters less one, where one that
            has many of the models leaves few to say how clusters differ.
        transformed: [G clusters] Fisher's transform of the correlation without this cluster.
        slope, intercept: [G] of the least-squares line without this cluster.
    """

    df: float
    transformed: Floats
    slope: Floats
    intercept: Floats

    @property
    def transformed_error(self) -> float:
        """Standard error of Fisher's transform."""
        return float(_covariance(self.transformed[None])[0, 0] ** 0.5)

    @property
    def line_covariance(self) -> Floats:
        """[2, 2] covariance of the errors of slope and intercept."""
        return _covariance(np.stack([self.slope, self.intercept]))


def resample(x: Floats, y: Floats, cluster: Ints) -> Resampled | None:
    """Leaves each cluster out in turn.

    Args:
        x, y: [n] measurements of models, none missing.
        cluster: [n] number of each model's cluster.

    Returns:
        None where there are too few clusters to say how they differ, or without one of them the others
        do not differ at all.
    """
    _, own = np.unique(cluster, return_inverse=True)
    clusters = int(own.max()) + 1 if len(own) else 0
    if clusters < FEWEST_CLUSTERS:
        return None
    a, b = x - x.mean(), y - y.mean()
    moments_6xG = np.stack(
        [np.bincount(own, of, clusters) for of in (np.ones(len(a)), a, b, a * a, b * b, a * b)]
    )
    all_6x1 = moments_6xG.sum(axis=1, keepdims=True)
    n, sum_a, sum_b, squares_a, squares_b, products = all_6x1 - moments_6xG
    variance_a, variance_b = squares_a - sum_a**2 / n, squares_b - sum_b**2 / n
    covariance = products - sum_a * sum_b / n
    if (variance_a <= _NOTHING * all_6x1[3]).any() or (variance_b <= _NOTHING * all_6x1[4]).any():
        return None
    value = (covariance / np.sqrt(variance_a * variance_b)).clip(-_NEARLY_ONE, _NEARLY_ONE)
    slope = covariance / variance_a
    intercept = y.mean() + sum_b / n - slope * (x.mean() + sum_a / n)
    return Resampled(_df(moments_6xG[0]), np.arctanh(value), slope, intercept)


def _covariance(left_out_PxG: Floats) -> Floats:
    """Returns the jackknife's covariance of P estimates."""
    estimates, clusters = left_out_PxG.shape
    covariance_PxP = np.cov(left_out_PxG, ddof=0).reshape(estimates, estimates)
    return np.asarray((clusters - 1) * covariance_PxP)


def _df(size_G: Floats) -> float:
    return max(1.0, float(size_G.sum() ** 2 / np.square(size_G).sum()) - 1.0)
