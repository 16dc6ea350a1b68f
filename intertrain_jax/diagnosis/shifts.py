"""Rows whose cells stand under the wrong columns: shifted along an order of columns, or swapped.

A pipeline that keeps scores in a list, in some order of the columns, and drops one of them without
leaving a gap moves all later ones over by one. The public leaderboard has such rows, in four shapes
that one model covers. Under an order of the T columns, the cell at position j shows the score of
the column at position j + d_j. The offset d is 0 at first, grows where a score is missing, and falls
back to 0 where cells stand right again; there the row repeats itself, as the last shifted score is
also in its own place (or that place is empty). Cells follow Student t densities around the columns'
medians, so one odd cell proves little. A row's offsets are then a hidden Markov chain: the best
ones are found by Viterbi's algorithm, their probability by the forward algorithm, against the row
as it stands and all swaps of two cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# Degrees of freedom of the columns' t densities; low, as weak models are far off in many columns.
_FREEDOM = 4.0
# No column's scale is below this share of the median scale: a column may consist of ties.
_SCALE_FLOOR = 0.5

# Prior probabilities. Of a row to be shifted, and to have a swap:
_SHIFTED, _SWAPPED = 0.02, 0.01
# of a further score missing at a cell of a shifted row, and of each more in the same gap;
_FURTHER, _GAP = 0.03, 0.3
# of a shift to end where the row repeats itself or has an empty cell, and where it does not;
_END, _END_UNSEEN = 0.5, 1e-5

_IMPOSSIBLE = -1e9


@dataclass(frozen=True)
class Columns:
    """Robust fits of T columns.

    Attributes:
        centre: [T] medians.
        scale: [T], 1.4826 times the median absolute deviation, of the cells that differ from the
            median where most do not; at least half of the median scale.
    """

    centre: Floats
    scale: Floats

    def distances(self, scores_MxT: Floats) -> Floats:
        """Returns how far cells are from their columns, in scales, with sign."""
        return np.asarray((scores_MxT - self.centre) / self.scale)

    def log_densities(self, scores_MxT: Floats) -> Floats:
        """Returns [M, T, T]: of cell (m, j), were it of column k; 0 where the cell is empty."""
        z_MxTxT = (scores_MxT[:, :, None] - self.centre) / self.scale
        constant = stats.t.logpdf(0.0, _FREEDOM) - np.log(self.scale)
        found = constant - (_FREEDOM + 1) / 2 * np.log1p(z_MxTxT**2 / _FREEDOM)
        return np.where(np.isfinite(found), found, 0.0)


def fit_columns(scores_MxT: Floats) -> Columns:
    """Fits columns by medians and median absolute deviations; every column needs a finite cell."""
    centre_T = np.nanmedian(scores_MxT, axis=0)
    deviation_MxT = np.abs(scores_MxT - centre_T)
    scale_T = np.nanmedian(deviation_MxT, axis=0)
    for column in np.flatnonzero(scale_T == 0):
        differing = deviation_MxT[deviation_MxT[:, column] > 0, column]
        scale_T[column] = np.median(differing) if len(differing) else 0.0
    scale_T *= 1.4826
    floor = max(_SCALE_FLOOR * float(np.median(scale_T)), np.finfo(float).tiny)
    return Columns(centre_T, np.maximum(scale_T, floor))


@dataclass(frozen=True)
class Offsets:
    """The best offsets of M rows under each of B orders, and how they compare.

    Attributes:
        source: [B, M, T] the column that each column's cell belongs to.
        gain: [B, M] log joint probability of the row and its best offsets, over that of the row with
            no offsets; 0 where those are best.
        total: [B, M] log-sum over all offsets but none, on the same scale.
    """

    source: Ints
    gain: Floats
    total: Floats


def find_offsets(
    log_density_MxTxT: Floats, scores_MxT: Floats, order_BxT: Ints, furthest: int
) -> Offsets:
    """Finds the best offsets of rows under orders of the columns.

    Args:
        log_density_MxTxT: of `Columns.log_densities`.
        scores_MxT: the rows, NaN where empty.
        order_BxT: columns in the order in which rows are shifted.
        furthest: largest offset that is considered.
    """
    chain = _Chain.of(log_density_MxTxT, scores_MxT, order_BxT, furthest)
    best_N, back = chain.trace()
    total_N = chain.total(np.logaddexp)
    orders, length = order_BxT.shape
    offset_NxT = np.zeros((len(best_N), length), dtype=np.intp)
    for position in range(length - 1, 0, -1):
        offset_NxT[:, position - 1] = back[position][
            offset_NxT[:, position], np.arange(len(best_N))
        ]
    shape = (orders, len(scores_MxT))
    place_BxMxT = np.arange(length) + offset_NxT.reshape(*shape, length)
    order_BxMxT = np.broadcast_to(order_BxT[:, None], place_BxMxT.shape)
    source_BxMxT = np.empty_like(place_BxMxT)
    np.put_along_axis(
        source_BxMxT, order_BxMxT, np.take_along_axis(order_BxMxT, place_BxMxT, axis=2), axis=2
    )
    none = chain.unshifted
    # The sum holds the row without offsets too; taking it away leaves nothing where it is all.
    rest_N = total_N + np.log(-np.expm1(np.minimum(none - total_N, -1e-12)))
    return Offsets(source_BxMxT, (best_N - none).reshape(shape), (rest_N - none).reshape(shape))


def best_gains(
    log_density_MxTxT: Floats, scores_MxT: Floats, order_BxT: Ints, furthest: int
) -> Floats:
    """Returns [B, M]: the `gain` of `find_offsets` under each of B orders."""
    chain = _Chain.of(log_density_MxTxT, scores_MxT, order_BxT, furthest)
    gain = chain.total(np.maximum) - chain.unshifted
    return gain.reshape(len(order_BxT), len(scores_MxT))


@dataclass(frozen=True)
class _Chain:
    """The hidden Markov chain of N rows, T positions and D offsets from 0 on.

    Attributes:
        emission_TxDxN: log density of each cell at each offset, relative to none.
        end_TxDxN: log probability that a shift by this offset ends after the cell.
    """

    emission_TxDxN: Floats
    end_TxDxN: Floats

    @classmethod
    def of(
        cls, log_density_MxTxT: Floats, scores_MxT: Floats, order_BxT: Ints, furthest: int
    ) -> _Chain:
        """Sets the chain up; its N rows are the M rows under each of the B orders in turn."""
        length = scores_MxT.shape[1]
        count = len(order_BxT) * len(scores_MxT)
        states = min(furthest, length - 1) + 1
        emission = np.full((length, states, count), _IMPOSSIBLE)
        end = np.full((length, states, count), _IMPOSSIBLE)
        ordered_MxBxT = scores_MxT[:, order_BxT]
        own = log_density_MxTxT[:, order_BxT, order_BxT]
        for offset in range(states):
            kept = length - offset
            place, source = order_BxT[:, :kept], order_BxT[:, offset:]
            shown = log_density_MxTxT[:, place, source] - own[:, :, :kept]
            if offset:
                here, there = ordered_MxBxT[:, :, :kept], ordered_MxBxT[:, :, offset:]
                repeats = here == there
                ends: NDArray[np.bool_] = repeats | (np.isnan(there) & ~np.isnan(here))
                ending = np.full(ends.shape, np.log(_END_UNSEEN))
                ending[ends] = np.log(_END)
                end[:kept, offset] = ending.transpose(2, 1, 0).reshape(kept, count)
            emission[:kept, offset] = shown.transpose(2, 1, 0).reshape(kept, count)
        return cls(emission, end)

    @property
    def unshifted(self) -> float:
        """Log joint probability of no offsets at all; the same for all rows."""
        length = len(self.emission_TxDxN)
        return (length - 1) * float(np.log1p(-_SHIFTED / length))

    def _start(self) -> tuple[Floats, Floats]:
        """The first position's [D, N], and [D] log probabilities that an offset grows."""
        length, states, rows = self.emission_TxDxN.shape
        grow = np.full(states, np.log(_FURTHER))
        grow[0] = np.log(_SHIFTED / length)
        value = np.zeros((states, rows))
        # The first score may be the missing one: its place then shows a later one.
        value[1:] = (grow[0] + np.log(_GAP) * np.arange(states - 1))[:, None]
        return value + self.emission_TxDxN[0], grow

    def total(self, join: np.ufunc) -> Floats:
        """Returns [N]: all ways to end without an offset, joined by their maximum or log-sum."""
        value, grow = self._start()
        stay = np.log1p(-np.exp(grow))[:, None]
        for position in range(1, len(self.emission_TxDxN)):
            after = value + stay
            after[0] = join(after[0], join.reduce(value + self.end_TxDxN[position - 1], axis=0))
            opened = value + grow[:, None]
            running = opened[0]
            for offset in range(1, len(value)):
                after[offset] = join(after[offset], running)
                running = join(opened[offset], running + np.log(_GAP))
            value = after + self.emission_TxDxN[position]
        return np.asarray(value[0])

    def trace(self) -> tuple[Floats, list[Ints]]:
        """Returns `total(np.maximum)`, and the best offset before each position's, [D, N]."""
        value, grow = self._start()
        stay = np.log1p(-np.exp(grow))
        states = np.arange(len(value))
        step = states[None, :] - states[:, None]
        # [D before, D after]: to grow by several at once costs more; to fall, only to 0.
        move = np.where(step > 0, grow[:, None] + np.log(_GAP) * (step - 1), _IMPOSSIBLE)
        move[states, states] = stay
        back = [np.zeros(value.shape, dtype=np.intp)]
        for position in range(1, len(self.emission_TxDxN)):
            ways = value[:, None] + move[:, :, None]
            ways[:, 0] = value + self.end_TxDxN[position - 1]
            ways[0, 0] = value[0] + stay[0]
            back.append(ways.argmax(axis=0))
            value = ways.max(axis=0) + self.emission_TxDxN[position]
        return value[0], back


