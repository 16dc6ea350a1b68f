"""Collapsed runs: those that learned nothing where the same model with other seeds did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.stats.shrinkage import Floats, Ints, cell_distribution, cell_variances, within

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

    A cell's scores are a normal distribution's, but for a minority that collapsed. The lowest k of a
    cell's n scores, k < n/2, or one of two, are taken for collapsed if the highest of them
    - is further below the others' mean than `LEVEL` allows, by a one-sided t-test with the cell's
      shrunk variance (see `cell_variances`), divided by the number of runs tested (Bonferroni), and
    - is nearer to the lowest score that any other base model has on the target than to its siblings:
      what fell to chance is among the worst there is, and what is only a bad seed is not.

    Those found are taken out and the noise is estimated again until no more are found.

    Args:
        scores: long form, columns base, target, seed, score (percent); rows without score do not count.
    """
    table = scores.dropna(subset=["score"])
    base_n, bases = pd.factorize(table["base"])
    target_n, targets = pd.factorize(table["target"])
    cell_n = target_n * len(bases) + base_n
    score_n = table["score"].to_numpy(dtype=float)
    collapsed_n = np.zeros(len(table), bool)
    others_n = np.full(len(table), np.nan)
    while True:
        left = np.flatnonzero(~collapsed_n)
        found, others = _lowest(score_n[left], cell_n[left], len(bases), len(targets), len(table))
        if not found.any():
            break
        collapsed_n[left[found]] = True
        others_n[left[found]] = others[found]
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


def _lowest(
    score_n: Floats, cell_n: Ints, bases: int, targets: int, tested: int
) -> tuple[np.ndarray, Floats]:
    """Returns which scores collapsed [n], and the mean of their siblings [n]."""
    order = np.lexsort((score_n, cell_n))
    score, cell = score_n[order], cell_n[order]
    count_C, squares_C = within(score, cell, bases * targets)
    first_C = np.concatenate([[0], np.cumsum(count_C)[:-1]]).astype(int)
    target_C = np.arange(bases * targets) // bases
    df_C = np.maximum(count_C - 1.0, 0.0)
    variance_C = squares_C / np.maximum(df_C, 1.0)
    scale_N, scale_df_N, prior_df = cell_distribution(variance_C, df_C, target_C, targets)
    floor_C = _lowest_of_others(score, first_C, count_C, bases, targets)
    found, others = np.zeros(len(score), bool), np.full(len(score), np.nan)
    total = np.concatenate([[0.0], np.cumsum(score)])
    for k in range(1, int(count_C.max(initial=0)) // 2 + 1):
        able_C = np.flatnonzero((count_C > 2 * k) | ((count_C == 2) & (k == 1)))
        if not len(able_C):
            continue
        start, n = first_C[able_C] + k, count_C[able_C].astype(int) - k
        mean = (total[start + n] - total[start]) / n
        # Sums of squares about the others' own mean, one cell's rows at a time.
        row = np.repeat(np.arange(len(able_C)), n)
        place = np.repeat(start - np.concatenate([[0], np.cumsum(n)[:-1]]), n) + np.arange(n.sum())
        squares = np.bincount(row, weights=np.square(score[place] - mean[row]))
        own = squares / np.maximum(n - 1, 1)
        at = target_C[able_C]
        noise = cell_variances(own, n - 1.0, scale_N[at], scale_df_N[at], prior_df)
        highest = score[start - 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (mean - highest) / np.sqrt(noise.variance * (1.0 + 1.0 / n))
        far = (stats.t.sf(t, noise.df) * tested < LEVEL) & (noise.df > 0)
        low = highest - floor_C[able_C] < mean - highest
        for c in np.flatnonzero(far & low):
            found[start[c] - k : start[c]] = True
            others[start[c] - k : start[c]] = mean[c]
    back_found, back_others = np.empty_like(found), np.empty_like(others)
    back_found[order], back_others[order] = found, others
    return back_found, back_others


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
