"""Collapsed runs: those that learned nothing where the same model with other seeds did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.stats.shrinkage import Floats, Ints, cell_distributions, cell_variances, within

# Chance that any run of a table is taken for collapsed where none is.
LEVEL = 0.01


@dataclass(frozen=True)
class CollapsedRun:
    """A run that is not of the distribution of its siblings.

    Attributes:
        base, target, seed: the run.
        score: its own, in percent.
        others: mean of the same base model's other seeds on the target, in percent.
    """

    base: str
    target: str
    seed: int
    score: float
    others: float


def collapsed_runs(scores: pd.DataFrame) -> tuple[CollapsedRun, ...]:
    """Returns the runs that collapsed, in the order of the table.

    A cell's scores are a normal distribution's, but for a minority that collapsed: the lowest k of n,
    k < n/2, or one of two. They are taken for collapsed if the highest of them
    - is nearer to the lowest score that any other base model has on the target than to its siblings:
      what fell to chance is among the worst there is, and what is only a bad seed is not; and
    - is further below its siblings' mean than `LEVEL` allows, by a one-sided t-test with the cell's
      shrunk variance (see `shrinkage.cell_variances`), divided by the number of runs (Bonferroni).
    The noise must not be that of the collapsed runs themselves, nor may several hide each other: the
    most extreme are all taken out, and put back from the least extreme on until one is significant
    against the noise of the runs without it (Rosner 1983).

    Args:
        scores: long form, columns base, target, seed, score (percent); rows without score do not count.
    """
    table = scores.dropna(subset=["score"])
    base_n, bases = pd.factorize(table["base"])
    target_n, targets = pd.factorize(table["target"])
    cell_n = target_n * len(bases) + base_n
    score_n = table["score"].to_numpy(dtype=float)
    if table.empty:
        return ()
    collapsed_n, others_n = _collapsed(score_n, cell_n, len(bases), len(targets))
    return tuple(
        CollapsedRun(
            str(bases[base_n[i]]),
            str(targets[target_n[i]]),
            table["seed"].iloc[i],
            float(score_n[i]),
            float(others_n[i]),
        )
        for i in np.flatnonzero(collapsed_n)
    )


def without_collapsed(table: pd.DataFrame) -> pd.DataFrame:
    """Returns a table of runs in which collapsed ones have no score, and say why in their reason.

    Args:
        table: columns base, target, seed, status, score, reason; runs with a score are "done".
    """
    found = collapsed_runs(table)
    if not found:
        return table
    table = table.copy()
    keys = zip(table["base"].astype(str), table["target"].astype(str), table["seed"], strict=True)
    rows = {key: at for at, key in enumerate(keys)}
    for run in found:
        at = table.index[rows[run.base, run.target, run.seed]]
        table.loc[at, "status"], table.loc[at, "score"] = "collapsed", np.nan
        table.loc[at, "reason"] = (
            f"It has {run.score:.2f} where its other seeds have {run.others:.2f} on average: this seed"
            " learned nothing."
        )
    return table


def _collapsed(
    score_n: Floats, cell_n: Ints, bases: int, targets: int
) -> tuple[np.ndarray, Floats]:
    """Returns which scores collapsed [n], and the mean of their siblings [n]."""
    order = np.lexsort((score_n, cell_n))
    score, cell = score_n[order], cell_n[order]
    count_C, squares_C = within(score, cell, bases * targets)
    first_C = np.concatenate([[0], np.cumsum(count_C)[:-1]]).astype(int)
    floor_C = _lowest_of_others(score, first_C, count_C, bases, targets)
    typical_N = _typical(squares_C, count_C, bases)
    least = float(stats.norm.isf(LEVEL / max(len(score), 1)))
    total = np.concatenate([[0.0], np.cumsum(score)])
    # Cell → how many of its lowest may have collapsed, and by how many typical deviations.
    extremes: dict[int, tuple[int, float]] = {}
    for k in range(1, int(count_C.max(initial=0)) // 2 + 1):
        able_C = np.flatnonzero((count_C > 2 * k) | ((count_C == 2) & (k == 1)))
        start, n = first_C[able_C] + k, count_C[able_C].astype(int) - k
        mean, highest = (total[start + n] - total[start]) / n, score[start - 1]
        deviation = np.sqrt(typical_N[able_C // bases] * (1.0 + 1.0 / n))
        far = (mean - highest > least * deviation) & (highest - floor_C[able_C] < mean - highest)
        for i in np.flatnonzero(far):
            extreme = (mean[i] - highest[i]) / max(deviation[i], 1e-12)
            extremes[int(able_C[i])] = (k, float(extreme))
    ordered = sorted(extremes, key=lambda c: -extremes[c][1])
    found, others = np.zeros(len(score), bool), np.full(len(score), np.nan)
    while ordered:
        out = np.zeros(len(score), bool)
        for c in ordered:
            out[first_C[c] : first_C[c] + extremes[c][0]] = True
        if _significant(score, cell, out, ordered[-1], bases * targets, bases):
            for c in ordered:
                begin, k = int(first_C[c]), extremes[c][0]
                found[begin : begin + k] = True
                others[begin : begin + k] = score[begin + k : begin + int(count_C[c])].mean()
            break
        ordered.pop()
    back_found, back_others = np.empty_like(found), np.empty_like(others)
    back_found[order], back_others[order] = found, others
    return back_found, back_others


def _significant(
    score: Floats, cell: Ints, out: np.ndarray, which: int, cells: int, bases: int
) -> bool:
    """Returns whether the highest score that is out of a cell is too low for the noise of the others."""
    count_C, squares_C = within(score[~out], cell[~out], cells)
    df_C = np.maximum(count_C - 1.0, 0.0)
    variance_C = squares_C / np.maximum(df_C, 1.0)
    found = cell_distributions(variance_C.reshape(-1, bases), df_C.reshape(-1, bases))
    scale_N, scale_df_N, prior_df = found.most_likely()
    at, own = np.array([which]), np.array([which // bases])
    noise = cell_variances(variance_C[at], df_C[at], scale_N[own], scale_df_N[own], prior_df)
    mean = float(score[~out & (cell == which)].mean())
    highest = float(score[out & (cell == which)].max())
    error = float(np.sqrt(noise.variance[0] * (1.0 + 1.0 / count_C[which])))
    if not noise.df[0] > 0 or error == 0:
        return bool(noise.df[0] > 0)
    return bool(stats.t.sf((mean - highest) / error, noise.df[0]) * len(score) < LEVEL)


def _typical(squares_C: Floats, count_C: Floats, bases: int) -> Floats:
    """Returns a variance [N] that a minority of cells does not move: the median, as χ² has it."""
    df_C = np.maximum(count_C - 1.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance_C = np.where(
            df_C > 0, squares_C / stats.chi2.median(np.maximum(df_C, 1.0)), np.nan
        )
    typical = [
        float(np.median(own[np.isfinite(own)])) if np.isfinite(own).any() else np.inf
        for own in variance_C.reshape(-1, bases)
    ]
    return np.array(typical)


def _lowest_of_others(
    score: Floats, first_C: Ints, count_C: Floats, bases: int, targets: int
) -> Floats:
    """Returns the lowest score [C] that other base models have on a cell's target; ∞ without any."""
    least = np.full(len(count_C), np.inf)
    least[count_C > 0] = score[first_C[count_C > 0]]
    least_NxB = least.reshape(targets, bases)
    ordered = np.sort(least_NxB, axis=1)
    second = ordered[:, 1:2] if bases > 1 else np.full((targets, 1), np.inf)
    at_least = least_NxB == ordered[:, :1]
    alone = at_least & (at_least.sum(axis=1, keepdims=True) == 1)
    floors: Floats = np.where(alone, second, ordered[:, :1]).ravel()
    return floors
