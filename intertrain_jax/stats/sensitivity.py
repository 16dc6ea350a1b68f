"""Is a target's sensitivity its own: one model's gains against max-gain, one PT's against another's."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from intertrain_jax.stats.correlation import Correlation


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
    raise NotImplementedError


def compare_architectures(first: pd.DataFrame, second: pd.DataFrame) -> Architectures:
    """Returns the correlations between two gain matrices, joined by name.

    Each matrix is cut to the common base models for the averages of targets, and to the common
    targets for the averages of base models, which are then those of `average_gains`, "additive";
    max-gains are over all models of their matrix.

    Args:
        first, second: [M models, N targets] in points, NaN where missing.
    """
    raise NotImplementedError
