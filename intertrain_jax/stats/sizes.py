"""Do more training examples make a better source, and a less sensitive target (§6.1)?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.stats.averages import average_gains
from intertrain_jax.stats.clusters import Clusters
from intertrain_jax.stats.correlation import CONFIDENCE, Correlation, correlation


@dataclass(frozen=True)
class SizeEffect:
    """Correlations of the number of training examples with one measure.

    Attributes:
        of: "source" or "target".
        measure: "average" gain; of targets also "std" and "range" of the gains over models.
        pearson: with the size itself, as in the paper.
        pearson_log: with its logarithm.
        spearman: with either.
    """

    of: str
    measure: str
    pearson: Correlation
    pearson_log: Correlation
    spearman: Correlation


@dataclass(frozen=True)
class SizePoint:
    """A point of a size curve.

    Attributes:
        size: training examples.
        n: units averaged.
        mean: gain in points.
        low, high: interval at `CONFIDENCE` by Student's t over units; NaN below two.
    """

    size: int
    n: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class SizeCurve:
    """Mean gain at several train sizes, over the same units at every size.

    Attributes:
        points: by size.
        units: names averaged over.
        left_out: names that lack a gain at one of the sizes.
    """

    points: tuple[SizePoint, ...]
    units: tuple[str, ...]
    left_out: tuple[str, ...]


def size_effects(
    gains: pd.DataFrame, train_sizes: Mapping[str, int], clusters: Clusters | None = None
) -> tuple[SizeEffect, ...]:
    """Returns the correlations of train size with gains, for sources and for targets.

    A source's average gain is that of `average_gains`, "additive"; so is a target's, with the roles
    exchanged. Spread is over the models that a target has, at least two.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        train_sizes: name → training examples; names without one do not count.
        clusters: of sources, resampled together; None if each is on its own.

    Returns:
        Source average, target average, target std, target range.
    """
    several = gains.loc[:, gains.count() > 1]
    sources = average_gains(gains, "additive").series()
    measures = {
        ("source", "average"): sources,
        ("target", "average"): _of_targets(gains, sources),
        ("target", "std"): several.std(ddof=1),
        ("target", "range"): several.max() - several.min(),
    }
    effects = []
    for (of, measure), values in measures.items():
        sizes = np.array([train_sizes.get(name, np.nan) for name in values.index], dtype=float)
        own = None
        if clusters is not None and of == "source":
            own = clusters.numbers(list(values.index))
        effects.append(
            SizeEffect(
                of,
                measure,
                correlation(sizes, values, "pearson", own),
                correlation(np.log(sizes), values, "pearson", own),
                correlation(sizes, values, "spearman", own),
            )
        )
    return tuple(effects)


def _of_targets(gains: pd.DataFrame, sources: pd.Series[float]) -> pd.Series[float]:
    """Returns the additive averages of targets, given those of sources.

    Both are of one fit `a_m + c_t`, and a target's effect is the mean of what the sources' leave. Where
    the cells fall apart into blocks, the largest for targets may be another, and is fitted.
    """
    if sources.isna().any() or gains.isna().all().any():
        return average_gains(gains.T, "additive").series()
    return gains.sub(sources, axis=0).mean() + sources.mean()


def size_curve(table: pd.DataFrame) -> SizeCurve:
    """Returns the mean gain per train size (Fig. 3, 4, 8 to 10).

    Gains of one unit at one size (its seeds) are averaged first. A size at which no unit has a gain is
    a point of none, and does not leave units out.

    Args:
        table: columns size, unit, gain: the unit is what is averaged over, so the target in Fig. 3,
            the source in Fig. 4, and the seed in Fig. 8 to 10.
    """
    means = table.dropna(subset=["gain"]).groupby(["unit", "size"])["gain"].mean().unstack("size")
    complete = means.dropna()
    points = []
    for size in sorted(table["size"].unique()):
        values = complete[size].to_numpy(dtype=float) if size in complete else np.array([])
        n, half = len(values), float("nan")
        if n > 1:
            t = stats.t.ppf(0.5 + CONFIDENCE / 2.0, n - 1)
            half = float(t * values.std(ddof=1) / np.sqrt(n))
        mean = float(values.mean()) if n else float("nan")
        points.append(SizePoint(int(size), n, mean, mean - half, mean + half))
    left_out = sorted(set(table["unit"]) - set(complete.index), key=str)
    return SizeCurve(tuple(points), tuple(complete.index), tuple(left_out))
