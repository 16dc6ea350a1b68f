"""The noise of scores: how much seeds and test sets move them, and what that does to gains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.base import IntertrainError
from intertrain_jax.stats.averages import How, average_gains
from intertrain_jax.stats.correlation import CONFIDENCE
from intertrain_jax.stats.shrinkage import (
    Floats,
    Ints,
    common_distribution,
    draw_true_values,
    draw_variances,
    within,
)


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
        targets: that the averages are over.
        estimate: base model → average gain, as measured; NaN where it cannot be told.
        error: base model → its standard error, without what all models share.
        shared_error: standard error that all share, from the pretrained model's scores: it moves all
            averages together, and no rank.
        between_std: standard deviation of the true averages between models, mean of its posterior;
            NaN below three models.
        draws: [S draws, models with an estimate], columns named.
    """

    targets: tuple[str, ...]
    estimate: pd.Series
    error: pd.Series
    shared_error: float
    between_std: float
    draws: pd.DataFrame


def fit_noise(scores: pd.DataFrame) -> NoiseModel:
    """Estimates how much scores vary over seeds.

    A target's variance is pooled over base models, with d = Σ (n_m − 1) degrees of freedom, and is
    taken to be the same for all of them. The shrunk variance is (d₀ s₀² + d s²)/(d₀ + d), where s₀² and
    d₀ are scale and weight of the targets' common distribution (see `common_distribution`).

    Args:
        scores: long form, columns base, target, seed, score (percent); rows without score do not
            count. The pretrained model is a base model as any other here.

    Raises:
        IntertrainError: no base model has two seeds on any target, or two rows are of one run.
    """
    table = scores.dropna(subset=["score"])
    twice = table.duplicated(["base", "target", "seed"])
    if twice.any():
        run = ", ".join(str(x) for x in table.loc[twice, ["base", "target", "seed"]].iloc[0])
        raise IntertrainError(
            f"noise: a base model has one score per target and seed, but ({run}) is there twice"
        )
    values_n = table["score"].to_numpy(dtype=float)
    target_n, names = pd.factorize(table["target"])
    base_n, bases = pd.factorize(table["base"])
    seed_n, seeds = pd.factorize(table["seed"])
    # A cell's number tells its target; cells without scores add nothing.
    count_C, squares_C = within(values_n, target_n * len(bases) + base_n)
    if not (count_C > 1).any():
        raise IntertrainError(
            "noise: no base model has two seeds on any target; give scores of several seeds"
        )
    target_C = np.arange(len(count_C)) // len(bases)
    n_N = np.bincount(target_C, weights=count_C * (count_C > 1), minlength=len(names))
    df_N = np.bincount(target_C, weights=np.maximum(count_C - 1.0, 0.0), minlength=len(names))
    squares_N = np.bincount(target_C, weights=squares_C, minlength=len(names))
    variance_N = np.where(df_N > 0, squares_N, np.nan) / np.where(df_N > 0, df_N, 1.0)
    prior, prior_df = common_distribution(variance_N, df_N.astype(float))
    if np.isinf(prior_df):
        shrunk_N = np.full(len(names), prior)
    else:
        total_N = prior_df + df_N
        shrunk_N = (prior_df * prior + squares_N) / np.where(total_N > 0, total_N, 1.0)
        shrunk_N = np.where(total_N > 0, shrunk_N, prior)
    average, average_df = _average_variance(
        values_n, base_n * len(seeds) + seed_n, len(seeds), len(names)
    )
    known_N = np.where(df_N > 0, variance_N, shrunk_N)
    independent = float(known_N.sum()) / len(names) ** 2
    tail = 0.5 - CONFIDENCE / 2.0
    low, high = (
        (average_df * average / float(stats.chi2.ppf(q, average_df)) if average_df else np.nan)
        for q in (1.0 - tail, tail)
    )
    return NoiseModel(
        targets=tuple(
            TargetNoise(
                target=name,
                n=int(n_N[i]),
                df=int(df_N[i]),
                raw=float(np.sqrt(variance_N[i])),
                std=float(np.sqrt(shrunk_N[i])),
                std_df=float(prior_df + df_N[i]),
            )
            for i, name in enumerate(names)
        ),
        prior_std=float(np.sqrt(prior)),
        prior_df=float(prior_df),
        average_std=float(np.sqrt(average)),
        average_df=average_df,
        average_low=float(np.sqrt(low)),
        average_high=float(np.sqrt(high)),
        independent_std=float(np.sqrt(independent)),
        common_std=float(np.sqrt(max(average - independent, 0.0))) if average_df else 0.0,
    )