@dataclass(frozen=True)
class Swaps:
    """The best swap of two cells in each of M rows.

    Attributes:
        pair: [M, 2] the two columns.
        gain: [M] log joint probability over that of the row as it stands.
        total: [M] log-sum over all swaps, on the same scale.
    """

    pair: Ints
    gain: Floats
    total: Floats


def find_swaps(log_density_MxTxT: Floats, scores_MxT: Floats) -> Swaps:
    """Finds the best swap of two cells that differ; needs no order of columns."""
    length = scores_MxT.shape[1]
    first, second = np.triu_indices(length, 1)
    own = np.diagonal(log_density_MxTxT, axis1=1, axis2=2)
    gain = log_density_MxTxT + log_density_MxTxT.transpose(0, 2, 1)
    gain_MxP = gain[:, first, second] - own[:, first] - own[:, second]
    usable = scores_MxT[:, first] != scores_MxT[:, second]
    usable &= np.isfinite(scores_MxT[:, first]) & np.isfinite(scores_MxT[:, second])
    gain_MxP = np.where(usable, gain_MxP, _IMPOSSIBLE) + np.log(_SWAPPED / len(first))
    best = gain_MxP.argmax(axis=1)
    return Swaps(
        np.stack([first[best], second[best]], axis=1),
        gain_MxP.max(axis=1),
        np.asarray(special.logsumexp(gain_MxP, axis=1)),
    )
