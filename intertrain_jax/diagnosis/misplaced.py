"""Decides which rows have cells under wrong columns: shifted, swapped or otherwise permuted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, special

from intertrain_jax.diagnosis.column_order import ColumnOrder, infer_order
from intertrain_jax.diagnosis.shifts import (
    Columns,
    Floats,
    Ints,
    find_offsets,
    find_swaps,
    fit_columns,
)

Kind = Literal["shifted", "swapped", "permuted"]

# A row is misplaced if that is likelier than the row as it stands by this log factor, priors included.
_EVIDENCE = np.log(100.0)
# A permutation that is no shift and no swap: prior of the row, and per moved cell; it is only looked
# for where this many cells are farther than this from their columns. Cells that fit no column
# better than a density over 50 points are left out.
_PERMUTED, _MOVED = 1e-3, 0.1
_FAR, _CELLS = 6.0, 3
_LOG_BROAD = -np.log(50.0)


@dataclass(frozen=True)
class Misplaced:
    """A row with cells under wrong columns.

    Attributes:
        row: position in the table.
        kind: what explains it best.
        source: [T] the column that each cell's score belongs to; −1 where it fits none.
        evidence: log of how much likelier this is than the row as it stands, priors included.
        confidence: posterior probability among all explanations tried.
    """

    row: int
    kind: Kind
    source: Ints
    evidence: float
    confidence: float

    def repaired(self, scores_T: Floats) -> Floats:
        """Returns the row with each score under its column, and NaN where none belongs."""
        repaired_T = np.full(len(scores_T), np.nan)
        for column in np.flatnonzero(np.isfinite(scores_T) & (self.source >= 0)):
            repaired_T[self.source[column]] = scores_T[column]
        return repaired_T


@dataclass(frozen=True)
class Examined:
    """A table's rows, compared with its columns.

    Attributes:
        misplaced: in the order of rows.
        order: of columns, in which rows are shifted.
        columns: fits over the rows that are not misplaced.
    """

    misplaced: tuple[Misplaced, ...]
    order: ColumnOrder
    columns: Columns

    @classmethod
    def without_search(cls, scores_MxT: Floats) -> Examined:
        """Returns the columns' fits alone."""
        return cls((), ColumnOrder.own(scores_MxT.shape[1]), fit_columns(scores_MxT))


def find_misplaced(scores_MxT: Floats) -> Examined:
    """Compares each row as it stands with all its shifts along one order of columns, and all swaps.

    Columns are fitted twice, the second time without the rows that the first fit found.

    Args:
        scores_MxT: NaN where empty; every column has finite cells.
    """
    columns = fit_columns(scores_MxT)
    log_density_MxTxT = columns.log_densities(scores_MxT)
    order = infer_order(columns, scores_MxT, log_density_MxTxT)
    first = _explain(scores_MxT, columns, log_density_MxTxT, order)
    sound_MxT = np.delete(scores_MxT, [found.row for found in first], axis=0)
    if not first or not np.isfinite(sound_MxT).any(axis=0).all():
        return Examined(first, order, columns)
    columns = fit_columns(sound_MxT)
    log_density_MxTxT = columns.log_densities(scores_MxT)
    return Examined(_explain(scores_MxT, columns, log_density_MxTxT, order), order, columns)


def _explain(
    scores_MxT: Floats, columns: Columns, log_density_MxTxT: Floats, order: ColumnOrder
) -> tuple[Misplaced, ...]:
    """Returns the rows that a shift, a swap or a permutation explains."""
    length = scores_MxT.shape[1]
    offsets = find_offsets(log_density_MxTxT, scores_MxT, order.near[:1], furthest=length - 1)
    swaps = find_swaps(log_density_MxTxT, scores_MxT)
    shift_M, swap_M = offsets.gain[0], swaps.gain
    other_M = np.logaddexp(0.0, swaps.total)
    far_MxT = np.abs(columns.distances(scores_MxT)) > _FAR
    shifted = np.flatnonzero((shift_M > _EVIDENCE) & (shift_M >= swap_M))
    swapped = np.flatnonzero((swap_M > _EVIDENCE) & (swap_M > shift_M))
    rest = np.flatnonzero((np.maximum(shift_M, swap_M) <= _EVIDENCE) & (far_MxT.sum(1) >= _CELLS))

    # A shift's repair depends on the order: the likeliest over all close orders counts.
    again = find_offsets(
        log_density_MxTxT[shifted], scores_MxT[shifted], order.near, furthest=length - 1
    )
    share_BxM = np.exp(again.gain - np.logaddexp(other_M[shifted], again.total))
    same_BxBxM = (again.source[:, None] == again.source[None]).all(axis=3)
    sure_BxM = np.einsum("c,bcm,cm->bm", order.probability, same_BxBxM, share_BxM)
    found = [
        Misplaced(int(row), "shifted", again.source[best, at], float(shift_M[row]), float(sure))
        for at, (row, best, sure) in enumerate(
            zip(shifted, sure_BxM.argmax(axis=0), sure_BxM.max(axis=0), strict=True)
        )
    ]
    for row in swapped:
        source_T = np.arange(length, dtype=np.intp)
        source_T[swaps.pair[row]] = swaps.pair[row][::-1]
        sure = np.exp(swap_M[row] - np.logaddexp(other_M[row], offsets.total[0, row]))
        found.append(Misplaced(int(row), "swapped", source_T, float(swap_M[row]), float(sure)))
    for row in rest:
        permuted = _permutation(int(row), scores_MxT[row], log_density_MxTxT[row])
        found += [permuted] if permuted is not None else []
    return tuple(sorted(found, key=lambda misplaced: misplaced.row))


def _permutation(row: int, scores_T: Floats, log_density_TxT: Floats) -> Misplaced | None:
    """Assigns cells to columns; None if that does not explain the row.

    Its confidence is the probability among the assignment and all its exchanges of two cells.
    """
    length = len(scores_T)
    moved = np.log(_MOVED / length) * (1 - np.eye(length))
    value_TxT = np.maximum(log_density_TxT, _LOG_BROAD) + moved
    value_TxT[~np.isfinite(scores_T)] = moved[~np.isfinite(scores_T)]
    cells, source_T = optimize.linear_sum_assignment(value_TxT, maximize=True)
    best_T = value_TxT[cells, source_T]
    evidence = float(best_T.sum() - np.trace(value_TxT) + np.log(_PERMUTED))
    if evidence <= _EVIDENCE:
        return None
    taken_TxT = value_TxT[:, source_T]
    exchange_TxT = taken_TxT + taken_TxT.T - best_T[:, None] - best_T
    pairs = exchange_TxT[np.triu_indices(length, 1)]
    confidence = float(np.exp(-special.logsumexp([0.0, *pairs])))
    fits_none = log_density_TxT[cells, source_T] < _LOG_BROAD
    return Misplaced(row, "permuted", np.where(fits_none, -1, source_T), evidence, confidence)
