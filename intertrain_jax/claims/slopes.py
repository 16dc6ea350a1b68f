"""Slopes of gains over the logarithm of a train size, per pair of units."""

from __future__ import annotations

import numpy as np
import pandas as pd

from intertrain_jax.claims.evidence import wide
from intertrain_jax.stats.sizes import size_curve

# Between two names; none has it.
_APART = "\x00"


def slopes(rows: pd.DataFrame, units: tuple[str, str], size: str) -> pd.DataFrame:
    """Returns the least-squares slope of the gain, in points for each doubling of a size.

    A pair of units that has less than half of the sizes, or fewer than two, has none.

    Args:
        rows: the two columns of units, the size's, and gain.
        units: names of the columns whose values are rows and columns of the answer.
        size: name of the size's column.

    Returns:
        [units, units], NaN where missing.
    """
    index, columns = units
    pairs, names = pd.factorize(rows[index] + _APART + rows[columns].astype(str))
    gains = wide(rows.assign(pair=pairs), "pair", size)
    x, y = np.log2(gains.columns.to_numpy(dtype=float)), gains.to_numpy()
    known = np.isfinite(y)
    count = np.maximum(known.sum(axis=1), 1)
    apart = np.where(known, x - (known @ x / count)[:, None], 0.0)
    spread = np.square(apart).sum(axis=1)
    fewest = max(2, -(-gains.shape[1] // 2))
    enough = (count >= fewest) & (spread > 0)
    slope = (apart * np.nan_to_num(y)).sum(axis=1)[enough] / spread[enough]
    named = pd.Series(names)[enough].str.split(_APART, expand=True)
    if named.empty:
        return pd.DataFrame()
    table = pd.DataFrame({index: named[0], columns: named[1], "gain": slope})
    return wide(table, index, columns)


def curve(rows: pd.DataFrame, size: str, unit: str) -> pd.DataFrame:
    """Returns size, mean, low, high of the mean gain over units, for a figure.

    Args:
        rows: the columns of size and unit, and gain.
        size: name of the size's column.
        unit: name of the column of what is averaged over.
    """
    table = rows.rename(columns={size: "size", unit: "unit"})[["size", "unit", "gain"]]
    points = [p for p in size_curve(table).points if p.n]
    return pd.DataFrame(
        {
            "size": [p.size for p in points],
            "mean": [p.mean for p in points],
            "low": [p.low for p in points],
            "high": [p.high for p in points],
        }
    )
