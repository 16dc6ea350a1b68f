"""Do groups of sources help groups of targets: means and analysis of variance (§5, Table 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    means = []
    for source, target, block in _blocks(gains, groups):
        per_model = _row_means(block)
        n = int(np.isfinite(block).sum())
        mean = float(np.nanmean(block)) if n else float("nan")
        half = float("nan")
        if len(per_model) > 1:
            t = stats.t.ppf(0.5 + CONFIDENCE / 2.0, len(per_model) - 1)
            half = float(t * per_model.std(ddof=1) / np.sqrt(len(per_model)))
        means.append(
            GroupMean(
                source, target, mean, n, block.size - n, len(per_model), mean - half, mean + half
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
    samples_by_target: dict[str, dict[str, np.ndarray]] = {}
    for source, target, block in _blocks(gains, groups):
        samples = samples_by_target.setdefault(target, {})
        sample = block[np.isfinite(block)] if unit == "cell" else _row_means(block)
        if len(sample):
            samples[source] = sample
    found = [(t, s, *_f_test(list(s.values()))) for t, s in samples_by_target.items()]
    adjusted = holm([p for *_, p in found])
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


def _blocks(gains: pd.DataFrame, groups: Groups) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yields (source group, target group, their cells) where both have members in the matrix."""
    home: dict[str, str] = {}
    for group, members in groups.items():
        for name in members:
            if home.setdefault(name, group) != group:
                raise ValueError(f"{name!r} is in two groups, {home[name]!r} and {group!r}")
    values_MxN = gains.to_numpy(dtype=float)
    row_groups = np.array([home.get(name) for name in gains.index], dtype=object)
    column_groups = np.array([home.get(name) for name in gains.columns], dtype=object)
    for source in groups:
        for target in groups:
            block = values_MxN[np.ix_(row_groups == source, column_groups == target)]
            if block.size:
                yield source, target, block


def _row_means(block: np.ndarray) -> np.ndarray:
    """Returns the mean of every row that has a cell."""
    known = np.isfinite(block)
    count = known.sum(axis=1)
    means: np.ndarray = np.where(known, block, 0.0).sum(axis=1)[count > 0] / count[count > 0]
    return means


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


def holm(p: list[float]) -> list[float]:
    """Returns p-values adjusted for the family-wise error by Holm; NaN is not a test."""
    known = [i for i in range(len(p)) if np.isfinite(p[i])]
    adjusted = [float("nan")] * len(p)
    largest = 0.0
    for rank, i in enumerate(sorted(known, key=lambda j: p[j])):
        largest = max(largest, min(1.0, p[i] * (len(known) - rank)))
        adjusted[i] = largest
    return adjusted


def effects_among(p: np.ndarray, level: float) -> int:
    """Returns a lower bound, at one level, of how many hypotheses among these are wrong.

    Closed testing with Simes's test (Hommel 1988; Goeman and Solari 2011, §3): of the largest p-values
    as many as Simes's test does not reject together can be of true hypotheses. It holds for independent
    tests, and for those that tend to err together, as those do that share a noise.
    """
    rising = np.sort(np.asarray(p, float))
    for kept in range(len(rising), 0, -1):
        if np.all(rising[-kept:] > level * np.arange(1, kept + 1) / kept):
            return len(rising) - kept
    return len(rising)
