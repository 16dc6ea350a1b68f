"""The order of columns in which rows were shifted, inferred from the shifted rows themselves.

Whoever shifts a row by one shows, under each column, the score of the column that follows it. So
over shifted rows, cells that do not fit their own column fit its successor's. These fits are
weights of edges between columns, and the order is a path through all of them with a large sum:
greedy edges, then moves of segments. Rows with more than one missing score need the whole model of
`shifts`: its likelihood decides last, over moves of blocks and of single columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from intertrain_jax.stats.shifts import Columns, Floats, Ints, best_gains

# A row speaks about the order if this many cells are farther than this from their columns.
_FAR, _CELLS = 6.0, 3
_ROWS_NEEDED = 3
# More rows would only take longer.
_ROWS_USED = 40
# Prior of a cell to be in place, under another column, or of no column (a density over 50 points).
_IN_PLACE, _ELSEWHERE, _NOWHERE = 0.5, 0.4, 0.1
_LOG_BROAD = -np.log(50.0)
# The search with the whole model: largest offset, weak edges that blocks are cut at.
_FURTHEST, _CUTS = 4, 8
_BATCH = 4000


@dataclass(frozen=True)
class ColumnOrder:
    """An order of T columns.

    Attributes:
        order_T: columns, in order.
        rows: shifted rows that it rests on; 0 if it is the table's own order.
    """

    order_T: Ints
    rows: int


def infer_order(columns: Columns, scores_MxT: Floats, log_density_MxTxT: Floats) -> ColumnOrder:
    """Infers the order, or returns the table's own where too few rows speak or it fits as well.

    An inferred order must be likelier by a factor of T!, the number of orders it was chosen from.

    Args:
        columns: fits of the table's columns.
        scores_MxT: the table, NaN where empty.
        log_density_MxTxT: of `columns`.
    """
    length = scores_MxT.shape[1]
    given = np.arange(length, dtype=np.intp)
    far_MxT = np.abs(columns.distances(scores_MxT)) > _FAR
    speaking = np.flatnonzero(far_MxT.sum(axis=1) >= _CELLS)
    if len(speaking) < _ROWS_NEEDED:
        return ColumnOrder(given, 0)
    most = np.argsort(-far_MxT[speaking].sum(axis=1), kind="stable")[:_ROWS_USED]
    search = _Search(log_density_MxTxT[speaking[most]], scores_MxT[speaking[most]])
    own = search.likelihood(given[None])[0]
    order = search.run()
    gains_M = best_gains(search.log_density_RxTxT, search.scores_RxT, order[None], _FURTHEST)[0]
    rows = int((gains_M > np.log(length)).sum())
    if rows < _ROWS_NEEDED or gains_M.sum() < own + special.gammaln(length + 1):
        return ColumnOrder(given, 0)
    return ColumnOrder(order, rows)


@dataclass(frozen=True)
class _Search:
    """The search over orders with R rows."""

    log_density_RxTxT: Floats
    scores_RxT: Floats

    def run(self) -> Ints:
        """Returns the best order found."""
        weights = successor_weights(self.log_density_RxTxT)
        order = improve_path(weights, greedy_path(weights))
        best = self.likelihood(order[None])[0]
        while True:
            for moves in (_block_moves(order, weights), _single_moves(order)):
                values = self.likelihood(moves)
                if values.max() > best + 1e-6:
                    order, best = moves[values.argmax()], values.max()
                    break
            else:
                return order

    def likelihood(self, order_BxT: Ints) -> Floats:
        """Returns [B]: log-likelihood of the rows' best offsets over that of no offsets."""
        step = max(1, _BATCH // len(self.scores_RxT))
        return np.concatenate(
            [
                best_gains(
                    self.log_density_RxTxT, self.scores_RxT, order_BxT[at : at + step], _FURTHEST
                ).sum(axis=1)
                for at in range(0, len(order_BxT), step)
            ]
        )


def successor_weights(log_density_RxTxT: Floats) -> Floats:
    """Returns [T, T]: how well cells that do not fit column j fit column k; −inf for k = j."""
    length = log_density_RxTxT.shape[1]
    own = np.arange(length)
    joint = log_density_RxTxT + np.log(_ELSEWHERE / (length - 1))
    joint[:, own, own] = log_density_RxTxT[:, own, own] + np.log(_IN_PLACE)
    broad = np.full((*joint.shape[:2], 1), _LOG_BROAD + np.log(_NOWHERE))
    total = special.logsumexp(np.concatenate([joint, broad], axis=2), axis=2)
    misplaced_RxT = -np.expm1(joint[:, own, own] - total)
    fit = np.logaddexp(log_density_RxTxT, _LOG_BROAD) - np.log(2.0) - _LOG_BROAD
    weights = np.einsum("rj,rjk->jk", misplaced_RxT, fit)
    weights[own, own] = -np.inf
    return np.asarray(weights)


def greedy_path(weights_TxT: Floats) -> Ints:
    """Joins columns by the largest weights first, until all of them are one path."""
    length = len(weights_TxT)
    follower = np.full(length, -1)
    leader = np.full(length, -1)
    path = np.arange(length)
    for edge in np.argsort(-weights_TxT, axis=None, kind="stable"):
        first, second = divmod(int(edge), length)
        if follower[first] < 0 and leader[second] < 0 and path[first] != path[second]:
            follower[first], leader[second] = second, first
            path[path == path[second]] = path[first]
    order = [int(np.flatnonzero(leader < 0)[0])]
    while follower[order[-1]] >= 0:
        order.append(int(follower[order[-1]]))
    return np.array(order, dtype=np.intp)


def improve_path(weights_TxT: Floats, order_T: Ints) -> Ints:
    """Moves segments of the path, the best move first, until no move enlarges its sum."""
    length = len(order_T)
    # A node without weights closes the path, so that its ends are edges like any other.
    closed = np.zeros((length + 1, length + 1))
    closed[:length, :length] = weights_TxT
    while True:
        ring = np.concatenate([[length], order_T, [length]])
        edges = closed[ring[:-1], ring[1:]]
        best, move = 1e-9, None
        for first in range(1, length + 1):
            for last in range(first, length + 1 - (first == 1)):
                freed = edges[first - 1] + edges[last] - closed[ring[first - 1], ring[last + 1]]
                cost = edges - closed[ring[:-1], ring[first]] - closed[ring[last], ring[1:]]
                cost[first - 1 : last + 1] = np.inf
                at = int(cost.argmin())
                if -freed - cost[at] > best:
                    best, move = -freed - cost[at], (first, last, at)
        if move is None:
            return order_T
        order_T = _moved(order_T, move[0] - 1, move[1], move[2])


def _moved(order_T: Ints, start: int, stop: int, before: int) -> Ints:
    """Moves order[start:stop] to stand before what is at `before`, outside of it."""
    segment = order_T[start:stop]
    if before <= start:
        parts = [order_T[:before], segment, order_T[before:start], order_T[stop:]]
    else:
        parts = [order_T[:start], order_T[stop:before], segment, order_T[before:]]
    return np.concatenate(parts)


def _block_moves(order_T: Ints, weights_TxT: Floats) -> Ints:
    """All moves of runs of blocks, where blocks are what the weakest edges leave together."""
    length = len(order_T)
    edges = weights_TxT[order_T[:-1], order_T[1:]]
    cuts = [0, *sorted(np.argsort(edges, kind="stable")[:_CUTS] + 1), length]
    return np.array(
        [
            _moved(order_T, cuts[a], cuts[b], cuts[c])
            for a in range(len(cuts))
            for b in range(a + 1, len(cuts))
            for c in range(b + 1, len(cuts))
        ]
    )


def _single_moves(order_T: Ints) -> Ints:
    """All moves of single columns."""
    length = len(order_T)
    return np.array(
        [
            _moved(order_T, at, at + 1, before)
            for at in range(length)
            for before in range(length + 1)
            if before not in (at, at + 1)
        ]
    )
