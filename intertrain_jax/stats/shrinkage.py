"""Hierarchical models: what many noisy variances, or many noisy values, say of each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# Values of the standard deviation between models that are weighed against each other.
_GRID = 400


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


def cell_distribution(
    variance_C: Floats, df_C: Floats, target_C: Ints, targets: int
) -> tuple[Floats, Floats, float]:
    """Returns scales s_t² [N] of cells' true variances, their degrees of freedom [N], and d₀.

    A cell is one base model on one target. Its true variance is taken to come from a scaled inverse
    χ² distribution with its target's scale and d₀ degrees of freedom, the same for all targets, so that
    s²/s_t² has an F distribution with (d, d₀) degrees of freedom (Smyth 2004, with one scale per
    target). Both are found by maximum likelihood; the scale solves
    Σ 1 − (d₀ + d) s_t²/(d₀ s_t² + d s²) = 0, in which a cell far above its target counts little. With d₀
    infinite, cells of a target do not differ and s_t² is the pooled variance. The degrees of freedom
    are those of the Fisher information of log s_t², Σ d·d₀/(d + d₀ + 2).

    Args:
        variance_C: s² of cells.
        df_C: d; cells without any do not count.
        target_C: number of each cell's target.
        targets: N. A target without cells, or of which nothing varies, has a scale of zero.
    """
    known_C = df_C > 0
    variance, df, target = variance_C[known_C], df_C[known_C], target_C[known_C]
    total_N = np.bincount(target, weights=df, minlength=targets)
    pooled_N = np.bincount(target, weights=df * variance, minlength=targets) / np.maximum(
        total_N, 1
    )
    best: tuple[float, Floats, float] = (-np.inf, pooled_N, np.inf)
    # From the least that has a mean to where no number of seeds would tell it from infinity.
    for prior_df in (np.inf, *np.geomspace(0.5, 512.0, 31)):
        scale_N = _scales(variance, df, target, pooled_N, prior_df)
        scale = scale_N[target]
        varies = scale > 0
        ratio = variance[varies] / scale[varies]
        d = df[varies]
        if np.isinf(prior_df):
            log = -0.5 * d * (np.log(2.0 * scale[varies]) + ratio)
        else:
            log = special.gammaln((prior_df + d) / 2.0) - special.gammaln(prior_df / 2.0)
            log -= 0.5 * d * np.log(prior_df * scale[varies])
            log -= 0.5 * (prior_df + d) * np.log1p(d * ratio / prior_df)
        if (likelihood := float(log.sum())) > best[0] + 1e-9:
            best = (likelihood, scale_N, float(prior_df))
    _, scale_N, prior_df = best
    information = df if np.isinf(prior_df) else df * prior_df / (df + prior_df + 2.0)
    information_N: Floats = np.bincount(target, weights=information, minlength=targets).astype(
        float
    )
    return scale_N, information_N, prior_df


def _scales(
    variance: Floats, df: Floats, target: Ints, pooled_N: Floats, prior_df: float
) -> Floats:
    """Returns the scales that are most likely at a d₀, by Newton's method on their logarithms."""
    if np.isinf(prior_df):
        return pooled_N
    varies_N = pooled_N > 0
    log_N = np.log(np.where(varies_N, pooled_N, 1.0))
    for _ in range(30):
        scale = np.exp(log_N)[target]
        total = prior_df * scale + df * variance
        slope = (prior_df + df) * scale * df * variance / total**2
        value = 1.0 - (prior_df + df) * scale / total
        value_N = np.bincount(target, weights=value, minlength=len(pooled_N))
        slope_N = np.bincount(target, weights=slope, minlength=len(pooled_N))
        # Far from the solution a whole step may overshoot; one of e² cannot.
        step_N = np.clip(value_N / np.maximum(slope_N, 1e-12), -2.0, 2.0) * varies_N
        # Where most cells never vary there is no solution: not below what rounding leaves.
        log_N = np.maximum(log_N + step_N, np.log(np.where(varies_N, pooled_N, 1.0)) - 12.0)
        if np.abs(step_N).max(initial=0.0) < 1e-8:
            break
    return np.where(varies_N, np.exp(log_N), 0.0)


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


