"""The noise of scores: how much seeds move them, per target and per cell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.base import IntertrainError
from intertrain_jax.stats.common_noise import CommonNoise, common_noise
from intertrain_jax.stats.correlation import TAIL
from intertrain_jax.stats.shrinkage import (
    CellDistributions,
    CellNoise,
    Floats,
    Ints,
    cell_distributions,
    cell_variances,
    common_distribution,
    within,
)
from intertrain_jax.stats.variance_posterior import shrunk, variance_posterior


@dataclass(frozen=True)
class TargetNoise:
    """How much the score of one base model on a target varies over seeds.

    Attributes:
        target: its name.
        n: scores that tell of it: those of base models with at least two seeds.
        df: degrees of freedom, n less the number of those base models.
        raw: standard deviation in points, pooled over base models; NaN without degrees of freedom.
        std: that of a cell of the target, shrunk towards the other targets'; below `raw` where a few
            cells are much less stable than the others.
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
        common: what all targets of a seed share, by which average_std is above independent_std.
        cell_df: degrees of freedom that a target's variance is worth for a cell of it, one base model on
            it: the fewer, the more cells of a target differ in how stable they are; infinite where they
            do not.
        cell_variance: [base models, targets] variances of cells over their own seeds, in points squared,
            not shrunk (`of_cells` does that); zero below two seeds.
        cell_n: scores of each cell, the same shape.
        cells: distributions that cells' variances may come from.
    """

    targets: tuple[TargetNoise, ...]
    prior_std: float
    prior_df: float
    average_std: float
    average_df: int
    average_low: float
    average_high: float
    independent_std: float
    common: CommonNoise
    cell_df: float
    cell_variance: pd.DataFrame
    cell_n: pd.DataFrame
    cells: CellDistributions

    def of_cells(self, bases: Iterable[str], targets: Iterable[str]) -> CellNoise:
        """Returns the noise of cells, [M, N]; NaN for targets that the model does not know.

        A base model without scores has what its targets' cells have in common.
        """
        rows, columns = list(bases), list(targets)
        known = {target.target: (target.std, target.std_df) for target in self.targets}
        found = np.array([known.get(t, (np.nan, np.nan)) for t in columns], dtype=float)
        std_N, target_df_N = found.reshape(-1, 2)[:, 0], found.reshape(-1, 2)[:, 1]
        own = self.own(rows, columns)
        return cell_variances(*own, np.square(std_N), target_df_N, self.cell_df)

    def hyper(
        self, targets: Iterable[str], draws: int, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Draws d₀ [H, 1] and the scales of targets [H, N], for the draws below.

        Raises:
            KeyError: a target is not of the model.
        """
        prior_df, scale = variance_posterior(self.cells).draw(draws, rng)
        at = {target.target: i for i, target in enumerate(self.targets)}
        return prior_df, scale[:, [at[target] for target in targets]]

    def own(self, bases: Iterable[str], targets: Iterable[str]) -> tuple[Floats, Floats]:
        """Returns variances of cells over their own seeds and their degrees of freedom, [M, N]."""
        rows, columns = list(bases), list(targets)
        variance_MxN = self.cell_variance.reindex(index=rows, columns=columns).to_numpy(dtype=float)
        df_MxN = self.cell_n.reindex(index=rows, columns=columns).to_numpy(dtype=float) - 1.0
        df_MxN = np.maximum(np.nan_to_num(df_MxN), 0.0)
        return np.nan_to_num(variance_MxN), df_MxN


def fit_noise(scores: pd.DataFrame) -> NoiseModel:
    """Estimates how much scores vary over seeds.

    Variances are nested: those of cells about their target's (see `cell_distributions`), which is the
    pooled one where cells do not differ, and those of targets about a common one: a target's shrunk
    variance is (d₀ s₀² + d s²)/(d₀ + d), where s₀² and d₀ are scale and weight of the targets' common
    distribution (see `common_distribution`). Collapsed runs are to be left out before
    (see `collapse.collapsed_runs`).

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
    count_C, squares_C = within(values_n, target_n * len(bases) + base_n, len(names) * len(bases))
    if not (count_C > 1).any():
        raise IntertrainError(
            "noise: no base model has two seeds on any target; give scores of several seeds"
        )
    count_NxB = count_C.reshape(len(names), -1)
    df_NxB = np.maximum(count_NxB - 1.0, 0.0)
    own_NxB = squares_C.reshape(len(names), -1) / np.maximum(df_NxB, 1.0)
    n_N, df_N = (count_NxB * (count_NxB > 1)).sum(axis=1), df_NxB.sum(axis=1)
    variance_N = np.where(df_N > 0, (own_NxB * df_NxB).sum(axis=1), np.nan) / np.maximum(df_N, 1.0)
    distributions = cell_distributions(own_NxB, df_NxB)
    scale_N, scale_df_N, cell_df = distributions.most_likely()
    prior, prior_df = common_distribution(scale_N, scale_df_N)
    shrunk_N = shrunk(scale_N, scale_df_N, prior, prior_df)
    average, average_df = _average_variance(
        values_n, base_n * len(seeds) + seed_n, len(seeds), len(names)
    )
    std_df_N = prior_df + scale_df_N
    known_N = np.where(df_N > 0, variance_N, shrunk_N)
    independent = float(known_N.sum()) / len(names) ** 2
    low, high = (
        (average_df * average / float(stats.chi2.ppf(q, average_df)) if average_df else np.nan)
        for q in (1.0 - TAIL, TAIL)
    )
    return NoiseModel(
        targets=tuple(
            TargetNoise(
                target=name,
                n=int(n_N[i]),
                df=int(df_N[i]),
                raw=float(np.sqrt(variance_N[i])),
                std=float(np.sqrt(shrunk_N[i])),
                std_df=float(std_df_N[i]),
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
        common=common_noise(average, average_df, independent),
        cell_df=cell_df,
        cell_variance=pd.DataFrame(own_NxB.T, bases, names),
        cell_n=pd.DataFrame(count_NxB.T, bases, names),
        cells=distributions,
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
