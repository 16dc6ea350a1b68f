"""Draws of cells' true variances, with how they are distributed as uncertain as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intertrain_jax.stats.shrinkage import (
    CELLS_DIFFER,
    CellDistributions,
    Floats,
    Ints,
    cell_distributions,
    draw_variances,
)

# What an infinite d₀ is drawn as: variances that differ by 0.1 %.
_MANY = 1e6


@dataclass(frozen=True)
class VariancePosterior:
    """What is known of the distributions that cells' true variances come from.

    Given d₀ and its target's scale s_t², a cell's variance has a scaled inverse χ² distribution; given
    d₁ and a common scale s₁², so has s_t². None of the four is known: a draw has its own.

    Attributes:
        probability: of each d₀, [G].
        cells: distributions of cells' variances about their target's scale, of which `probability` is.
        targets: posterior of the scales' distribution at each d₀, [G]: d₁ and s₁².
    """

    probability: Floats
    cells: CellDistributions
    targets: tuple[tuple[Floats, CellDistributions], ...]

    def draw(self, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draws d₀ [H, 1] and scales [H, N]."""
        chosen_H = _chosen(self.probability, draws, rng)
        scale_HxN = np.empty((draws, self.cells.scale.shape[1]))
        for g in np.unique(chosen_H):
            of_g = chosen_H == g
            probability, found = self.targets[g]
            at = rng.permutation(_chosen(probability, int(of_g.sum()), rng))
            common = draw_variances(found.scale[at], found.information[at], rng)
            hyper = np.minimum(found.df[at, None], _MANY), common
            if scale_HxN.shape[1] == 1:
                # Nothing is known of how targets differ, nor is there a need.
                hyper = np.zeros_like(common), common
            scale, information = self.cells.scale[g], self.cells.information[g]
            scale_HxN[of_g] = draw_cells(hyper, scale, information, rng)
        return np.minimum(self.cells.df[chosen_H, None], _MANY), scale_HxN


def _chosen(probability: Floats, draws: int, rng: np.random.Generator) -> Ints:
    """Draws numbers, in rising order; evenly spaced ones leave less to chance than random ones."""
    at_H = (np.arange(draws) + rng.random()) / draws
    return np.searchsorted(np.cumsum(probability)[:-1], at_H)


def variance_posterior(found: CellDistributions, spread: float = CELLS_DIFFER) -> VariancePosterior:
    """Returns the posterior of d₀, of the targets' scales, and of how these are distributed.

    The scales' distribution is inferred as that of cells is, from their estimates and degrees of
    freedom.

    Args:
        found: of `cell_distributions`.
        spread: of the logarithm of cells' σ about their target's that is thought of before any is seen.
    """
    cells, probability_G = found.likely(spread)
    targets = tuple(
        cell_distributions(scale_N[None], df_N[None]).likely()[::-1]
        for scale_N, df_N in zip(cells.scale, cells.information, strict=True)
    )
    return VariancePosterior(probability_G, cells, targets)


def shrunk(variance_N: Floats, df_N: Floats, common: float, common_df: float) -> Floats:
    """Returns variances shrunk to a common one, (d₀ s₀² + d s²)/(d₀ + d)."""
    if np.isinf(common_df):
        return np.full(len(variance_N), common)
    total_N = common_df + df_N
    mean_N = (common_df * common + df_N * variance_N) / np.where(total_N > 0, total_N, 1.0)
    found: Floats = np.where(total_N > 0, mean_N, common)
    return found


def draw_cells(
    hyper: tuple[Floats, Floats], variance_N: Floats, df_N: Floats, rng: np.random.Generator
) -> Floats:
    """Draws true variances of cells, [S, N]: (d₀ s_t² + d s²)/χ² with d₀ + d degrees of freedom.

    Args:
        hyper: d₀ [S, 1] and scales [S, N], or [S, 1] of one target; of `VariancePosterior.draw`.
        variance_N: s² of the cells.
        df_N: d, zero where a cell says nothing.
        rng: of the draws.
    """
    prior_df, scale = hyper
    squares = prior_df * scale + df_N * np.where(df_N > 0, variance_N, 0.0)
    found: Floats = squares / rng.chisquare(prior_df + df_N, size=squares.shape)
    return found


def draw_sums(
    hyper: tuple[Floats, Floats],
    weight_MxN: Floats,
    variance_MxN: Floats,
    df_MxN: Floats,
    draws: int,
    rng: np.random.Generator,
) -> Floats:
    """Draws Σ_t w_mt σ_mt² of base models, [H, R, M], as `draw_cells` has σ².

    Given d₀ and scales, sums of models are independent. They are made of the same χ², which spares most
    of the time, and shuffled each for itself.

    Args:
        hyper: d₀ [H, 1] and scales [H, N].
        weight_MxN: w.
        variance_MxN: s² of the cells.
        df_MxN: d, of which there are few different ones.
        draws: R.
        rng: of the draws.
    """
    (h, n), m = hyper[1].shape, len(weight_MxN)
    prior_df, scale_SxN = (np.repeat(values, draws, axis=0) for values in hyper)
    sums_SxM = np.zeros((h * draws, m))
    for df in np.unique(df_MxN):
        chosen_MxN = np.where(df_MxN == df, weight_MxN, 0.0)
        inverse_SxN = 1.0 / rng.chisquare(prior_df + df, size=(h * draws, n))
        sums_SxM += (prior_df * scale_SxN * inverse_SxN) @ chosen_MxN.T
        if df > 0:
            sums_SxM += inverse_SxN @ (df * chosen_MxN * variance_MxN).T
    return rng.permuted(sums_SxM.reshape(h, draws, m), axis=1)
