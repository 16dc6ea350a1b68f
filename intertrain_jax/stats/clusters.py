"""Which models are not independent of each other: of one owner or series, or nearly the same."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Ints = NDArray[np.intp]
How = Literal["auto", "owner", "none"]
HOWS: tuple[How, ...] = get_args(How)

# Fewer clusters than this say nothing about their spread.
FEWEST_CLUSTERS = 4
# A series has at least this many models.
FEWEST_OF_SERIES = 3
# Rows are nearly the same if their cells differ by less than this share of their columns' spread, as a
# root mean square over at least so many cells that have a value in both.
_NEAR, _FEWEST_CELLS = 0.2, 8
# Quartiles of a Normal distribution are this many deviations apart; farther cells are as good as this.
_QUARTILES, _FARTHEST = 1.349, 100.0
_AT_ONCE = 512
_OWNED = re.compile(r"(?P<owner>[A-Za-z0-9][\w.-]*)/[\w.-]+(?:@\S+)?")
_REPEATED = re.compile(r" \(row \d+\)$")
_COUNTED = re.compile(
    r"[-_.]?(?:seed|epochs?|steps?|itr|iter|iteration|checkpoint|ckpt|run|fold)[-_.]?\d+", re.I
)


@dataclass(frozen=True)
class Clusters:
    """Groups of models that are resampled together, as they say less than as many independent ones.

    Attributes:
        of: model → name of its cluster; a model on its own is its cluster.
    """

    of: pd.Series[str]

    def numbers(self, models: Sequence[Hashable]) -> Ints:
        """Returns the cluster's number of each of some models; of one that is not known, its own."""
        known = self.of.to_dict()
        return np.asarray(pd.factorize(pd.Index([known.get(m, m) for m in models]))[0], np.intp)

    def largest(self, models: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
        """Returns the cluster with the most of some models, and which; None if it is no series."""
        cluster = self.of[self.of.index.isin(models)]
        sizes = cluster.value_counts(sort=False)
        if not len(sizes) or sizes.max() < FEWEST_OF_SERIES:
            return None
        name = min(sizes.index[sizes == sizes.max()])
        return str(name), tuple(map(str, cluster.index[cluster == name]))


def clusters_of(gains: pd.DataFrame, how: How = "auto") -> Clusters:
    """Returns the clusters of a study's models.

    "owner" takes what stands before the slash of `owner/name`. "auto" takes that too, and of names
    without an owner the series, which are names that differ in a number of seeds, epochs, steps or
    checkpoints only; where this gives fewer than `FEWEST_CLUSTERS`, the series of all names; where
    these are too few as well, neither. To these, "auto" adds models on their own whose rows are nearly
    the same as another's. "none" takes all for independent.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
        how: see above.
    """
    names = [str(name) for name in gains.index]
    alone = pd.Series(names, index=gains.index, dtype=str)
    if how == "none":
        return Clusters(alone)
    owners = [_owner(name) for name in names]
    if how == "owner":
        plain = [
            owner or _REPEATED.sub("", name) for owner, name in zip(owners, names, strict=True)
        ]
        return Clusters(pd.Series(plain, index=gains.index, dtype=str))
    series = [_series(name) for name in names]
    either = [owner or one for owner, one in zip(owners, series, strict=True)]
    found = next((s for s in (either, series) if len(set(s)) >= FEWEST_CLUSTERS), names)
    return Clusters(_with_near_rows(pd.Series(found, index=gains.index, dtype=str), gains))


def _owner(name: str) -> str | None:
    owned = _OWNED.fullmatch(_REPEATED.sub("", name))
    return owned["owner"] if owned else None


def _series(name: str) -> str:
    plain = _REPEATED.sub("", name)
    return _COUNTED.sub("", plain) or plain


def _with_near_rows(clusters: pd.Series[str], gains: pd.DataFrame) -> pd.Series[str]:
    """Adds models on their own to the cluster of the first model whose row is nearly the same.

    One pair of like models does not make one cluster of two larger ones.
    """
    leader = near_rows(gains)
    alone = (~clusters.duplicated(keep=False)).to_numpy()
    values = clusters.to_numpy(dtype=object).copy()
    for at in np.flatnonzero(leader != np.arange(len(leader))).tolist():
        if alone[at]:
            values[at] = values[leader[at]]
        elif alone[leader[at]]:
            values[leader[at]] = values[at]
    return pd.Series(values, index=clusters.index, dtype=str)


def near_rows(gains: pd.DataFrame) -> Ints:
    """Returns for each row [M] the first leading row that is nearly the same, or the row itself.

    A row leads if it is not nearly the same as one before it that leads; so likeness is no chain.

    Args:
        gains: [M models, N targets] in points, NaN where missing.
    """
    rows = len(gains)
    leader = np.arange(rows, dtype=np.intp)
    spread_N = ((gains.quantile(0.75) - gains.quantile(0.25)) / _QUARTILES).to_numpy(dtype=float)
    used = spread_N > 0
    if used.sum() < _FEWEST_CELLS:
        return leader
    values = gains.to_numpy(dtype=float)[:, used]
    known = np.isfinite(values).astype(np.float32)
    scaled = (values - np.nanmedian(values, axis=0)) / spread_N[used]
    scaled = np.nan_to_num(scaled).clip(-_FARTHEST, _FARTHEST).astype(np.float32)
    squares = np.square(scaled)
    leads = np.zeros(rows, bool)
    for begin in range(0, rows, _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        both_KxM = known[some] @ known.T
        apart_KxM = squares[some] @ known.T + known[some] @ squares.T
        apart_KxM -= 2.0 * (scaled[some] @ scaled.T)
        near_KxM = (apart_KxM <= _NEAR**2 * both_KxM) & (both_KxM >= _FEWEST_CELLS)
        for row, near_M in enumerate(near_KxM, begin):
            others = np.flatnonzero(near_M[:row] & leads[:row])
            leader[row] = others[0] if len(others) else row
            leads[row] = not len(others)
    return leader
