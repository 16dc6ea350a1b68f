"""Decides which rows have cells under wrong columns: shifted, swapped or otherwise permuted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.diagnosis.alignments import Kind, align, moved_back
from intertrain_jax.diagnosis.column_order import ColumnOrder, infer_order, weigh_orders
from intertrain_jax.diagnosis.grids import Grids
from intertrain_jax.diagnosis.shifts import Columns, Floats, Ints, fit_columns

# A row is misplaced if that is likelier than the row as it stands by this log factor, priors included.
_EVIDENCE = np.log(100.0)
# A cell farther than this from its column, in robust standard deviations, is far.
FAR = 6.0
# Columns are fitted without rows that have impossible cells where this many others have scores.
_SOUND_ROWS = 8


@dataclass(frozen=True)
class Misplaced:
    """A row with cells under wrong columns.

    Attributes:
        row: position in the table.
        kind: what explains it best.
        source: [T] the column that each cell's score belongs to; −1 where it fits none.
        evidence: log of how much likelier this is than the row as it stands, priors included.
        confidence: posterior probability of the repaired row over alignments and orders.
    """

    row: int
    kind: Kind
    source: Ints
    evidence: float
    confidence: float

    def repaired(self, scores_T: Floats) -> Floats:
        """Returns the row with each score under its column, and NaN where none belongs."""
        return moved_back(scores_T, self.source)


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


def find_misplaced(
    scores_MxT: Floats, grids: Grids | None = None, order_T: Ints | None = None
) -> Examined:
    """Compares each row as it stands with its shifts along orders of columns, swaps and permutations.

    A row without impossible cells is misplaced only if moving cells leaves none of them far from its
    column: models that are weak, or failed on many targets, are far from columns wherever cells move.

    Args:
        scores_MxT: NaN where empty; every column has finite cells.
        grids: of the columns.
        order_T: the columns in the order in which such tables' rows are shifted, where it is known.
    """
    possible_MxT = np.ones(scores_MxT.shape, dtype=bool)
    if grids is not None:
        possible_MxT = grids.possible(scores_MxT)
    impossible_M = np.asarray((~possible_MxT).any(axis=1))
    columns = _fit(scores_MxT, possible_MxT, impossible_M)
    log_density_MxTxT = columns.log_densities(scores_MxT)
    if grids is not None:
        log_density_MxTxT += grids.log_factors(scores_MxT)
    order = _order(columns, scores_MxT, log_density_MxTxT, order_T)
    first = _explain(scores_MxT, columns, log_density_MxTxT, order, impossible_M)
    out_M = impossible_M.copy()
    out_M[[found.row for found in first]] = True
    if (out_M == impossible_M).all():
        return Examined(first, order, columns)
    again = _fit(scores_MxT, possible_MxT, out_M)
    log_density_MxTxT += again.log_densities(scores_MxT) - columns.log_densities(scores_MxT)
    return Examined(
        _explain(scores_MxT, again, log_density_MxTxT, order, impossible_M), order, again
    )


def _fit(scores_MxT: Floats, possible_MxT: NDArray[np.bool_], out_M: NDArray[np.bool_]) -> Columns:
    """Fits columns by rows that are sound, or by possible cells, or by all, as there are enough."""
    cells_MxT = np.where(out_M[:, None], np.nan, scores_MxT)
    for more_MxT in (np.where(possible_MxT, scores_MxT, np.nan), scores_MxT):
        thin_T = np.isfinite(cells_MxT).sum(axis=0) < _SOUND_ROWS
        cells_MxT[:, thin_T] = more_MxT[:, thin_T]
    return fit_columns(cells_MxT)


def _order(
    columns: Columns, scores_MxT: Floats, log_density_MxTxT: Floats, order_T: Ints | None
) -> ColumnOrder:
    """Returns the orders that the table's rows speak for, the known one before others."""
    if order_T is None:
        return infer_order(columns, scores_MxT, log_density_MxTxT)
    known = weigh_orders(columns, scores_MxT, log_density_MxTxT, order_T)
    if known is not None:
        return known
    return infer_order(columns, scores_MxT, log_density_MxTxT)


def _explain(
    scores_MxT: Floats,
    columns: Columns,
    log_density_MxTxT: Floats,
    order: ColumnOrder,
    impossible_M: NDArray[np.bool_],
) -> tuple[Misplaced, ...]:
    """Returns the rows that a shift, a swap or a permutation explains."""
    far_MxT = np.nan_to_num(np.abs(columns.distances(scores_MxT))) > FAR
    odd = np.flatnonzero(impossible_M | far_MxT.any(axis=1))
    found = []
    for at, alignments in zip(
        odd, align(log_density_MxTxT[odd], scores_MxT[odd], order), strict=True
    ):
        best = alignments.best()
        if best is None or best.evidence <= _EVIDENCE:
            continue
        misplaced = Misplaced(int(at), best.kind, best.source, best.evidence, best.confidence)
        if not impossible_M[at]:
            before_T = columns.distances(scores_MxT[at])
            after_T = columns.distances(misplaced.repaired(scores_MxT[at]))
            # Where scores change places, some are too high for their columns: failures are only low.
            high = (before_T > FAR).any()
            if not high or (np.abs(after_T) > FAR).any() or (best.source < 0).any():
                continue
        found.append(misplaced)
    return tuple(found)
