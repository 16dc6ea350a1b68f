"""Do source models that differ in their seed alone differ in gains, and does their own score say so?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.base import IntertrainError
from intertrain_jax.claims import drawing
from intertrain_jax.claims.claim import (
    CANNOT_TELL,
    SHOWS,
    Claim,
    Finding,
    bracketed,
    coefficient,
    unrelated,
)
from intertrain_jax.claims.evidence import (
    FINETUNE,
    PRETRAINED,
    SOURCE,
    Evidence,
    matrix_of,
    usual,
    wide,
)
from intertrain_jax.stats.correlation import TAIL, correlation
from intertrain_jax.stats.crossed import averages_of

_FEWEST_SEEDS, _FEWEST_TARGETS = 5, 3


@dataclass(frozen=True)
class SeedScores:
    """Scores on targets of source models that differ in their seed.

    Attributes:
        part: of the study, that they are in.
        source: what they were trained on.
        scores: [S source seeds, N targets] in points, NaN where missing.
    """

    part: str
    source: str
    scores: pd.DataFrame


def seed_scores(records: Evidence) -> SeedScores:
    """Returns the scores of the source with the most seeds.

    Raises:
        IntertrainError: no source has five seeds on three targets.
    """
    rows = records.finetuned
    rows = rows[(rows["kind"] == SOURCE) & (rows["source_seed"] >= 0)]
    counts = rows.groupby(["part", "base"], sort=True)["source_seed"].nunique()
    if not len(counts) or counts.max() < _FEWEST_SEEDS:
        raise IntertrainError(f"no source has models of {_FEWEST_SEEDS} seeds")
    part, source = counts.index[int(counts.to_numpy().argmax())]
    own = matrix_of(usual(rows[(rows["base"] == source) & (rows["part"] == part)])).runs
    scores = wide(own, "source_seed", "target", "score")
    scores = scores.drop(columns=source, errors="ignore")
    scores = scores.loc[:, scores.count() >= _FEWEST_SEEDS]
    if scores.shape[1] < _FEWEST_TARGETS or len(scores) < _FEWEST_SEEDS:
        raise IntertrainError(
            f"models of {source} have scores of {_FEWEST_SEEDS} seeds on {scores.shape[1]} targets;"
            f" {_FEWEST_TARGETS} are needed"
        )
    return SeedScores(str(part), str(source), scores)


@dataclass(frozen=True)
class Spread:
    """How far seeds differ on average over targets.

    Attributes:
        std: standard deviation of the seeds' averages, in points.
        noise: what it would be by the noise of finetuning on each target alone.
        ratio: of the variances; low, high: its 95 % interval, by Fisher's F.
        seeds, targets: how many.
    """

    std: float
    noise: float
    ratio: float
    low: float
    high: float
    seeds: int
    targets: int


def spread_of(scores: pd.DataFrame) -> Spread:
    """Returns how far seeds differ beside what the noise of finetuning explains.

    What a seed's model has on one target for itself is noise: it is independent between targets. What
    it has on all is the model's. Targets may differ in noise, so the noise of averages has
    Satterthwaite's degrees of freedom.

    Args:
        scores: [S seeds, N targets] in points, NaN where missing.
    """
    rows, columns = averages_of(scores)
    known = scores.loc[rows.index, columns.index]
    residuals = known.sub(rows, axis=0).sub(columns - rows.mean(), axis=1)
    count = known.count()
    s, n = known.shape
    freedom = (count - 1).clip(lower=1) * (1.0 - 1.0 / n)
    variance = np.square(residuals).sum() / freedom
    weights = known.notna().div(known.count(axis=1), axis=0) ** 2
    noise = float((weights * variance).sum(axis=1).mean())
    own = float(rows.var(ddof=1))
    if noise <= 0:
        nan = float("nan")
        return Spread(own**0.5, 0.0, nan, nan, nan, s, n)
    df = float(variance.sum() ** 2 / (variance**2 / freedom).sum())
    ratio = own / noise
    low, high = (ratio / stats.f.ppf(q, s - 1, df) for q in (1.0 - TAIL, TAIL))
    return Spread(own**0.5, noise**0.5, ratio, float(low), float(high), s, n)


def _seeds_differ(records: Evidence) -> Finding:
    found = seed_scores(records)
    spread = spread_of(found.scores)
    if spread.noise <= 0:
        raise IntertrainError(f"scores of {found.source} models do not vary but with their target")
    rows, _ = averages_of(found.scores)
    of_model = max(spread.std**2 - spread.noise**2, 0.0) ** 0.5
    order = rows.sort_values(ascending=False)
    half = 2.0 * spread.noise
    figure = pd.DataFrame({"name": [f"seed {s}" for s in order.index], "value": order.to_numpy()})
    figure = figure.assign(low=figure["value"] - half, high=figure["value"] + half)
    # Seeds differ by noise at least: a ratio below one is chance, and shows no contrary.
    return Finding(
        f"Averages over {spread.targets} targets of {spread.seeds} {found.source} models lie from"
        f" {rows.min():.2f} to {rows.max():.2f}, with a standard deviation of {spread.std:.2f} points"
        f" between source seeds; finetuning alone makes {spread.noise:.2f}. The variance is"
        f" {spread.ratio:.2f} times that {bracketed(spread.low, spread.high, '.2f')} (95 %); source"
        f" models differ by {of_model:.2f} points (standard deviation).",
        SHOWS if spread.low > 1.0 else CANNOT_TELL,
        {
            "source": found.source,
            "seeds": spread.seeds,
            "targets": spread.targets,
            "std_between_seeds": spread.std,
            "std_of_finetuning": spread.noise,
            "std_of_models": of_model,
            "variance_ratio": spread.ratio,
            "variance_ratio_low": spread.low,
            "variance_ratio_high": spread.high,
        },
        drawing.Rows(
            figure,
            "average score over targets in points, ± 2 standard errors of finetuning",
            float(rows.mean()),
        ),
    )


def _source_score(records: Evidence) -> Finding:
    found = seed_scores(records)
    runs = records.runs
    own = runs[(runs["kind"] == PRETRAINED) & (runs["method"] == FINETUNE)]
    own = own[own["target"] == found.source]
    own = own[own["part"] == found.part] if (own["part"] == found.part).any() else own
    own = usual(own)
    own = own[own["target_size"] == own["target_size"].max()]
    score = own.groupby("seed")["score"].mean().reindex(found.scores.index)
    rows, _ = averages_of(found.scores)
    rows = rows.reindex(score.index)
    # Of averages; the score on the source is taken as it is.
    ratio = spread_of(found.scores).ratio
    if (score.notna() & rows.notna()).sum() < _FEWEST_SEEDS:
        raise IntertrainError(
            f"the scores of {found.source} models on {found.source} itself are not there: make it a"
            " target, under the seeds of its models"
        )
    spearman = correlation(score, rows, "spearman")
    pearson = correlation(score, rows, "pearson")
    points = pd.DataFrame({"x": score, "y": rows}).dropna()
    return Finding(
        f"Over {spearman.n} seeds, {found.source} models score {points['x'].min():.2f} to"
        f" {points['x'].max():.2f} on {found.source} and {points['y'].min():.2f} to"
        f" {points['y'].max():.2f} on average over {found.scores.shape[1]} targets: Spearman"
        f" {coefficient(spearman.value, spearman.low, spearman.high)}, Pearson"
        f" {coefficient(pearson.value, pearson.low, pearson.high)} (95 %).",
        unrelated(spearman.low, spearman.high, max(1.0 - 1.0 / ratio, 0.0) ** 0.5),
        {
            "source": found.source,
            "seeds": spearman.n,
            "targets": found.scores.shape[1],
            "spearman": spearman.value,
            "spearman_low": spearman.low,
            "spearman_high": spearman.high,
            "pearson": pearson.value,
        },
        drawing.Points(
            points,
            f"score on {found.source}, the source (points)",
            "average score over targets (points)",
        ),
    )


SEEDS_DIFFER = Claim(
    name="source-seeds-differ",
    title="Source models that differ in their seed alone differ as base models",
    paper=(
        "Of 20 MNLI models that score 86.5 to 87.5 on MNLI, averages over the General targets vary from"
        " 74.5 to 79 (§6.2, App. I, Fig. 11)."
    ),
    judge=_seeds_differ,
)
SOURCE_SCORE = Claim(
    name="source-score-says-nothing",
    title="A source model's own score does not say how good a base model it is",
    paper="Scores of 20 MNLI models on MNLI and on targets are not correlated (§6.2, App. I, Fig. 11).",
    judge=_source_score,
)
