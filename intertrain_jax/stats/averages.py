"""Max-gain per target, average gain per base model, and counts of significant gains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats
from scipy.sparse import csgraph, csr_array

from intertrain_jax.stats.correlation import CONFIDENCE
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
        residual_std: of the cells about the additive fit, in points, with its degrees of freedom: how
            far models and targets interact, and noise. NaN without degrees of freedom.
    """

    how: How
    targets: tuple[str, ...]
    left_out: tuple[str, ...]
    models: tuple[AverageGain, ...]
    residual_std: float

    def series(self) -> pd.Series:
        """Returns base model → average gain."""
        return pd.Series({model.base: model.gain for model in self.models}, dtype=float)


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
    values_MxN, names = gains.to_numpy(dtype=float), list(gains.index)
    found = []
    for target, column_M in zip(gains.columns, values_MxN.T, strict=True):
        known = int(np.isfinite(column_M).sum())
        gain = float(np.nanmax(column_M)) if known else float("nan")
        base = min((names[m] for m in np.flatnonzero(column_M == gain)), default=None)
        found.append(MaxGain(target, gain, base, known))
    return tuple(found)


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
    gains_MxN = gains.to_numpy(dtype=float)
    known_MxN = np.isfinite(gains_MxN)
    rows = known_MxN.any(axis=1)
    if how == "common":
        columns = known_MxN[rows].all(axis=0) & rows.any()
        rows = rows & columns.any()
    else:
        rows, columns = _largest_block(known_MxN)
    nan = float("nan")
    models = [AverageGain(base, nan, 0, nan, nan, nan) for base in gains.index]
    found, sigma = _additive(gains_MxN[np.ix_(rows, columns)])
    for row, average in zip(np.flatnonzero(rows).tolist(), found, strict=True):
        models[row] = AverageGain(models[row].base, *average)
    return AverageGains(
        how, tuple(gains.columns[columns]), tuple(gains.columns[~columns]), tuple(models), sigma
    )


def _largest_block(known_MxN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns masks [M] and [N] of the rows and columns of the largest connected block."""
    m, n = known_MxN.shape
    if not known_MxN.any():
        return np.zeros(m, bool), np.zeros(n, bool)
    links = np.zeros((m + n, m + n), bool)
    links[:m, m:] = known_MxN
    _, label = csgraph.connected_components(csr_array(links), directed=False)
    # Empty rows and columns are blocks of their own, without any cell.
    cells = np.bincount(label[:m], weights=known_MxN.sum(axis=1), minlength=label.max() + 1)
    rows = np.bincount(label[:m], minlength=label.max() + 1) * (cells > 0)
    block = np.lexsort((cells, rows))[-1]
    return label[:m] == block, label[m:] == block


def _additive(
    gains_MxN: np.ndarray,
) -> tuple[list[tuple[float, int, float, float, float]], float]:
    """Returns (average, cells, error, low, high) per row of a connected block, and σ.

    With the rows' effects eliminated, the columns' solve `L c = r` with L the Laplacian of the
    targets. A row's mean is uncorrelated with c, so the variance of the row's average is
    σ²·(1/n_m + u' L⁺ u), where u holds the weights that the average puts on c.
    """
    known_MxN = np.isfinite(gains_MxN)
    m, n = gains_MxN.shape
    if not m:
        return [], float("nan")
    filled_MxN = np.where(known_MxN, gains_MxN, 0.0)
    weights_MxN = known_MxN / known_MxN.sum(axis=1, keepdims=True)
    means_M = (filled_MxN * weights_MxN).sum(axis=1)
    laplacian_NxN = np.diag(known_MxN.sum(axis=0)) - known_MxN.T.astype(float) @ weights_MxN
    # A block is connected, so constants are all that L does not see. What its inverse is applied to sums
    # to zero, so constants may be added there: no cut-off has to decide what is zero.
    inverse_NxN = np.linalg.inv(laplacian_NxN + np.trace(laplacian_NxN) / n**2 + (n == 1))
    columns_N = inverse_NxN @ (filled_MxN.sum(axis=0) - known_MxN.T @ means_M)
    rows_M = means_M - weights_MxN @ columns_N
    cells_M = known_MxN.sum(axis=1)
    df = int(cells_M.sum()) - (m + n - 1)
    residuals = (gains_MxN - rows_M[:, None] - columns_N)[known_MxN]
    sigma = float(np.sqrt(residuals @ residuals / df)) if df > 0 else float("nan")
    contrast_MxN = 1.0 / n - weights_MxN
    spread_M = 1.0 / cells_M + np.einsum(
        "mi,ij,mj->m", contrast_MxN, inverse_NxN, contrast_MxN, optimize=True
    )
    error_M = sigma * np.sqrt(spread_M)
    half_M = error_M * (stats.t.ppf(0.5 + CONFIDENCE / 2.0, df) if df > 0 else 1.0)
    average_M = rows_M + columns_N.mean()
    return [
        (float(a), int(k), float(e), float(a - h), float(a + h))
        for a, k, e, h in zip(average_M, cells_M, error_M, half_M, strict=True)
    ], sigma


def count_significant(gains: GainMatrices, level: float = 0.05) -> Significance:
    """Returns how many cells are significantly above and below zero.

    Args:
        gains: of `gain_matrices`.
        level: of the false discovery rate.
    """
    tested = gains.p.notna()
    adjusted = gains.q <= level
    return Significance(
        tested=int(tested.to_numpy().sum()),
        untested=int((gains.mean.notna() & ~tested).to_numpy().sum()),
        two_std_above=int((gains.significant > 0).to_numpy().sum()),
        two_std_below=int((gains.significant < 0).to_numpy().sum()),
        level=level,
        adjusted_above=int((adjusted & (gains.mean > 0)).to_numpy().sum()),
        adjusted_below=int((adjusted & (gains.mean < 0)).to_numpy().sum()),
    )
