"""Do groups of sources help groups of targets: means and analysis of variance (§5, Table 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.stats.correlation import CONFIDENCE

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
    home: dict[str, str] = {}
    # The last to claim a name is the smallest, and the first by name of those.
    for group in sorted(sorted(groups, reverse=True), key=lambda g: -len(set(groups[g]))):
        home.update(dict.fromkeys(groups[group], group))
    return {
        group: tuple(name for name in dict.fromkeys(members) if home[name] == group)
        for group, members in groups.items()
    }


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
    rows, columns = _members(groups, gains.index), _members(groups, gains.columns)
    means = []
    for source, models in rows.items():
        for target, targets in columns.items():
            block = gains.loc[models, targets]
            per_model = block.mean(axis=1).dropna()
            values = block.to_numpy(dtype=float)
            n = int(np.isfinite(values).sum())
            mean = float(np.nanmean(values)) if n else float("nan")
            half = float("nan")
            if len(per_model) > 1:
                t = stats.t.ppf(0.5 + CONFIDENCE / 2.0, len(per_model) - 1)
                half = float(t * per_model.std(ddof=1) / np.sqrt(len(per_model)))
            means.append(
                GroupMean(
                    source,
                    target,
                    mean,
                    n,
                    block.size - n,
                    len(per_model),
                    mean - half,
                    mean + half,
                )
            )
    return tuple(means)


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
    rows, columns = _members(groups, gains.index), _members(groups, gains.columns)
    found = []
    for target, targets in columns.items():
        samples = {}
        for source, models in rows.items():
            block = gains.loc[models, targets]
            values = block.to_numpy(float).ravel() if unit == "cell" else block.mean(axis=1)
            sample = np.asarray(values, float)
            sample = sample[np.isfinite(sample)]
            if len(sample):
                samples[source] = sample
        found.append((target, samples, *_f_test(list(samples.values()))))
    adjusted = _holm([p for *_, p in found])
    return tuple(
        Anova(
            targets=target,
            unit=unit,
            groups=tuple(samples),
            n=sum(map(len, samples.values())),
            f=f,
            df_between=max(len(samples) - 1, 0),
            df_within=sum(map(len, samples.values())) - len(samples),
            p=p,
            p_adjusted=p_adjusted,
        )
        for (target, samples, f, p), p_adjusted in zip(found, adjusted, strict=True)
    )


def _members(groups: Groups, names: pd.Index) -> dict[str, list[str]]:
    """Returns group → its members among the names, in the order of the names; none is left empty."""
    home: dict[str, str] = {}
    for group, members in groups.items():
        for name in members:
            if home.setdefault(name, group) != group:
                raise ValueError(f"{name!r} is in two groups, {home[name]!r} and {group!r}")
    found: dict[str, list[str]] = {group: [] for group in groups}
    for name in names:
        if name in home:
            found[home[name]].append(name)
    return {group: members for group, members in found.items() if members}


def _f_test(samples: list[np.ndarray]) -> tuple[float, float]:
    """Returns F and p of equal means; NaN where they cannot be compared."""
    if len(samples) < 2 or sum(map(len, samples)) == len(samples):
        return float("nan"), float("nan")
    if np.ptp(np.concatenate(samples)) == 0:
        return float("nan"), float("nan")
    if all(np.ptp(sample) == 0 for sample in samples):
        # Groups differ and nothing varies inside them.
        return float("inf"), 0.0
    found = stats.f_oneway(*samples)
    return float(found.statistic), float(found.pvalue)


def _holm(p: list[float]) -> list[float]:
    """Returns p-values adjusted for the family-wise error by Holm; NaN is not a test."""
    known = [i for i in range(len(p)) if np.isfinite(p[i])]
    adjusted = [float("nan")] * len(p)
    largest = 0.0
    for rank, i in enumerate(sorted(known, key=lambda j: p[j])):
        largest = max(largest, min(1.0, p[i] * (len(known) - rank)))
        adjusted[i] = largest
    return adjusted
