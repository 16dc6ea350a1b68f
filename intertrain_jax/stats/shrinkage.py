"""Hierarchical models: what many noisy variances, or many noisy values, say of each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# Values of the standard deviation between models that are weighed against each other.
_GRID = 400


def within(values_n: Floats, group_n: Ints) -> tuple[Floats, Floats]:
    """Returns how many values each group has, and their sum of squares about its mean."""
    count_G = np.bincount(group_n).astype(float)
    mean_G = np.bincount(group_n, weights=values_n) / np.maximum(count_G, 1.0)
    squares_n = np.square(values_n - mean_G[group_n])
    return count_G, np.bincount(group_n, weights=squares_n).astype(float)


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


def draw_variances(std_N: Floats, df_N: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Draws true variances, [S, N], from their scaled inverse χ² posterior.

    Args:
        std_N: estimates.
        df_N: their degrees of freedom; without any, or with infinitely many, the estimate is taken as it
            is.
        draws: S.
        rng: of the draws.
    """
    finite = np.isfinite(df_N) & (df_N > 0)
    chi2_SxN = rng.chisquare(np.where(finite, df_N, 1.0), size=(draws, len(df_N)))
    ratio_SxN = np.where(finite, np.where(finite, df_N, 1.0) / chi2_SxN, 1.0)
    variances: Floats = np.square(std_N) * ratio_SxN
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
