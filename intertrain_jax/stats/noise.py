"""The noise of scores: how much seeds and test sets move them, and what that does to gains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class TargetNoise:
    """How much the score of one base model on a target varies over seeds.

    Attributes:
        target: its name.
        n: scores that tell of it: those of base models with at least two seeds.
        df: degrees of freedom, n less the number of those base models.
        raw: standard deviation in points, pooled over base models; NaN without degrees of freedom.
        std: the same, shrunk towards the other targets'.
        std_df: degrees of freedom of `std`, those of the common distribution included.
    """

    target: str
    n: int
    df: int
    raw: float
    std: float
    std_df: float


@dataclass(frozen=True)
class NoiseModel:
    """Variances of scores over seeds.

    Attributes:
        targets: in the order of their first appearance.
        prior_std: scale of the targets' common distribution, in points.
        prior_df: how many degrees of freedom it is worth; infinite where targets do not differ.
        average_std: standard deviation over seeds of a base model's average over targets, pooled over
            base models, in points; NaN where no base model has two seeds with all targets.
        average_df: its degrees of freedom.
        average_low, average_high: its interval at `CONFIDENCE`, by χ².
        independent_std: what it would be if targets varied independently: √(Σ raw²)/N.
        common_std: what all targets of a seed share: √(average_std² − independent_std²), or zero.
    """

    targets: tuple[TargetNoise, ...]
    prior_std: float
    prior_df: float
    average_std: float
    average_df: int
    average_low: float
    average_high: float
    independent_std: float
    common_std: float


@dataclass(frozen=True)
class GainIntervals:
    """Gains with their uncertainty; all matrices are [M models, N targets] in points.

    Attributes:
        seed_error: standard error from seeds.
        sampling_error: standard error from the test set's examples; NaN where it was not given.
        low, high: interval at `CONFIDENCE` from both; from seeds alone where the other is NaN.
        p: two-sided, of no gain.
    """

    seed_error: pd.DataFrame
    sampling_error: pd.DataFrame
    low: pd.DataFrame
    high: pd.DataFrame
    p: pd.DataFrame


@dataclass(frozen=True)
class AverageDraws:
    """Draws of the models' true average gains.

    Attributes:
        estimate: base model → average gain, as measured.
        error: base model → its standard error, without what all models share.
        shared_error: standard error that all share, from the pretrained model's scores: it moves all
            averages together, and no rank.
        between_std: estimated standard deviation of the true averages between models.
        draws: [S draws, M models with an estimate], columns named.
    """

    estimate: pd.Series
    error: pd.Series
    shared_error: float
    between_std: float
    draws: pd.DataFrame


def fit_noise(scores: pd.DataFrame) -> NoiseModel:
    """Estimates how much scores vary over seeds.

    A target's variance is pooled over base models, with d = Σ (n_m − 1) degrees of freedom, and is
    taken to be the same for all of them. Targets' true variances are taken to come from one scaled
    inverse χ² distribution, whose scale s₀² and degrees of freedom d₀ are estimated from the mean and
    variance of log s² by matching moments (Smyth 2004): with e = log s² − ψ(d/2) + log(d/2),
    ψ'(d₀/2) = var(e) − mean ψ'(d/2) and log s₀² = mean(e) + ψ(d₀/2) − log(d₀/2). The shrunk variance
    is (d₀ s₀² + d s²)/(d₀ + d). Targets whose scores never differ have no logarithm, and do not
    enter the estimate of d₀ and s₀, but are shrunk.

    Args:
        scores: long form, columns base, target, seed, score (percent); rows without score do not
            count. The pretrained model is a base model as any other here.

    Raises:
        IntertrainError: no base model has two seeds on any target, or two rows are of one run.
    """
    raise NotImplementedError


def sampling_errors(
    scores: pd.DataFrame, pretrained: pd.Series, n_test: Mapping[str, int]
) -> pd.DataFrame:
    """Returns the standard error of gains from the sampling of test examples, in points.

    A spread over seeds on one test set says nothing of it: all seeds are scored on the same examples.
    The error answers another question, of targets' unseen examples instead of this test set, so the
    two are kept apart until they are added. An accuracy of n examples has the variance p(1 − p)/n,
    and a gain the sum of two. That is an upper bound: examples that are easy or hard for all models
    move both scores together, by how much cannot be told without predictions.

    Args:
        scores: [M models, N targets] mean scores in percent, of accuracies.
        pretrained: target → mean score of the pretrained model.
        n_test: target → test examples; targets without a number get NaN.
    """
    raise NotImplementedError


def gain_intervals(
    gains: pd.DataFrame,
    n_base: pd.DataFrame,
    n_pretrained: pd.Series,
    noise: NoiseModel,
    sampling: pd.DataFrame | None = None,
) -> GainIntervals:
    """Returns intervals of gains from the noise model.

    The seeds' variance of a gain is `std_t²·(1/n_base + 1/n_pretrained)`. The interval is Student's
    with `std_df` degrees of freedom (Satterthwaite's where sampling is added).

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        n_base: [M models, N targets] seeds of each cell.
        n_pretrained: target → seeds of the pretrained model.
        noise: targets that it does not know get NaN.
        sampling: of `sampling_errors`, to include it.
    """
    raise NotImplementedError


def average_draws(
    gains: pd.DataFrame,
    n_base: pd.DataFrame,
    n_pretrained: pd.Series,
    noise: NoiseModel,
    seed: int,
    how: str = "additive",
    draws: int = 2000,
    sampling: pd.DataFrame | None = None,
) -> AverageDraws:
    """Draws true average gains given the measured ones, for `ranking.rank_table`.

    Raises:
        IntertrainError: a target of the averages is not in the noise model.
    """
    raise NotImplementedError
