"""Is a target's sensitivity its own: one model's gains against max-gain, one PT's against another's."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.stats.averages import average_gains
from intertrain_jax.stats.clusters import Clusters
from intertrain_jax.stats.correlation import Correlation, correlation


@dataclass(frozen=True)
class Sensitivity:
    """Gains of one representative model beside the max-gain, over targets (§4.1 of the paper).

    Attributes:
        representative: the model.
        pearson, spearman: with the max-gain over all models, as the paper has it. Where the
            representative is itself the best, it is compared with itself.
        pearson_others, spearman_others: with the max-gain over all other models.
    """

    representative: str
    pearson: Correlation
    spearman: Correlation
    pearson_others: Correlation
    spearman_others: Correlation


@dataclass(frozen=True)
class Architectures:
    """What two architectures agree about (§6.3 of the paper): Pearson's and Spearman's correlations.

    Attributes:
        max_gain_pearson, max_gain_spearman: of the targets' max-gains, over common targets.
        target_pearson, target_spearman: of the targets' average gains, over common targets.
        base_pearson, base_spearman: of the base models' average gains, over common base models.
    """

    max_gain_pearson: Correlation
    max_gain_spearman: Correlation
    target_pearson: Correlation
    target_spearman: Correlation
    base_pearson: Correlation
    base_spearman: Correlation


def sensitivity(gains: pd.DataFrame, representative: str) -> Sensitivity:
    """Returns the correlation of a model's gains with the targets' max-gains.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        representative: a row, MNLI in the paper.

    Raises:
        IntertrainError: there is no such row.
    """
    if representative not in gains.index:
        raise IntertrainError(
            f"sensitivity: there is no base model {representative!r} in the gains"
            f"{nearest(representative, gains.index)}"
        )
    row, others = gains.loc[representative], gains.drop(index=representative)
    return Sensitivity(
        representative,
        correlation(row, gains.max(), "pearson"),
        correlation(row, gains.max(), "spearman"),
        correlation(row, others.max(), "pearson"),
        correlation(row, others.max(), "spearman"),
    )


def compare_architectures(
    first: pd.DataFrame, second: pd.DataFrame, clusters: Clusters | None = None
) -> Architectures:
    """Returns the correlations between two gain matrices, joined by name.

    Averages are those of the additive fit (see `average_gains`) over the common base models and the
    common targets; max-gains are over all models of their matrix.

    Args:
        first, second: [M models, N targets] in points, NaN where missing.
        clusters: of base models, resampled together; None if each is on its own.
    """
    targets = first.columns.intersection(second.columns, sort=False)
    bases = first.index.intersection(second.index, sort=False)
    best, other_best = first[targets].max(), second[targets].max()
    column, other_column = (_averages(gains.loc[bases, targets].T) for gains in (first, second))
    row, other_row = (_averages(gains.loc[bases, targets]) for gains in (first, second))
    own = None if clusters is None else clusters.numbers(list(row.index))
    return Architectures(
        correlation(best, other_best, "pearson"),
        correlation(best, other_best, "spearman"),
        correlation(column, other_column, "pearson"),
        correlation(column, other_column, "spearman"),
        correlation(row, other_row, "pearson", own),
        correlation(row, other_row, "spearman", own),
    )


def _averages(gains: pd.DataFrame) -> pd.Series:
    """Returns row → average gain by the additive fit."""
    return average_gains(gains, "additive").series()