def satterthwaite(*parts: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Returns sums over the last axis of variances, and their degrees of freedom: (Σ v)²/Σ (v²/d).

    Args:
        parts: independent variances v [M, N] that are added too, with their d, of the same shape or one
            row; infinite where a variance is known.
    """
    total: Floats = np.sum([part.sum(axis=-1) for part, _ in parts], axis=0)
    spread: Floats = np.sum(
        [(np.square(part) / np.where(df > 0, df, 1.0)).sum(axis=-1) for part, df in parts], axis=0
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        df_M = np.where(spread > 0, np.square(total) / spread, np.inf)
    return total, df_M


def draw_variances(
    variance_N: Floats, df_N: Floats, draws: int, rng: np.random.Generator
) -> Floats:
    """Draws true variances, [S, N], from their scaled inverse χ² posterior.

    Args:
        variance_N: estimates.
        df_N: their degrees of freedom; without any, or with infinitely many, the estimate is taken as it
            is.
        draws: S.
        rng: of the draws.
    """
    finite = np.isfinite(df_N) & (df_N > 0)
    chi2_SxN = rng.chisquare(np.where(finite, df_N, 1.0), size=(draws, len(df_N)))
    ratio_SxN = np.where(finite, np.where(finite, df_N, 1.0) / chi2_SxN, 1.0)
    variances: Floats = variance_N * ratio_SxN
    return variances


def draw_true_values(
    estimate_M: Floats, variance_M: Floats, own_SxM: Floats, rng: np.random.Generator
) -> tuple[Floats, float]:
    """Draws true values, [S, M], from their posterior; returns them and the mean of τ.

    The model is y_m ~ N(θ_m, σ_m²) and θ_m ~ N(μ, τ²), with flat priors on μ and τ (Gelman 2006). Given
    τ, μ has the posterior N(Σ w y/Σ w, 1/Σ w) with w = 1/(σ_m² + τ²), and τ the marginal posterior
    (Σ w)^(−1/2) Π w^(1/2) exp(−w (y − Σ w y/Σ w)²/2), here on a grid. Below three measurements, or where
    nothing differs, there is no τ to speak of: it is NaN, and draws are around the measured values.

    Args:
        estimate_M: y.
        variance_M: σ².
        own_SxM: σ² of each draw, where it is itself uncertain.
        rng: of the draws.
    """
    draws, m = own_SxM.shape
    spread = float(np.ptp(estimate_M) + np.sqrt(variance_M.max())) if m > 2 else 0.0
    if spread == 0:
        return estimate_M + np.sqrt(own_SxM) * rng.normal(size=(draws, m)), float("nan")
    # Steps grow with τ, so that small values are told apart; the weight of a step is its length.
    step_G = (np.arange(_GRID) + 0.5) / _GRID
    tau_G = 5.0 * spread * np.square(step_G)
    weight_GxM = 1.0 / (variance_M + np.square(tau_G)[:, None])
    total_G = weight_GxM.sum(axis=1)
    mean_G = weight_GxM @ estimate_M / total_G
    log_G = np.log(step_G) - 0.5 * np.log(total_G)
    log_G += 0.5 * (np.log(weight_GxM) - weight_GxM * np.square(estimate_M - mean_G[:, None])).sum(
        axis=1
    )
    probability_G = np.exp(log_G - log_G.max())
    probability_G /= probability_G.sum()
    chosen_S = rng.choice(_GRID, size=draws, p=probability_G)
    tau_Sx1 = tau_G[chosen_S, None]
    mean_S = mean_G[chosen_S] + rng.normal(size=draws) / np.sqrt(total_G[chosen_S])
    mean_Sx1 = mean_S[:, None]
    shrink_SxM = own_SxM / (own_SxM + np.square(tau_Sx1))
    centre_SxM = estimate_M - shrink_SxM * (estimate_M - mean_Sx1)
    true_SxM: Floats = centre_SxM + tau_Sx1 * np.sqrt(shrink_SxM) * rng.normal(size=(draws, m))
    return true_SxM, float(probability_G @ tau_G)