def _average_variance(values_n: Floats, run_n: Ints, seeds: int, targets: int) -> tuple[float, int]:
    """Returns the variance over seeds of the average over all targets, and its degrees of freedom.

    Args:
        values_n: scores.
        run_n: base model · `seeds` + seed of each, in numbers.
        seeds, targets: how many there are.
    """
    count_R = np.bincount(run_n)
    whole_R = np.flatnonzero(count_R == targets)
    averages = np.bincount(run_n, weights=values_n)[whole_R] / targets
    count_B, squares_B = within(averages, whole_R // seeds)
    df = int(np.maximum(count_B - 1, 0).sum())
    return (float(squares_B.sum() / df) if df else float("nan")), df


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
    n = pd.Series({target: n_test.get(target, np.nan) for target in scores.columns}, dtype=float)
    own = scores / 100.0 * (1.0 - scores / 100.0)
    shared = (pretrained / 100.0 * (1.0 - pretrained / 100.0)).reindex(scores.columns)
    return (own + shared).div(n).pow(0.5) * 100.0


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
    std_N, df_N = _noise_of(gains.columns, noise)
    gain_MxN = gains.to_numpy(dtype=float)
    seeds_MxN = n_base.reindex_like(gains).to_numpy(dtype=float)
    seeds_N = n_pretrained.reindex(gains.columns).to_numpy(dtype=float)
    missing_MxN = np.isnan(gain_MxN) | ~(seeds_MxN > 0) | ~(seeds_N > 0)
    with np.errstate(divide="ignore"):
        inverse_MxN = np.where(missing_MxN, np.nan, 1.0 / seeds_MxN + 1.0 / seeds_N)
    variance_MxN = inverse_MxN * np.square(std_N)
    sampled_MxN = np.full(gains.shape, np.nan)
    if sampling is not None:
        sampled_MxN = sampling.reindex_like(gains).to_numpy(dtype=float)
        sampled_MxN = np.where(missing_MxN, np.nan, sampled_MxN)
    total_MxN = variance_MxN + np.square(np.nan_to_num(sampled_MxN))
    # Satterthwaite: the test set's part is known, so it has no degrees of freedom to count.
    share_MxN = np.where(total_MxN > 0, variance_MxN, 1.0) / np.where(total_MxN > 0, total_MxN, 1.0)
    df_MxN = np.where(df_N > 0, df_N, np.nan) / np.where(share_MxN > 0, share_MxN, np.nan) ** 2
    df_MxN = np.where(share_MxN == 0, np.inf, df_MxN)
    error_MxN = np.sqrt(total_MxN)
    half_MxN = stats.t.ppf(0.5 + CONFIDENCE / 2.0, df_MxN) * error_MxN
    # Without any variance, a gain is known exactly.
    ratio_MxN = np.abs(gain_MxN) / np.where(error_MxN == 0, 1.0, error_MxN)
    ratio_MxN = np.where((error_MxN == 0) & (gain_MxN != 0), np.inf, ratio_MxN)
    return GainIntervals(
        *(
            pd.DataFrame(values, gains.index, gains.columns)
            for values in (
                np.sqrt(variance_MxN),
                sampled_MxN,
                gain_MxN - half_MxN,
                gain_MxN + half_MxN,
                2.0 * stats.t.sf(ratio_MxN, df_MxN),
            )
        )
    )


def average_draws(
    gains: pd.DataFrame,
    n_base: pd.DataFrame,
    n_pretrained: pd.Series,
    noise: NoiseModel,
    seed: int,
    how: How = "additive",
    draws: int = 2000,
    sampling: pd.DataFrame | None = None,
) -> AverageDraws:
    """Draws true average gains given the measured ones, for `ranking.rank_table`.

    A model's own error variance, over its n of N targets, is
    Σ_t std_t²/(n² n_base) from seeds, `common_std²` over its mean number of seeds, half of the squared
    sampling errors (the other half being the pretrained model's), and, with targets missing,
    r²·(1/n − 1/N), as the missing ones would have deviated from additivity by r, the residuals of the
    additive fit beyond noise. The error of the targets' own effects is left out: it is of order 1/M
    beside these, and zero on a complete matrix. The pretrained model's noise is the same in all
    gains of a target, so it is drawn once for all models.

    Measured averages lie farther apart than true ones, and the best measured is likely a lucky one: a
    bootstrap around them covers true ranks too seldom. So true averages are taken to come from one
    normal distribution, with flat priors on its mean and standard deviation, and are drawn from the
    posterior; each draw has its own seed variances as well, from their posterior (scaled inverse χ²
    with `std_df` degrees of freedom). Below three models there is no such distribution to speak of, and
    draws are around the measured averages.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        n_base: [M models, N targets] seeds of each cell.
        n_pretrained: target → seeds of the pretrained model.
        noise: of the scores.
        seed: of the draws.
        how: "common" or "additive", as for `average_gains`.
        draws: S.
        sampling: of `noise.sampling_errors`, to include it; cells without it count with seeds alone.

    Raises:
        IntertrainError: a target of the averages has no noise, or a cell no number of seeds.
    """
    averages = average_gains(gains, how)
    estimate = averages.series()
    rng = np.random.default_rng(seed)
    models, targets = estimate.dropna().index, list(averages.targets)
    cells = gains.loc[models, targets]
    std_N, df_N = _noise_of(targets, noise)
    for target, std in zip(targets, std_N, strict=True):
        if np.isnan(std):
            raise IntertrainError(
                f"draws: every target needs a noise, but {target!r} is not in the noise model;"
                " add its scores or leave it out of the gains"
            )
    known_MxN = cells.notna().to_numpy()
    seeds_MxN = n_base.reindex(index=models, columns=targets).to_numpy(dtype=float)
    seeds_N = n_pretrained.reindex(targets).to_numpy(dtype=float)
    _check_seeds(cells, np.where(known_MxN, seeds_MxN, 1.0), seeds_N)
    inverse_MxN = known_MxN / np.where(known_MxN, seeds_MxN, 1.0)
    sampled_MxN = np.zeros(cells.shape)
    if sampling is not None:
        sampled_MxN = np.nan_to_num(sampling.reindex(index=models, columns=targets).to_numpy(float))
        sampled_MxN = np.where(known_MxN, np.square(sampled_MxN) / 2.0, 0.0)
    # What seeds add is weights @ variances; `fixed` is the rest, in models' own and shared parts.
    count_M, n = known_MxN.sum(axis=1), len(targets)
    weights_MxN, weights_N = inverse_MxN / count_M[:, None] ** 2, 1.0 / seeds_N / max(n, 1) ** 2
    common = noise.common_std**2
    noise_MxN = std_N**2 * inverse_MxN + sampled_MxN
    # NaN, where residuals have no degrees of freedom, counts as none.
    excess = averages.residual_std**2 - noise_MxN.sum() / max(known_MxN.sum(), 1)
    fixed_M = sampled_MxN.sum(axis=1) / count_M**2 + common * inverse_MxN.sum(axis=1) / count_M
    fixed_M += max(0.0, excess) * (1.0 / count_M - 1.0 / max(n, 1))
    fixed = (sampled_MxN.sum() / max(known_MxN.sum(), 1) + common * (1.0 / seeds_N).sum()) / max(
        n, 1
    )
    variance_M = weights_MxN @ std_N**2 + fixed_M

    variance_SxN = draw_variances(std_N, df_N, draws, rng)
    own_SxM = variance_SxN @ weights_MxN.T + fixed_M
    estimate_M = estimate[models].to_numpy(dtype=float)
    true_SxM, between = draw_true_values(estimate_M, variance_M, own_SxM, rng)
    together_S = np.sqrt(variance_SxN @ weights_N + fixed) * rng.normal(size=draws)
    return AverageDraws(
        targets=averages.targets,
        estimate=estimate,
        error=pd.Series(np.sqrt(variance_M), index=models).reindex(estimate.index),
        shared_error=float(np.sqrt(weights_N @ std_N**2 + fixed)),
        between_std=between,
        draws=pd.DataFrame(true_SxM + together_S[:, None], columns=models),
    )


def _noise_of(targets: Iterable[str], noise: NoiseModel) -> tuple[Floats, Floats]:
    """Returns standard deviations [N] and their degrees of freedom [N]; NaN where unknown."""
    known = {target.target: (target.std, target.std_df) for target in noise.targets}
    found = np.array([known.get(target, (np.nan, np.nan)) for target in targets], dtype=float)
    return found.reshape(-1, 2)[:, 0], found.reshape(-1, 2)[:, 1]


def _check_seeds(cells: pd.DataFrame, seeds_MxN: Floats, seeds_N: Floats) -> None:
    """Raises IntertrainError if a gain has no number of seeds."""
    for i, j in np.argwhere(~(seeds_MxN >= 1)):
        raise IntertrainError(
            f"draws: every gain needs a number of seeds, but {cells.index[i]!r} on"
            f" {cells.columns[j]!r} has {seeds_MxN[i, j]:g}"
        )
    for (j,) in np.argwhere(~(seeds_N >= 1)):
        raise IntertrainError(
            f"draws: every target needs a number of seeds of the pretrained model, but"
            f" {cells.columns[j]!r} has {seeds_N[j]:g}"
        )
