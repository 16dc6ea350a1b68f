"""Do groups of sources help groups of targets: means and analysis of variance (§5, Table 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Groups = Mapping[str, tuple[str, ...]]
Unit = Literal["cell", "source"]


@dataclass(frozen=True)
class GroupMean:
    """The mean gain of a group of sources on a group of targets.

    Attributes:
        sources, targets: names of the groups.
        mean: over the cells there are, in points; NaN without any.
        n: cells.
        missing: cells of the two groups without a gain.
        models: sources with a cell.
        low, high: interval at `CONFIDENCE`, by Student's t with the sources' means as the sample
            (cells of one source are not independent); NaN below two sources.
    """

    sources: str
    targets: str
    mean: float
    n: int
    missing: int
    models: int
    low: float
    high: float


@dataclass(frozen=True)
class Anova:
    """One-way analysis of variance over source groups, within one target group.

    Attributes:
        targets: name of the target group.
        unit: "cell" or "source".
        groups: source groups compared, those with an observation.
        n: observations.
        f: the statistic; NaN below two groups or without residual degrees of freedom.
        df_between, df_within: degrees of freedom.
        p: of equal means.
        p_adjusted: by Holm over the target groups of this call.
    """

    targets: str
    unit: Unit
    groups: tuple[str, ...]
    n: int
    f: float
    df_between: int
    df_within: int
    p: float
    p_adjusted: float


def disjoint(groups: Groups) -> dict[str, tuple[str, ...]]:
    """Returns the groups with every name in one of them: the smallest that it is in.

    The paper subtracts the datasets of NLI from General, which is this rule: the narrower group
    keeps what overlaps. Groups of equal size: the first by name.

    Args:
        groups: name → members.
    """
    raise NotImplementedError


def group_means(gains: pd.DataFrame, groups: Groups) -> tuple[GroupMean, ...]:
    """Returns the mean gain of every group of sources on every group of targets.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        groups: name → members, disjoint (see `disjoint`). A name may be a row, a column, or both;
            those that are neither, and rows and columns in no group, do not count.

    Returns:
        One mean per pair of groups, of sources then of targets, in the order of the mapping; groups
        without any row (or column) are left out as sources (or targets).

    Raises:
        ValueError: a name is in two groups.
    """
    raise NotImplementedError


def group_anova(gains: pd.DataFrame, groups: Groups, unit: Unit) -> tuple[Anova, ...]:
    """Returns the analysis of variance over source groups within every target group.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        groups: as for `group_means`.
        unit: "cell" takes every (source, target) as an observation, as the paper seems to do; they
            are not independent, and its p is too small. "source" takes every source's mean over the
            group's targets; sources that lack one of them still count, over those they have.

    Raises:
        ValueError: a name is in two groups.
    """
    raise NotImplementedError
