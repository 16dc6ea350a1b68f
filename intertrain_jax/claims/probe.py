"""Does a probe on one task rank base models: its correlation with gains, and how many must be tried."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.claims import drawing
from intertrain_jax.claims.claim import (
    CANNOT_TELL,
    CONTRARY,
    SHOWS,
    Claim,
    Finding,
    Number,
    beyond,
    bracketed,
    coefficient,
)
from intertrain_jax.claims.evidence import PROBE, Evidence
from intertrain_jax.stats.clusters import clusters_of
from intertrain_jax.stats.correlation import TAIL, correlation
from intertrain_jax.stats.crossed import simple_mean

LINEAR_PROBE, TASK = "lp", "mnli"
FEWEST_MODELS = 5
_TOP = 3
_SEED, _DRAWS, _MOST_CHOICES = 0, 2000, 5000
# Two mean losses that are equal may differ by rounding.
_ROUNDING = 1e-9


def probe_scores(records: Evidence) -> tuple[pd.Series, str]:
    """Returns base model → score of the linear probe, and the task it was on.

    Rankings count before probes among the runs; MNLI before the task that most models have.

    Raises:
        IntertrainError: there are none.
    """
    ranked = records.rankings
    scores = ranked[ranked["estimator"].str.casefold() == LINEAR_PROBE]
    if not len(scores):
        probed = records.runs[(records.runs["method"] == PROBE) & records.runs["gain"].notna()]
        scores = probed.rename(columns={"target": "task"})
    if not len(scores):
        raise IntertrainError("there is no linear probe, neither among rankings nor among runs")
    counts = scores.groupby("task", sort=True)["base"].nunique()
    task = next((name for name in counts.index if name.casefold() == TASK), counts.idxmax())
    return scores[scores["task"] == task].groupby("base")["score"].mean(), str(task)


def ranked_gains(records: Evidence) -> tuple[pd.DataFrame, pd.Series, str]:
    """Returns gains [M, N] of the base models with a probe, their probe's scores [M], and its task.

    Raises:
        IntertrainError: there are fewer than `FEWEST_MODELS`.
    """
    scores, task = probe_scores(records)
    gains = records.matrix.mean
    gains = gains[gains.index.isin(scores.index)]
    if len(gains) < FEWEST_MODELS:
        raise IntertrainError(
            f"gains and a probe on {task} are known of {counted(len(gains), 'base model')};"
            f" {FEWEST_MODELS} are needed"
        )
    return gains, scores.reindex(gains.index), task


def _probe_ranks(records: Evidence) -> Finding:
    gains, scores, task = ranked_gains(records)
    averages = records.matrix.averages.reindex(gains.index)
    cluster = clusters_of(gains).numbers(list(gains.index))
    spearman = correlation(scores, averages, "spearman", cluster)
    pearson = correlation(scores, averages, "pearson", cluster)
    alike = f" in {spearman.clusters} groups of models that are alike" if spearman.clusters else ""
    points = pd.DataFrame({"name": gains.index, "x": scores.to_numpy(), "y": averages.to_numpy()})
    return Finding(
        f"Over {spearman.n} base models{alike}, the probe on {task} and the average gain over"
        f" {gains.shape[1]} targets correlate by Spearman"
        f" {coefficient(spearman.value, spearman.low, spearman.high)}, Pearson"
        f" {coefficient(pearson.value, pearson.low, pearson.high)} (95 %).",
        beyond(spearman.low, spearman.high, "above"),
        {
            "task": task,
            "models": spearman.n,
            "groups": spearman.clusters,
            "targets": gains.shape[1],
            "spearman": spearman.value,
            "spearman_low": spearman.low,
            "spearman_high": spearman.high,
            "pearson": pearson.value,
            "pearson_low": pearson.low,
            "pearson_high": pearson.high,
        },
        drawing.Points(
            points.dropna(),
            f"score of the linear probe on {task} (points)",
            "average gain over targets (points)",
        ),
    )


def losses(gains: pd.DataFrame, top: list[int]) -> np.ndarray:
    """Returns the points that each target [N] loses if only some models are tried; NaN without them."""
    values_MxN = gains.to_numpy(dtype=float)
    best_N = np.where(np.isfinite(values_MxN), values_MxN, -np.inf)
    lost_N = best_N.max(axis=0) - best_N[top].max(axis=0)
    return np.where(np.isfinite(lost_N), lost_N, np.nan)


def _by_chance(gains: pd.DataFrame, top: int) -> np.ndarray:
    """Returns the mean losses of choices of models at random: all of them, or a sample."""
    m = len(gains)
    if comb(m, top) <= _MOST_CHOICES:
        choices = np.array(list(combinations(range(m), top)))
    else:
        draws = np.random.default_rng(_SEED).random((_DRAWS, m))
        choices = np.argsort(draws, axis=1)[:, :top]
    values_MxN = gains.to_numpy(dtype=float)
    filled_MxN = np.where(np.isfinite(values_MxN), values_MxN, -np.inf)
    lost_CxN = filled_MxN.max(axis=0) - filled_MxN[choices].max(axis=1)
    known_CxN = np.isfinite(lost_CxN)
    total = np.where(known_CxN, lost_CxN, 0.0).sum(axis=1)
    return np.asarray(total / np.maximum(known_CxN.sum(axis=1), 1))


def _top_three(records: Evidence) -> Finding:
    gains, scores, task = ranked_gains(records)
    gains = gains.loc[:, gains.notna().any()]
    order = np.argsort(-scores.to_numpy(), kind="stable").tolist()
    lost = {n: losses(gains, order[:n]) for n in range(1, len(order) + 1)}
    enough = next(n for n, of in lost.items() if np.nanmean(of) < 1.0)
    mean = simple_mean(pd.Series(lost[_TOP]))
    by_chance = _by_chance(gains, _TOP)
    low, high = np.quantile(by_chance, [TAIL, 1.0 - TAIL])
    as_good = float(np.mean(by_chance <= mean.mean + _ROUNDING))
    as_bad = float(np.mean(by_chance >= mean.mean - _ROUNDING))
    verdict = SHOWS if as_good <= TAIL else CONTRARY if as_bad <= TAIL else CANNOT_TELL
    numbers: dict[str, Number] = {
        "models": len(gains),
        "targets": gains.shape[1],
        "loss1": float(np.nanmean(lost[1])),
        "loss3": mean.mean,
        "loss3_low": mean.low,
        "loss3_high": mean.high,
        "loss3_most": float(np.nanmax(lost[_TOP])),
        "targets_that_lose_a_point": int((lost[_TOP] > 1.0).sum()),
        "by_chance": float(by_chance.mean()),
        "by_chance_low": float(low),
        "by_chance_high": float(high),
        "p": as_good,
        "enough": enough,
    }
    return Finding(
        f"The top {_TOP} of {len(gains)} models by the probe on {task} lose {mean.mean:.2f} points"
        f" {bracketed(mean.low, mean.high, '.2f')} against the best of all, averaged over"
        f" {gains.shape[1]} targets (95 %), at most {numbers['loss3_most']:.2f};"
        f" {_TOP} models at random lose {by_chance.mean():.2f} (95 % of choices {low:.2f} to"
        f" {high:.2f}). {enough} must be tried for less than a point on average.",
        verdict,
        numbers,
    )


PROBE_RANKS = Claim(
    name="probe-ranks-models",
    title="A linear probe on one task ranks base models",
    paper=(
        "A linear probe on MNLI correlates with the average gain: Spearman 0.46 and Pearson 0.78"
        " in-house, 0.51 and 0.66 off the shelf (§4.2, Fig. 2)."
    ),
    judge=_probe_ranks,
)
TOP_THREE = Claim(
    name="top-three-are-enough",
    title="The three models that the probe ranks highest have most of the gain there is",
    paper=(
        "The best of the top 3 by the probe on MNLI loses 0.2 points in-house and 0.34 off the shelf, on"
        " average, against the best of all models (§4.2, Table 1)."
    ),
    judge=_top_three,
)
