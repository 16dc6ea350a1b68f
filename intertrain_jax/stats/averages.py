"""Max-gain per target, average gain per base model, and counts of significant gains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from intertrain_jax.stats.gains import GainMatrices

How = Literal["common", "additive"]


@dataclass(frozen=True)
class MaxGain:
    """The best gain that a target has from any model (§2 of the paper).

    Attributes:
        target: its name.
        gain: the largest, in points; NaN where the target has no gain at all.
        base: the model that has it, the first by name where several do; None where there is none.
        n: models that have a gain on the target.
    """

    target: str
    gain: float
    base: str | None
    n: int


@dataclass(frozen=True)
class AverageGain:
    """The average gain of a model.

    Attributes:
        base: the model.
        gain: in points; NaN where it cannot be told (see `average_gains`).
        n: cells of the model that the average rests on.
        error: standard error, from the residuals of the additive fit over those cells. It answers
            how much the average would change on other targets like these, so it holds the models'
            interaction with the targets as well as noise; errors of the same targets are in
            `noise`. NaN without residual degrees of freedom.
        low, high: interval at `CONFIDENCE` by Student's t.
    """

    base: str
    gain: float
    n: int
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class AverageGains:
    """Average gains that can be compared with each other, and over what they are taken.

    Attributes:
        how: "common" or "additive".
        targets: those that the averages speak of, in the order of the matrix.
        left_out: targets of the matrix that the averages do not speak of.
        models: one average per row of the matrix, in its order.
    """

    how: How
    targets: tuple[str, ...]
    left_out: tuple[str, ...]
    models: tuple[AverageGain, ...]

    def series(self) -> pd.Series:
        """Returns base model → average gain."""
        raise NotImplementedError


@dataclass(frozen=True)
class Significance:
    """How many gains are significantly above and below zero, two ways.

    Attributes:
        tested: cells with at least two seeds.
        untested: cells with a gain and fewer seeds.
        two_std_above, two_std_below: more than two standard deviations over seeds from zero (the
            italics of the paper's Fig. 1).
        level: of the false discovery rate below.
        adjusted_above, adjusted_below: q-value of the seed-paired t-test, adjusted by Benjamini and
            Hochberg, at most `level`.
    """

    tested: int
    untested: int
    two_std_above: int
    two_std_below: int
    level: float
    adjusted_above: int
    adjusted_below: int


def max_gains(gains: pd.DataFrame) -> tuple[MaxGain, ...]:
    """Returns every target's max-gain, `max_m G[m, t]`, in the order of the columns.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
    """
    raise NotImplementedError


def average_gains(gains: pd.DataFrame, how: How) -> AverageGains:
    """Returns every model's average gain such that averages can be compared.

    "common" averages over the targets that all models have. "additive" fits
    `G[m, t] = a_m + c_t` by least squares over the cells there are, and returns
    `a_m + mean_t c_t`: the average over all targets, had the model's missing cells been as far from
    their targets' averages as its others are. On a complete matrix both are the plain average.

    Models without any cell have no average, and do not make a target less common. Under "additive",
    models are comparable if a chain of shared targets connects them: the largest such block is kept,
    models outside it get NaN, and targets outside it are left out.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        how: "common" or "additive".
    """
    raise NotImplementedError


def count_significant(gains: GainMatrices, level: float = 0.05) -> Significance:
    """Returns how many cells are significantly above and below zero.

    Args:
        gains: of `gain_matrices`.
        level: of the false discovery rate.
    """
    raise NotImplementedError
