"""The order of columns in which rows were shifted, inferred from the shifted rows themselves.

Whoever shifts a row by one shows, under each column, the score of the column that follows it. So
over shifted rows, cells that do not fit their own column fit its successor's. These fits are
weights of edges between columns, and the order is a path through all of them with a large sum:
greedy edges, then moves of segments. Rows with more than one missing score need the whole model of
`shifts`: its likelihood decides last, over those moves that keep the sum high.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from scipy import special

from intertrain_jax.diagnosis.shifts import Columns, Floats, Ints, best_gains, find_offsets

# A row speaks about the order if this many cells are farther than this from their columns.
_FAR, _CELLS = 6.0, 3
_ROWS_NEEDED = 3
# More rows would only take longer.
_ROWS_USED = 40
# Prior of a cell to be in place, under another column, or of no column (a density over 50 points).
_IN_PLACE, _ELSEWHERE, _NOWHERE = 0.5, 0.4, 0.1
_LOG_BROAD = -np.log(50.0)
# The search with the whole model: largest offset, moves tried at once per column, rows in memory.
_FURTHEST, _MOVES_TRIED, _BATCH = 4, 6, 4000
_NO_CHANGE = 1e-6
# Prior of a table of a known format to have its rows shifted along its own order instead.
_NOT_KNOWN = 0.01
# A cell whose log density in its own column is below this does not fit it.
_UNFIT = -12.0
# Orders whose log-likelihood is closer than this to the best one's count as alternatives.
_CLOSE, _CLOSE_ORDERS, _KEPT_ORDERS = 5.0, 60, 12


@dataclass(frozen=True)
class ColumnOrder:
    """An order of T columns.

    Attributes:
        columns: [T] columns, in order.
        rows: shifted rows that it rests on; 0 if it is the table's own order.
        near: [B, T] orders that are about as likely, this one first.
        probability: [B] posterior probability among them.
        known: whether it is that of a known format.
    """

    columns: Ints
    rows: int
    near: Ints
    probability: Floats
    known: bool = False

    @classmethod
    def own(cls, length: int) -> ColumnOrder:
        """Returns a table's own order."""
        columns = np.arange(length, dtype=np.intp)
        return cls(columns, 0, columns[None], np.ones(1))


def infer_order(columns: Columns, scores_MxT: Floats, log_density_MxTxT: Floats) -> ColumnOrder:
    """Infers the order, or returns the table's own where too few rows speak or it fits as well.

    An inferred order must be likelier by a factor of T!, the number of orders it was chosen from.

    Args:
        columns: fits of the table's columns.
        scores_MxT: the table, NaN where empty.
        log_density_MxTxT: of `columns`.
    """
    length = scores_MxT.shape[1]
    own = ColumnOrder.own(length)
    far_MxT = np.abs(columns.distances(scores_MxT)) > _FAR
    far_MxT |= np.diagonal(log_density_MxTxT, axis1=1, axis2=2) < _UNFIT
    speaking = np.flatnonzero(far_MxT.sum(axis=1) >= _CELLS)
    if len(speaking) < _ROWS_NEEDED:
        return own
    most = np.argsort(-far_MxT[speaking].sum(axis=1), kind="stable")[:_ROWS_USED]
    search = _Search(log_density_MxTxT[speaking[most]], scores_MxT[speaking[most]])
    near_BxT, value_B = search.run()
    gain_R = best_gains(search.log_density_RxTxT, search.scores_RxT, near_BxT[:1], _FURTHEST)[0]
    rows = int((gain_R > np.log(length)).sum())
    least = search.likelihood(own.near)[0] + special.gammaln(length + 1)
    if rows < _ROWS_NEEDED or value_B[0] < least:
        return own
    return ColumnOrder(near_BxT[0], rows, near_BxT, np.asarray(special.softmax(value_B)))


def weigh_orders(
    columns: Columns, scores_MxT: Floats, log_density_MxTxT: Floats, known_T: Ints
) -> ColumnOrder | None:
    """Weighs an order that is known of such tables against the table's own.

    Returns:
        Both, or None if rows speak and neither explains most of them.
    """
    near_BxT = np.array([known_T, np.arange(len(known_T))])
    log_prior_B = np.log(np.array([1.0 - _NOT_KNOWN, _NOT_KNOWN]))
    far_MxT = np.abs(columns.distances(scores_MxT)) > _FAR
    far_MxT |= np.diagonal(log_density_MxTxT, axis1=1, axis2=2) < _UNFIT
    speaking = np.flatnonzero(far_MxT.sum(axis=1) >= _CELLS)[:_ROWS_USED]
    if not len(speaking):
        return ColumnOrder(known_T, 0, near_BxT, np.exp(log_prior_B), known=True)
    gain_BxR = best_gains(log_density_MxTxT[speaking], scores_MxT[speaking], near_BxT, _FURTHEST)
    value_B = gain_BxR.sum(axis=1) + log_prior_B
    by_value = np.argsort(-value_B, kind="stable")
    rows = int((gain_BxR[by_value[0]] > np.log(len(known_T))).sum())
    if len(speaking) >= _ROWS_NEEDED and rows < len(speaking) / 2:
        return None
    return ColumnOrder(
        near_BxT[by_value[0]],
        rows if by_value[0] == 0 else 0,
        near_BxT[by_value],
        np.asarray(special.softmax(value_B[by_value])),
        known=bool(by_value[0] == 0),
    )


