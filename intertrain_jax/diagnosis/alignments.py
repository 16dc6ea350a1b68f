"""All ways in which the cells of one row may stand under wrong columns, weighed against each other.

A row stands as it should, or is shifted along one of several orders, to one side or the other, or two
of its cells are swapped, or cells are permuted otherwise. Each of these has a prior and a likelihood on
one scale: a cell that no column makes likely counts as a slip, of the same likelihood anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import optimize, special

from intertrain_jax.diagnosis.column_order import ColumnOrder
from intertrain_jax.diagnosis.shifts import Floats, Ints, find_offsets, find_swaps

Kind = Literal["shifted", "swapped", "permuted"]

# Log density of a cell that is a slip: one in 5,000, over 50 points.
FLOOR = float(np.log(2e-4 / 50.0))
# Shifts against the order, as where a score was put in twice, are this likely among shifts.
_BACKWARDS = 0.2
# That one more cell or pair of cells stands elsewhere: than a known format's order says, than another
# order, than a swap, than a permutation. It only lowers the confidence.
_LOOSE_KNOWN, _LOOSE, _LOOSE_SWAP, _LOOSE_PERMUTED = 1e-4, 0.02, 1e-3, 5e-3
# Prior of a row to be permuted otherwise, and for each of its cells to be among those that move.
_PERMUTED, _MOVED = 1e-3, 0.1


@dataclass(frozen=True)
class Alignment:
    """One way in which a row's cells may have moved.

    Attributes:
        kind: shift, swap or permutation.
        source: [T] the column that each cell's score belongs to; −1 where it fits none.
        weight: log joint probability of the row and this.
        others: log joint probability of all less likely ones of its kind (and order).
    """

    kind: Kind
    source: Ints
    weight: float
    others: float


@dataclass(frozen=True)
class Best:
    """The likeliest alignment of a row; see `Misplaced` for the meaning of its values."""

    kind: Kind
    source: Ints
    evidence: float
    confidence: float


@dataclass(frozen=True)
class Alignments:
    """A row's alignments.

    Attributes:
        scores: [T] the row.
        none: log joint probability of the row as it stands.
        ways: in no order.
    """

    scores: Floats
    none: float
    ways: tuple[Alignment, ...]

    def best(self) -> Best | None:
        """Returns the likeliest way, and the probability of the row that it leads to."""
        if not self.ways:
            return None
        weights = np.array([way.weight for way in self.ways])
        best = self.ways[int(weights.argmax())]
        total = special.logsumexp([self.none, *weights, *(way.others for way in self.ways)])
        wanted = moved_back(self.scores, best.source)
        same = [
            way.weight
            for way in self.ways
            if np.array_equal(moved_back(self.scores, way.source), wanted, equal_nan=True)
        ]
        confidence = float(np.exp(special.logsumexp(same) - total))
        return Best(best.kind, best.source, best.weight - self.none, confidence)


def moved_back(scores_T: Floats, source_T: Ints) -> Floats:
    """Returns the row with each score under its column, and NaN where none belongs."""
    repaired_T = np.full(len(scores_T), np.nan)
    for column in np.flatnonzero(np.isfinite(scores_T) & (source_T >= 0)):
        repaired_T[source_T[column]] = scores_T[column]
    return repaired_T


def align(
    log_density_MxTxT: Floats, scores_MxT: Floats, order: ColumnOrder
) -> Iterator[Alignments]:
    """Returns the alignments of each of M rows.

    Args:
        log_density_MxTxT: of cell (m, j), were it of column k; 0 where empty.
        scores_MxT: the rows, NaN where empty.
        order: of columns, with its alternatives.
    """
    rows, length = scores_MxT.shape
    if not rows:
        return
    near_BxT = np.concatenate([order.near, order.near[:, ::-1]])
    forwards, backwards = 1.0 - _BACKWARDS, _BACKWARDS
    prior_B = np.concatenate([order.probability * forwards, order.probability * backwards])
    log_prior_B = np.log(np.maximum(prior_B, 1e-300))
    offsets = find_offsets(log_density_MxTxT, scores_MxT, near_BxT, furthest=length - 1)
    swaps = find_swaps(log_density_MxTxT, scores_MxT)
    own = np.arange(length)
    for row in range(rows):
        density_TxT = log_density_MxTxT[row]
        slips_TxT = np.maximum(density_TxT, FLOOR)
        none = float(slips_TxT[own, own].sum())
        plain = density_TxT[own, own].sum()
        ways = []
        for at in range(len(near_BxT)):
            source_T = offsets.source[at, row]
            if (source_T == own).all():
                continue
            # What the chain's transitions cost; its emissions are counted again, with slips.
            prior = offsets.gain[at, row] - (density_TxT[own, source_T].sum() - plain)
            weight = slips_TxT[own, source_T].sum() + prior + log_prior_B[at]
            loose = _loose(slips_TxT, scores_MxT[row], source_T)
            loose += np.log(_LOOSE_KNOWN if order.known else _LOOSE)
            rest = np.logaddexp(_rest(offsets.total[at, row] - offsets.gain[at, row]), loose)
            ways.append(Alignment("shifted", source_T, float(weight), float(weight + rest)))
        pair = swaps.pair[row]
        source_T = own.copy()
        source_T[pair] = pair[::-1]
        if swaps.gain[row] > -1e8:
            prior = swaps.gain[row] - (density_TxT[own, source_T].sum() - plain)
            weight = slips_TxT[own, source_T].sum() + prior
            loose = _loose(slips_TxT, scores_MxT[row], source_T) + np.log(_LOOSE_SWAP)
            rest = np.logaddexp(_rest(swaps.total[row] - swaps.gain[row]), loose)
            ways.append(Alignment("swapped", source_T, float(weight), float(weight + rest)))
        ways += _permutations(scores_MxT[row], density_TxT)
        yield Alignments(scores_MxT[row], none, tuple(ways))


def _rest(log_ratio: float) -> float:
    """Returns log(exp(x) − 1), for the ways besides the best; −∞ where there are none."""
    return float(np.log(np.expm1(log_ratio))) if log_ratio > 1e-12 else -np.inf


def _loose(slips_TxT: Floats, scores_T: Floats, source_T: Ints) -> float:
    """Returns the log-sum, relative to an alignment, of all that differ by one cell or one exchange."""
    cells = np.flatnonzero(np.isfinite(scores_T) & (source_T >= 0))
    target_C = source_T[cells]
    fit_CxT = slips_TxT[cells] - slips_TxT[cells, target_C][:, None]
    holes = np.setdiff1d(np.arange(len(scores_T)), target_C)
    fit_CxC = fit_CxT[:, target_C]
    differ = np.triu(scores_T[cells][:, None] != scores_T[cells], 1)
    changes = np.concatenate([(fit_CxC + fit_CxC.T)[differ], fit_CxT[:, holes].ravel()])
    return float(special.logsumexp(changes)) if len(changes) else -np.inf


def _permutations(scores_T: Floats, density_TxT: Floats) -> list[Alignment]:
    """Returns the likeliest assignment of cells to columns, if it moves any, with its exchanges."""
    length = len(scores_T)
    moved_TxT = np.log(_MOVED / length) * (1 - np.eye(length))
    value_TxT = np.maximum(density_TxT + moved_TxT, FLOOR)
    # It does not matter where nothing goes.
    value_TxT[~np.isfinite(scores_T)] = 0.0
    cells, source_T = optimize.linear_sum_assignment(value_TxT, maximize=True)
    slip_T = (density_TxT + moved_TxT)[cells, source_T] < FLOOR
    slip_T &= source_T != cells
    source_T = np.where(slip_T, -1, source_T)
    if (source_T == np.arange(length))[np.isfinite(scores_T)].all():
        return []
    target_T = np.where(slip_T, cells, source_T)
    best_T = np.where(slip_T, FLOOR, value_TxT[cells, target_T])
    weight = float(best_T.sum() + np.log(_PERMUTED))
    taken_TxT = value_TxT[:, target_T]
    exchange_TxT = taken_TxT + taken_TxT.T - best_T[:, None] - best_T
    others = float(special.logsumexp(exchange_TxT[np.triu_indices(length, 1)]))
    loose = _loose(np.maximum(density_TxT, FLOOR), scores_T, source_T) + np.log(_LOOSE_PERMUTED)
    others = float(np.logaddexp(others, loose))
    return [Alignment("permuted", source_T, weight, weight + others)]
