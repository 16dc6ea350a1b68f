"""Intervals of gains from the noise of scores: from seeds, and for unseen examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.stats.correlation import CONFIDENCE
from intertrain_jax.stats.noise import NoiseModel
from intertrain_jax.stats.shrinkage import Floats


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
    n_pretrained: pd.Series | pd.DataFrame,
    noise: NoiseModel,
    pretrained: str,
    sampling: pd.DataFrame | None = None,
) -> GainIntervals:
    """Returns intervals of gains from the noise model.

    The seeds' variance of a gain is `s_base²/n_base + s_pretrained²/n_pretrained`, with the shrunk
    variances of the two cells. The interval is Student's, and one over its degrees of freedom is the
    mean of the two cells', weighted by their variances (Cochran and Cox 1950). Satterthwaite's would be
    more: a cell that looks stable may be one of the unstable ones, which the other cell does not make
    good. Where seeds pair, the n are the pairs that the mean was taken over; that scores of one seed
    may move together is not counted on, so that the error is an upper bound there.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        n_base: [M models, N targets] seeds of each model that the gain was taken over.
        n_pretrained: the same of the pretrained model; target → seeds where they are the same for all.
        noise: targets that it does not know get NaN.
        pretrained: the pretrained model's name in `noise`.
        sampling: of `sampling_errors`, to include it.
    """
    gain_MxN = gains.to_numpy(dtype=float)
    seeds_MxN = n_base.reindex_like(gains).to_numpy(dtype=float)
    own_MxN = counts_of(n_pretrained, gains)
    missing_MxN = np.isnan(gain_MxN) | ~(seeds_MxN > 0) | ~(own_MxN > 0)
    # What both cells have of their target is one estimate.
    variance_MxN, of_target_MxN, inverse_MxN = (np.zeros(gains.shape) for _ in range(3))
    for bases, count_MxN in ((gains.index, seeds_MxN), ([pretrained], own_MxN)):
        cells = noise.of_cells(bases, gains.columns)
        part_MxN = cells.variance / np.where(missing_MxN, np.nan, count_MxN)
        variance_MxN += part_MxN
        of_target_MxN += part_MxN * cells.share
        inverse_MxN += _divided(part_MxN, cells.own_df)
    spread_MxN = inverse_MxN * variance_MxN + _divided(np.square(of_target_MxN), cells.target_df)
    sampled_MxN = np.full(gains.shape, np.nan)
    if sampling is not None:
        sampled_MxN = sampling.reindex_like(gains).to_numpy(dtype=float)
        sampled_MxN = np.where(missing_MxN, np.nan, sampled_MxN)
    total_MxN = variance_MxN + np.square(np.nan_to_num(sampled_MxN))
    # The test set's part is known, so it has no spread.
    exact_MxN = spread_MxN == 0
    df_MxN = np.square(total_MxN) / np.where(exact_MxN, 1.0, spread_MxN)
    df_MxN = np.where(exact_MxN, np.inf, df_MxN)
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


def _divided(of: Floats, df: Floats) -> Floats:
    """Returns numbers over degrees of freedom; NaN without any, zero where the numbers are zero."""
    found: Floats = np.where(of == 0, 0.0, of / np.where(df > 0, df, np.nan))
    return found


def counts_of(n_pretrained: pd.Series | pd.DataFrame, gains: pd.DataFrame) -> Floats:
    """Returns seeds of the pretrained model for every gain, [M, N]."""
    if isinstance(n_pretrained, pd.DataFrame):
        return n_pretrained.reindex_like(gains).to_numpy(dtype=float)
    count_N = n_pretrained.reindex(gains.columns).to_numpy(dtype=float)
    return np.broadcast_to(count_N, gains.shape)