@dataclass(frozen=True)
class _Search:
    """The search over orders with R rows."""

    log_density_RxTxT: Floats
    scores_RxT: Floats

    def run(self) -> tuple[Ints, Floats]:
        """Returns the best orders found, [B, T], the very best first, and their log posteriors."""
        weights = successor_weights(self.log_density_RxTxT)
        order = improve_path(weights, greedy_path(weights))
        best = self.likelihood(order[None])[0]
        while True:
            shown = self.shown_weights(order)
            # The first weights know of no order and the second of this one; either alone gets stuck.
            likely = np.unique(
                [
                    np.argsort(-_changes(by, order), kind="stable")[: _MOVES_TRIED * len(order)]
                    for by in (weights, shown)
                ]
            )
            tried = [improve_path(shown, order), *(_moved(order, move) for move in likely)]
            values = self.likelihood(np.array(tried))
            if values.max() <= best + _NO_CHANGE:
                close = np.flatnonzero(values > best - _CLOSE)
                close = close[np.argsort(-values[close], kind="stable")[:_CLOSE_ORDERS]]
                return self._weighed(
                    np.array([order, *(tried[at] for at in close)]), np.append(best, values[close])
                )
            order, best = tried[values.argmax()], values.max()

    def _weighed(self, order_BxT: Ints, value_B: Floats) -> tuple[Ints, Floats]:
        """Keeps one of the orders that move the same cells, and counts how many such orders there are.

        Columns that no row needs to move may stand in any order before the others.
        """
        moved = find_offsets(self.log_density_RxTxT, self.scores_RxT, order_BxT, _FURTHEST)
        length = order_BxT.shape[1]
        free_B = (moved.source == np.arange(length)).all(axis=1).sum(axis=1)
        value_B = value_B + special.gammaln(free_B + 1)
        first = {moved.source[at].tobytes(): int(at) for at in np.argsort(value_B, kind="stable")}
        kept = np.array(sorted(first.values(), key=lambda at: -value_B[at])[:_KEPT_ORDERS])
        return order_BxT[kept], value_B[kept]

    def shown_weights(self, order_T: Ints) -> Floats:
        """Returns [T, T]: how well cells at offset 1, by the whole model, fit each column."""
        length = len(order_T)
        found = find_offsets(self.log_density_RxTxT, self.scores_RxT, order_T[None], _FURTHEST)
        follower_T = np.full(length, -1)
        follower_T[order_T[:-1]] = order_T[1:]
        once_RxT = found.source[0] == follower_T
        fit = np.logaddexp(self.log_density_RxTxT, _LOG_BROAD) - np.log(2.0) - _LOG_BROAD
        weights = np.einsum("rj,rjk->jk", once_RxT, fit)
        weights[np.arange(length), np.arange(length)] = -np.inf
        return np.asarray(weights)

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
    """Makes the best move while one enlarges the path's sum."""
    while True:
        changes_V = _changes(weights_TxT, order_T)
        best = int(changes_V.argmax())
        if changes_V[best] <= _NO_CHANGE:
            return order_T
        order_T = _moved(order_T, best)


@cache
def _moves(length: int) -> Ints:
    """Returns [4, V]: bounds a < b ≤ c < d of two segments [a, b) and [c, d) that change places.

    Where the segments touch, this moves one; where each is one column, it exchanges two.
    """
    bounds = [(a, b, b, c) for a, b, c in combinations(range(length + 1), 3)]
    bounds += combinations(range(length + 1), 4)
    return np.array(bounds, dtype=np.intp).T


def _changes(weights_TxT: Floats, order_T: Ints) -> Floats:
    """Returns [V]: what each move adds to the path's sum of weights."""
    length = len(order_T)
    # A node without weights stands before and after the path, so that its ends are like any other.
    edges = np.zeros((length + 1, length + 1))
    edges[:length, :length] = weights_TxT
    ring = np.append(order_T, length)
    edges = edges[ring][:, ring]
    a, b, c, d = _moves(length)
    own = edges[np.arange(-1, length), np.arange(length + 1)]
    apart = b < c
    joined = edges[a - 1, c] + edges[b - 1, d]
    joined += np.where(apart, edges[d - 1, b] + edges[c - 1, a], edges[d - 1, a])
    return np.asarray(joined - own[a] - own[b] - own[d] - np.where(apart, own[c], 0.0))


def _moved(order_T: Ints, move: int) -> Ints:
    """Returns the order after a move of `_moves`."""
    a, b, c, d = _moves(len(order_T))[:, move]
    return np.concatenate([order_T[:a], order_T[c:d], order_T[b:c], order_T[a:b], order_T[d:]])
