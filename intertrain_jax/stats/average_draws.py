"""Draws of the models' true average gains, which ranks and their intervals rest on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.stats.averages import AverageGains, How, average_gains
from intertrain_jax.stats.gain_intervals import counts_of
from intertrain_jax.stats.noise import NoiseModel
from intertrain_jax.stats.shrinkage import Floats, cell_distributions, draw_variances
from intertrain_jax.stats.true_values import draw_true_values
from intertrain_jax.stats.variance_posterior import draw_cells, draw_sums, variance_posterior

# How many draws; of what all cells' variances share, and for each of these.
_COMMON, _EACH = 100, 20
DRAWS = _COMMON * _EACH
# Standard deviation of the logarithm of models' σ, over their targets, that is thought of before any is
# seen: of the public RoBERTa and T5 leaderboards it is 0.30 and 0.18.
_MODELS_DIFFER = 0.25
# Points of residuals that are rounding, as of gains which models and targets add up to.
_NO_NOISE = 1e-9


@dataclass(frozen=True)
class AverageDraws:
    """Draws of the models' true average gains.

    Attributes:
        targets: that the averages are over.
        estimate: base model → average gain, as measured; NaN where it cannot be told.
        error: base model → its standard error, without what all models share.
        shared_error: standard error that all share, from the pretrained model's scores: it moves all
            averages together, and no rank.
        between_std: standard deviation of the true averages between models, median of its posterior;
            NaN below three models.
        draws: [S draws, models with an estimate], columns named.
    """

    targets: tuple[str, ...]
    estimate: pd.Series
    error: pd.Series
    shared_error: float
    between_std: float
    draws: pd.DataFrame


def average_draws(
    gains: pd.DataFrame,
    n_base: pd.DataFrame,
    n_pretrained: pd.Series | pd.DataFrame,
    noise: NoiseModel,
    pretrained: str,
    seed: int,
    how: How = "additive",
    sampling: pd.DataFrame | None = None,
) -> AverageDraws:
    """Draws true average gains given the measured ones, for `ranking.rank_table`.

    A model's own error variance, over its n of N targets, is Σ_t (s_mt²/n_base + s_PT,t²·(1/n_cell −
    1/n_PT))/n² from seeds, with the shrunk variances of cells, n_PT the pretrained model's seeds and
    n_cell those that the gain was taken over; what all targets of a seed share (`common_noise`) over its
    mean number of seeds; half of the squared sampling errors (the other half being the pretrained
    model's); and, with targets missing, r²·(1/n − 1/N), as the missing ones would have deviated from
    additivity by r, the residuals of the additive fit beyond noise. The error of the targets' own
    effects is left out: it is of order 1/M beside these, and zero on a complete matrix. The rest of the
    pretrained model's noise, s_PT,t²/n_PT, is the same in all gains of a target, so it is drawn once for
    all models.

    Measured averages lie farther apart than true ones, and the best measured is likely a lucky one: a
    bootstrap around them covers true ranks too seldom. So true averages are taken to come from one
    distribution, with flat priors on its mean and variance, and are drawn from the
    posterior; each draw has its own variances of seeds as well, and its own idea of how cells and
    targets differ in them (`variance_posterior`, `draw_true_values`). Below three models there is no
    such distribution to speak of, and draws are around the measured averages.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        n_base: [M models, N targets] seeds of each model that the gain was taken over.
        n_pretrained: the same of the pretrained model; target → seeds where they are the same for all.
        noise: of the scores.
        pretrained: the pretrained model's name in `noise`.
        seed: of the draws.
        how: "common" or "additive", as for `average_gains`.
        sampling: of `noise.sampling_errors`, to include it; cells without it count with seeds alone.

    Raises:
        IntertrainError: a target of the averages has no noise, or a cell no number of seeds.
    """
    averages = average_gains(gains, how)
    estimate = averages.series()
    rng = np.random.default_rng(seed)
    models, targets = estimate.dropna().index, list(averages.targets)
    cells = gains.loc[models, targets]
    unknown = set(targets) - {target.target for target in noise.targets}
    for target in (target for target in targets if target in unknown):
        raise IntertrainError(
            f"draws: every target needs a noise, but {target!r} is not in the noise model;"
            " add its scores or leave it out of the gains"
        )
    known_MxN = cells.notna().to_numpy()
    seeds_MxN = n_base.reindex(index=models, columns=targets).to_numpy(dtype=float)
    shared_MxN = counts_of(n_pretrained, cells)
    _check_seeds(cells, np.where(known_MxN, seeds_MxN, 1.0), np.where(known_MxN, shared_MxN, 1.0))
    inverse_MxN = known_MxN / np.where(known_MxN, seeds_MxN, 1.0)
    pretrained_MxN = known_MxN / np.where(known_MxN, shared_MxN, 1.0)
    # All gains of a target share the pretrained model's mean over the seeds that any was taken over.
    least_N = np.where(known_MxN, pretrained_MxN, np.inf).min(axis=0, initial=1.0)
    sampled_MxN = np.zeros(cells.shape)
    if sampling is not None:
        sampled_MxN = np.nan_to_num(sampling.reindex(index=models, columns=targets).to_numpy(float))
        sampled_MxN = np.where(known_MxN, np.square(sampled_MxN) / 2.0, 0.0)
    count_M, n = known_MxN.sum(axis=1), len(targets)
    apart_MxN = known_MxN * (pretrained_MxN - least_N)
    squared_Mx1 = np.square(count_M)[:, None]
    own_MxN = noise.of_cells(models, targets).variance
    own_N = noise.of_cells([pretrained], targets).variance[0]
    noise_MxN = own_MxN * inverse_MxN + own_N * apart_MxN + sampled_MxN
    # NaN, where residuals have no degrees of freedom, counts as none.
    excess = averages.residual_std**2 - noise_MxN.sum() / max(known_MxN.sum(), 1)
    fixed_M = sampled_MxN.sum(axis=1) / count_M**2
    fixed_M += max(0.0, excess) * (1.0 / count_M - 1.0 / max(n, 1))
    fixed = sampled_MxN.sum() / max(known_MxN.sum(), 1) / max(n, 1)
    # Of what all targets of a seed share, how much is in an average.
    common_M, common = inverse_MxN.sum(axis=1) / count_M, least_N.sum() / max(n, 1)
    common_H = noise.common.draw(_COMMON, rng)

    hyper = noise.hyper(targets, _COMMON, rng)
    own_HxRxM = draw_sums(hyper, inverse_MxN / squared_Mx1, *noise.own(models, targets), _EACH, rng)
    variance_1xN, df_1xN = noise.own([pretrained], targets)
    repeated = np.repeat(hyper[0], _EACH, axis=0), np.repeat(hyper[1], _EACH, axis=0)
    own_SxN = draw_cells(repeated, variance_1xN[0], df_1xN[0], rng)
    own_HxRxM += (own_SxN @ (apart_MxN / squared_Mx1).T).reshape(own_HxRxM.shape) + fixed_M
    own_HxRxM += common_H[:, None, None] * common_M
    expected = noise.common.std**2
    variance_M = ((noise_MxN - sampled_MxN) / squared_Mx1).sum(axis=1)
    variance_M += fixed_M + expected * common_M
    true_SxM, between = draw_true_values(estimate[models].to_numpy(dtype=float), own_HxRxM, rng)
    shared_S = own_SxN @ (least_N / max(n, 1) ** 2) + fixed
    shared_S += np.repeat(common_H, _EACH) * common
    together_S = np.sqrt(shared_S) * rng.normal(size=DRAWS)
    return AverageDraws(
        targets=averages.targets,
        estimate=estimate,
        error=pd.Series(np.sqrt(variance_M), index=models).reindex(estimate.index),
        shared_error=float(np.sqrt(own_N @ least_N / max(n, 1) ** 2 + fixed + expected * common)),
        between_std=between,
        draws=pd.DataFrame(true_SxM + together_S[:, None], columns=models),
    )


def draws_over_targets(gains: pd.DataFrame, averages: AverageGains, seed: int) -> pd.DataFrame:
    """Draws true average gains where nothing is known of seeds, [S draws, models with an average].

    A model's true average is that over many targets like these; its gains are off by what it has with
    each of them for itself, noise included: the residuals r of the additive fit. Targets differ in how
    far gains on them are off, with variances v_t, and models by a factor, the mean of r²/v_t. Each
    model's own is shrunk towards the models' common one, by as much as is likely (`cell_distributions`);
    with heavy tails, of a kurtosis κ, its residuals are worth 2/(κ − 1) of as many normal ones. The
    common one has the degrees of freedom of Σ v_t, by Satterthwaite, with the sum of v_t² corrected
    for v_t being estimated. True averages are drawn from their posterior as in `average_draws`: the best
    measured one is drawn back to the others by as much as it was likely lucky.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        averages: of `average_gains` on them.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    models = [model for model in averages.models if np.isfinite(model.gain)]
    names = [model.base for model in models]
    estimate_M = np.array([model.gain for model in models])
    residual_MxN = gains.loc[names, list(averages.targets)].to_numpy(dtype=float)
    known_MxN = np.isfinite(residual_MxN)
    residual_MxN = np.where(known_MxN, residual_MxN - estimate_M[:, None], 0.0)
    residual_MxN -= known_MxN * (residual_MxN.sum(axis=0) / np.maximum(known_MxN.sum(axis=0), 1))
    m, n = residual_MxN.shape
    if not m or not averages.residual_std > _NO_NOISE:  # unknown, or none but of rounding
        return pd.DataFrame(np.tile(estimate_M, (DRAWS, 1)), columns=names)
    # Residuals of one target have about this many degrees of freedom for each of its cells.
    total = averages.residual_std**2
    df_N = np.maximum(known_MxN.sum(axis=0) - 1.0, 1.0)
    target_N = np.square(residual_MxN).sum(axis=0) / df_N
    relative_MxN = np.square(residual_MxN) / np.where(target_N > 0, target_N, np.inf)
    fourth = float(np.square(relative_MxN).sum() * known_MxN.sum())
    kurtosis = fourth / max(float(relative_MxN.sum()) ** 2, 1e-300)
    cells_M = np.maximum(known_MxN.sum(axis=1) - 1.0, 0.0)
    worth_M = min(1.0, 2.0 / max(kurtosis - 1.0, 1e-3)) * cells_M * (m - 1) / m
    own_M = relative_MxN.sum(axis=1) / np.maximum(cells_M, 1.0)
    # As pooled over all models, residuals have `total`.
    own_M *= total / max(float(worth_M @ own_M / max(worth_M.sum(), 1e-300)), 1e-300)
    spread_M = np.square([model.error for model in models]) / max(total, 1e-300)
    posterior = variance_posterior(cell_distributions(own_M[None], worth_M[None]), _MODELS_DIFFER)
    hyper = (np.repeat(values, _EACH, axis=0) for values in posterior.draw(_COMMON, rng))
    prior_df, scale = hyper
    own_SxM = draw_cells((prior_df, scale), own_M, worth_M, rng) * spread_M
    # The sum of v_t is known by fewer degrees of freedom than models' variances relative to it.
    effective = target_N.sum() ** 2 / max(
        float(np.square(target_N) @ (df_N / (df_N + 2.0))), 1e-300
    )
    inverse = 1.0 / (df_N.mean() * min(effective, n)) - 1.0 / max(worth_M.sum(), 1e-300)
    if inverse > 0:
        own_SxM *= np.repeat(
            draw_variances(np.ones((_COMMON, 1)), np.full((_COMMON, 1), 1.0 / inverse), rng),
            _EACH,
            axis=0,
        )
    true_SxM, _ = draw_true_values(estimate_M, own_SxM.reshape(_COMMON, _EACH, m), rng)
    return pd.DataFrame(true_SxM, columns=names)


def _check_seeds(cells: pd.DataFrame, seeds_MxN: Floats, shared_MxN: Floats) -> None:
    """Raises IntertrainError if a gain has no number of seeds."""
    for i, j in np.argwhere(~(seeds_MxN >= 1)):
        raise IntertrainError(
            f"draws: every gain needs a number of seeds, but {cells.index[i]!r} on"
            f" {cells.columns[j]!r} has {seeds_MxN[i, j]:g}"
        )
    for i, j in np.argwhere(~(shared_MxN >= 1)):
        raise IntertrainError(
            f"draws: every gain needs a number of seeds of the pretrained model, but"
            f" {cells.index[i]!r} on {cells.columns[j]!r} has {shared_MxN[i, j]:g}"
        )
