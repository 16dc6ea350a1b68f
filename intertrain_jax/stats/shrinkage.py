"""Hierarchical models of variances: what many noisy ones say of each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# Standard deviation of the logarithm of cells' σ that is thought of before any is seen: a factor of 1.6.
# In grids of small encoders with two seeds it was 0.5 to 0.9.
CELLS_DIFFER = 0.5
# Values of d₀ that are less likely than the likeliest by this factor do not count.
_UNLIKELY = 1e-3
# Numbers that are worked on together.
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class CellNoise:
    """Shrunk variances of cells, and how sure they are; all of the cells' shape.

    Attributes:
        variance: in points squared.
        own_df: degrees of freedom, were the target's variance known.
        share: of the target's variance in the cell's.
        target_df: degrees of freedom of the target's variance, which all its cells share.
    """

    variance: Floats
    own_df: Floats
    share: Floats
    target_df: Floats

    @property
    def df(self) -> Floats:
        """Degrees of freedom of each variance by itself: 1/ν = 1/own_df + share²/target_df."""
        with np.errstate(divide="ignore"):
            found: Floats = 1.0 / (1.0 / self.own_df + np.square(self.share) / self.target_df)
        return found


def within(values_n: Floats, group_n: Ints, groups: int = 0) -> tuple[Floats, Floats]:
    """Returns how many values each group has, and their sum of squares about its mean.

    Args:
        values_n: values.
        group_n: number of each value's group.
        groups: how many groups there are at least.
    """
    count_G = np.bincount(group_n, minlength=groups).astype(float)
    mean_G = np.bincount(group_n, weights=values_n, minlength=groups) / np.maximum(count_G, 1.0)
    squares_n = np.square(values_n - mean_G[group_n])
    return count_G, np.bincount(group_n, weights=squares_n, minlength=groups).astype(float)


def common_distribution(variance_N: Floats, df_N: Floats) -> tuple[float, float]:
    """Returns the scale s₀² and degrees of freedom d₀ of the distribution of true variances.

    True variances are taken to come from one scaled inverse χ² distribution. With e = log s² − ψ(d/2) +
    log(d/2), moments match where ψ'(d₀/2) = var(e) − mean ψ'(d/2) and log s₀² = mean(e) + ψ(d₀/2) −
    log(d₀/2) (Smyth 2004). Variances of zero have no logarithm and do not enter. A single variance is
    its own scale, worth nothing (d₀ = 0); none at all give zero.

    Args:
        variance_N: s².
        df_N: d.
    """
    usable = (df_N > 0) & (np.nan_to_num(variance_N) > 0)
    variance, df = variance_N[usable], df_N[usable]
    if not len(variance):
        return 0.0, float("inf")
    if len(variance) == 1:
        return float(variance[0]), 0.0
    log = np.log(variance) - special.digamma(df / 2.0) + np.log(df / 2.0)
    excess = float(log.var(ddof=1) - special.polygamma(1, df / 2.0).mean())
    # ψ'(d₀/2) at this many degrees of freedom: targets differ by no more than their estimates do.
    most = 1e4
    if excess <= float(special.polygamma(1, most / 2.0)):
        return float(np.exp(log.mean())), float("inf")
    half = float(
        np.exp(
            optimize.brentq(
                lambda x: np.log(special.polygamma(1, np.exp(x))) - np.log(excess),
                np.log(1e-4),
                np.log(most),
            )
        )
    )
    return float(np.exp(log.mean() + special.digamma(half) - np.log(half))), 2.0 * half


@dataclass(frozen=True)
class CellDistributions:
    """Distributions that cells' true variances may come from: G values of d₀, N targets.

    Attributes:
        df: d₀, infinite first and then rising, [G].
        log_likelihood: at the most likely scales, [G].
        scale: the most likely scale s_t² of each target, [G, N].
        information: degrees of freedom that it is known by, [G, N].
    """

    df: Floats
    log_likelihood: Floats
    scale: Floats
    information: Floats

    def most_likely(self) -> tuple[Floats, Floats, float]:
        """Returns s_t² [N], their degrees of freedom [N], and d₀."""
        # A finite one must be better by more than rounding.
        best = int(np.argmax(self.log_likelihood - 1e-9 * np.isfinite(self.df)))
        return self.scale[best], self.information[best], float(self.df[best])

    def probability(self, spread: float = CELLS_DIFFER) -> Floats:
        """Returns the posterior probability of each d₀, [G].

        The scales are integrated out by Laplace's method: log s_t² has the variance 2/information. The
        standard deviation of the cells' log σ, √ψ'(d₀/2)/2, has a half-Cauchy prior (Gelman 2006; with
        a flat one, few cells would be taken for very different ones) with scale `spread`.
        """
        spread_G = np.zeros(len(self.df))
        finite_G = np.isfinite(self.df)
        spread_G[finite_G] = np.sqrt(special.polygamma(1, self.df[finite_G] / 2.0)) / 2.0
        log_G = self.log_likelihood - np.log1p(np.square(spread_G / spread))
        # Of the trapezoidal rule over the spread, which falls from the least d₀ to the infinite one.
        length_G = np.abs(np.gradient(np.roll(spread_G, -1)))
        length_G[[0, -1]] /= 2.0
        log_G += np.log(np.roll(length_G, 1))
        varies_N = (self.information > 0).all(axis=0) & (self.scale > 0).all(axis=0)
        log_G -= 0.5 * np.log(self.information[:, varies_N]).sum(axis=1)
        probability_G = np.exp(log_G - log_G.max())
        found: Floats = probability_G / probability_G.sum()
        return found

    def likely(self, spread: float = CELLS_DIFFER) -> tuple[CellDistributions, Floats]:
        """Returns those of the d₀ that are not very unlikely, and their probability."""
        probability_G = self.probability(spread)
        some = probability_G > _UNLIKELY * probability_G.max()
        parts = (self.df, self.log_likelihood, self.scale, self.information)
        chosen = CellDistributions(*(part[some] for part in parts))
        return chosen, probability_G[some] / probability_G[some].sum()


def cell_distributions(variance_NxB: Floats, df_NxB: Floats) -> CellDistributions:
    """Returns how likely the distributions of cells' true variances are.

    A cell is one base model on one target. Its true variance is taken to come from a scaled inverse
    χ² distribution with its target's scale s_t² and d₀ degrees of freedom, the same for all targets, so
    that s²/s_t² has an F distribution with (d, d₀) degrees of freedom (Smyth 2004, with one scale per
    target). The most likely scale solves Σ 1 − (d₀ + d) s_t²/(d₀ s_t² + d s²) = 0, in which a cell far
    above its target counts little. With d₀ infinite, cells of a target do not differ and s_t² is the
    pooled variance. The scales' degrees of freedom are those of the Fisher information of log s_t²,
    Σ d·d₀/(d + d₀ + 2).

    Args:
        variance_NxB: s² of cells.
        df_NxB: d; cells without any do not count. A target without cells, or of which nothing varies,
            has a scale of zero.
    """
    n = len(df_NxB)
    squares_NxB = df_NxB * np.where(df_NxB > 0, variance_NxB, 0.0)
    total_N = df_NxB.sum(axis=1)
    pooled_N = squares_NxB.sum(axis=1) / np.maximum(total_N, 1e-300)
    varies_N = pooled_N > 0
    # From the least that has a mean to where no number of seeds would tell it from infinity.
    finite_G = np.geomspace(0.5, 512.0, 31)
    df_G = np.concatenate([[np.inf], finite_G])
    log_G, scale_GxN, information_GxN = (
        np.zeros(len(df_G)), np.zeros((len(df_G), n)), np.zeros((len(df_G), n))
    )  # fmt: skip
    cells = squares_NxB[varies_N], df_NxB[varies_N]
    own_N = pooled_N[varies_N]
    scale_GxN[0, varies_N], information_GxN[0] = own_N, total_N
    log_G[0] = -0.5 * float(total_N[varies_N] @ (np.log(2.0 * own_N) + 1.0))
    # As many at once as a processor's cache may hold.
    at_once = max(1, _AT_ONCE // max(df_NxB.size, 1))
    for first in range(1, len(df_G), at_once):
        some = slice(first, first + at_once)
        prior = df_G[some, None, None]
        scale = _scales(*cells, own_N, df_G[some])
        scale_GxN[some, varies_N] = scale
        information_GxN[some] = (df_NxB * prior / (df_NxB + prior + 2.0)).sum(axis=2)
        d, half = cells[1], 0.5 * prior
        log = special.gammaln(half + d / 2.0) - special.gammaln(half)
        log -= 0.5 * d * np.log(prior * scale[..., None])
        log -= (half + d / 2.0) * np.log1p(cells[0] / (prior * scale[..., None]))
        log_G[some] = log.sum(axis=(1, 2))
    return CellDistributions(df_G, log_G, scale_GxN, information_GxN)


def _scales(squares_NxB: Floats, df_NxB: Floats, pooled_N: Floats, prior_df_G: Floats) -> Floats:
    """Returns the scales [G, N] that are most likely at each d₀, by Newton's method on logarithms.

    Args:
        squares_NxB: d s² of cells.
        df_NxB: d.
        pooled_N: pooled variances, above zero.
        prior_df_G: d₀.
    """
    prior = prior_df_G[:, None, None]
    start_N = np.log(pooled_N)
    log_GxN = np.tile(start_N, (len(prior_df_G), 1))
    for _ in range(30):
        scale = np.exp(log_GxN)[..., None]
        total = prior * scale + squares_NxB
        share = (prior + df_NxB) * scale / total
        value_GxN = (1.0 - share).sum(axis=2)
        slope_GxN = (share * squares_NxB / total).sum(axis=2)
        # Far from the solution a whole step may overshoot; one of e² cannot.
        step_GxN = np.clip(value_GxN / np.maximum(slope_GxN, 1e-12), -2.0, 2.0)
        # Where most cells never vary there is no solution: not below what rounding leaves.
        log_GxN = np.maximum(log_GxN + step_GxN, start_N - 12.0)
        if np.abs(step_GxN).max(initial=0.0) < 1e-8:
            break
    scales: Floats = np.exp(log_GxN)
    return scales


def cell_variances(
    variance: Floats, df: Floats, scale: Floats, scale_df: Floats, prior_df: float
) -> CellNoise:
    """Returns shrunk variances of cells, (d₀ s_t² + d s²)/(d₀ + d), with d₀ + d degrees of freedom.

    That s_t² is itself an estimate, of d_t degrees of freedom, is told apart, as cells of a target have
    it in common. With d₀ infinite the variance is s_t².

    Args:
        variance: s².
        df: d, zero where a cell says nothing.
        scale, scale_df: s_t² and d_t of the cell's target, of the same shape or one per last axis.
        prior_df: d₀.
    """
    share = np.ones_like(df) if np.isinf(prior_df) else prior_df / (prior_df + df)
    shrunk = share * scale + (1.0 - share) * np.where(df > 0, variance, 0.0)
    return CellNoise(shrunk, prior_df + df, share, np.broadcast_to(scale_df, df.shape))


def draw_variances(variance: Floats, df: Floats, rng: np.random.Generator) -> Floats:
    """Draws true variances from their scaled inverse χ² posteriors, one of each.

    Args:
        variance: estimates, of any shape.
        df: their degrees of freedom; without any, or with infinitely many, the estimate is taken as it
            is.
        rng: of the draws.
    """
    finite = np.isfinite(df) & (df > 0)
    df = np.where(finite, df, 1.0)
    variances: Floats = variance * np.where(finite, df / rng.chisquare(df), 1.0)
    return variances
