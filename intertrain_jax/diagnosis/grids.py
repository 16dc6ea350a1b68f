"""Which scores can stand in which column: an accuracy is a number of right answers out of n.

A mean over s runs is a number out of s·n. A printed score is possible in a column if some such number
rounds to it, which says something where the numbers lie farther apart than the last printed digit.
The sizes n are known for public data sets, or inferred where nearly all of a column's scores agree; both
are used only if the column's scores in otherwise possible rows agree, so columns of F1, of correlations
or of other test sets stay free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.diagnosis.known_tables import FREE, key, known_sizes
from intertrain_jax.diagnosis.shifts import Floats

Bools = NDArray[np.bool_]

# Last digits that are told apart; finer ones are a float's own.
_DECIMALS = 8
# Numbers of runs that a row's scores may be means of.
_RUNS = np.array([*range(1, 11), 12, 15, 16, 20, 25, 30])
# Log factor of a score that its column cannot have: slips of the hand exist.
IMPOSSIBLE = -15.0
# A row of fewer scores is taken to have the digits of the table; a smaller share of scores with more
# digits than the others, such as a probe beside scores from a paper, tells nothing of those.
_TELLING, _FINER = 4, 0.2
# Share of scores that must agree with a size: beyond chance in all rows, and in those that are possible.
_AGREE, _AGREE_SOUND, _AGREE_INFERRED = 0.25, 0.9, 0.5
# A row's number of runs is plain if this share of at least so many scores is possible with it.
_PLAIN, _JUDGED, _DOUBT = 0.97, 5, 1e6
# A row counts as possible if this share of its scores is.
_SOUND = 0.9
# Log of the odds that agreement must have against chance; inference needs them beside all sizes tried,
# of which there are up to so many, this many different scores, and looks at this many of them.
_ODDS, _LARGEST, _DIFFERENT, _LOOKED_AT = 10.0, 60_000, 12, 48
# Smaller sizes than this are found by known sizes only.
_SMALLEST = 20
# Up to here all sizes are tried, above only denominators of scores with units at least this fine.
_SCANNED, _FINE = 5000, 1e-7


@dataclass(frozen=True)
class Grids:
    """The possible scores of T columns, for M rows.

    Attributes:
        size: [T] test examples; NaN where a column is free.
        unit: [T] unit of a column's last printed digit where it is coarser than its rows' else; or 0.
        row_unit: [M] of a row's.
        runs: [M] runs that a row's scores are means of.
    """

    size: Floats
    unit: Floats
    row_unit: Floats
    runs: NDArray[np.int64]

    def columns(self, chosen: Bools) -> Grids:
        """Returns the grids of some columns."""
        return Grids(self.size[chosen], self.unit[chosen], self.row_unit, self.runs)

    def rows(self, chosen: Bools) -> Grids:
        """Returns the grids of some rows."""
        return Grids(self.size, self.unit, self.row_unit[chosen], self.runs[chosen])

    def possible(self, scores_MxT: Floats) -> Bools:
        """Returns [M, T]: whether cells can be what their own columns have; true where empty or free."""
        return _agree(scores_MxT, self.size, self._units(), self.runs[:, None])

    def possible_anywhere(self, scores_MxT: Floats) -> Bools:
        """Returns [M, T, T]: whether the score of cell (m, j) is possible in column k."""
        return _agree(
            scores_MxT[:, :, None], self.size, self._units()[:, None], self.runs[:, None, None]
        )

    def log_factors(self, scores_MxT: Floats) -> Floats:
        """Returns [M, T, T]: log of how much likelier column k makes the digits of cell (m, j)."""
        found = np.broadcast_to(
            self._information()[:, None], (*scores_MxT.shape, len(self.size))
        ).copy()
        found[~self.possible_anywhere(scores_MxT)] = IMPOSSIBLE
        found[~np.isfinite(scores_MxT)] = 0.0
        return found

    def _units(self) -> Floats:
        return np.maximum(self.row_unit[:, None], self.unit)

    def _information(self) -> Floats:
        """Returns [M, T]: log of the distance between possible scores, in units; 0 where free."""
        spacing = 100.0 / (self.size * self.runs[:, None])
        return np.nan_to_num(np.maximum(np.log(spacing / self._units()), 0.0))


def fit_grids(scores_MxT: Floats, names: Sequence[object], pretrained: int | None = None) -> Grids:
    """Finds out which columns have grids.

    Args:
        scores_MxT: percent, NaN where empty.
        names: [T] of columns.
        pretrained: row of the pretrained model, which may be a mean over more runs than the others.
    """
    rows, length = scores_MxT.shape
    several_M = np.isfinite(scores_MxT).sum(axis=1) >= _TELLING
    table = _usual_unit(scores_MxT.ravel())
    row_unit_M = np.full(rows, table)
    row_unit_M[several_M] = [_usual_unit(row) for row in scores_MxT[several_M]]
    units_MxT = np.repeat(row_unit_M[:, None], length, axis=1)
    # A column may be printed with fewer digits than its rows have elsewhere.
    printed_T = np.array([_unit(column) for column in scores_MxT.T])
    tried = [
        (at, size)
        for at, name in enumerate(names)
        if key(name) not in FREE
        for size in known_sizes(name)
    ]
    # The first of a column's sizes give the rows' numbers of runs, with which all of them are judged.
    size_T, unit_T, gain_T = np.full(length, np.nan), np.zeros(length), np.zeros(length)
    for at, size in reversed(tried):
        size_T[at] = size
    runs_M = _runs(scores_MxT, size_T, np.maximum(units_MxT, printed_T), pretrained)
    size_T[:] = np.nan
    for at, size in tried:
        score_M = scores_MxT[:, at]
        for unit in (0.0, float(printed_T[at])):
            gain = _odds(score_M, size, np.maximum(row_unit_M, unit), runs_M)
            if gain > max(gain_T[at], _ODDS):
                gain_T[at], size_T[at], unit_T[at] = gain, size, unit
    for at in np.flatnonzero(np.isnan(size_T)).tolist():
        if key(names[at]) not in FREE:
            unit_T[at] = printed_T[at]
            size_T[at] = _infer(scores_MxT[:, at], np.maximum(row_unit_M, printed_T[at]))
            if np.isnan(size_T[at]):
                # Scores of a test set of 500 have one digit without being rounded.
                unit_T[at] = 0.0
                size_T[at] = _infer(scores_MxT[:, at], row_unit_M, _SOUND, float(printed_T[at]))
    runs_M = _runs(scores_MxT, size_T, np.maximum(units_MxT, unit_T), pretrained)
    return _trusted(Grids(size_T, unit_T, row_unit_M, runs_M), scores_MxT)


def _trusted(grids: Grids, scores_MxT: Floats) -> Grids:
    """Frees the columns that rows disagree with whose other scores are possible."""
    size_T = grids.size.copy()
    known_MxT = np.isfinite(scores_MxT)
    possible_MxT = grids.possible(scores_MxT)
    judged_MxT = known_MxT & np.isfinite(size_T)
    wrong_M = (judged_MxT & ~possible_MxT).sum(axis=1)
    for at in np.flatnonzero(np.isfinite(size_T)):
        own_M = judged_MxT[:, at]
        others_M = judged_MxT.sum(axis=1) - own_M
        other_wrong_M = wrong_M - (own_M & ~possible_MxT[:, at])
        sound_M = own_M & (other_wrong_M <= (1 - _SOUND) * others_M)
        if not sound_M.any() or possible_MxT[sound_M, at].mean() < _AGREE_SOUND:
            size_T[at] = np.nan
    return Grids(size_T, grids.unit, grids.row_unit, grids.runs)


def _agree(scores: Floats, size: Floats, unit: Floats, runs: NDArray[np.int64]) -> Bools:
    """Returns whether scores round to a count out of size·runs; true where either is NaN."""
    count = size * runs
    right = scores * count / 100.0
    nearest = np.clip(np.rint(right), 0.0, count)
    # The last term is what arithmetic in floats loses.
    return np.asarray(
        ~(np.abs(right - nearest) > count / 100.0 * (unit * 0.5005 + 1e-9) + 1e-7), dtype=bool
    )


def _usual_unit(values: Floats) -> float:
    """Returns the unit of the last digit that values are printed with, but for a few that have more."""
    known = values[np.isfinite(values)]
    finer = [np.abs(known - np.round(known, d)) >= 1e-10 for d in range(_DECIMALS)]
    for decimals, more in enumerate(finer):
        if len(known) and more.mean() < _FINER:
            return float(10.0**-decimals)
    return float(10.0**-_DECIMALS)


def _unit(values: Floats) -> float:
    """Returns the unit of the last digit that values are printed with."""
    known = values[np.isfinite(values)]
    for decimals in range(_DECIMALS):
        if len(known) and (np.abs(known - np.round(known, decimals)) < 1e-10).all():
            return float(10.0**-decimals)
    return float(10.0**-_DECIMALS)


def _runs(
    scores_MxT: Floats, size_T: Floats, units_MxT: Floats, pretrained: int | None
) -> NDArray[np.int64]:
    """Returns [M]: the number of runs that a row's scores plainly are means of, else the commonest.

    It is plain where nearly all scores that it could exclude are possible, and it could exclude many.
    """
    known_MxT = np.isfinite(scores_MxT) & np.isfinite(size_T)
    value_RxM = np.full((len(_RUNS), len(scores_MxT)), -np.inf)
    most_M = np.zeros(len(scores_MxT), dtype=np.int64)
    for at, runs in enumerate(_RUNS):
        agree_MxT = _agree(scores_MxT, size_T, units_MxT, np.asarray(runs))
        spacing_T = 100.0 / (np.nan_to_num(size_T, nan=1.0) * runs)
        bits_MxT = np.maximum(np.log(spacing_T / units_MxT), 0.0)
        judged_MxT = known_MxT & (bits_MxT > np.log(2.0))
        judged_M, wrong_M = judged_MxT.sum(axis=1), (judged_MxT & ~agree_MxT).sum(axis=1)
        if not at:
            most_M = judged_M
        plain_M = wrong_M <= (1 - _PLAIN) * judged_M
        enough_M = (judged_M >= _JUDGED) & (judged_M >= most_M / 2)
        value_M = np.where(judged_MxT, np.where(agree_MxT, bits_MxT, IMPOSSIBLE), 0.0).sum(axis=1)
        if pretrained is not None:
            enough_M[pretrained] = True
            # Any number of runs that makes all of its scores possible is likelier than an error.
            value_M[pretrained] -= _DOUBT * (known_MxT & ~agree_MxT)[pretrained].any()
        plain_M &= enough_M
        value_RxM[at, plain_M] = value_M[plain_M]
    plain_M = np.isfinite(value_RxM).any(axis=0)
    found_M = _RUNS[value_RxM.argmax(axis=0)]
    common = int(np.bincount(found_M[plain_M]).argmax()) if plain_M.any() else 1
    return np.where(plain_M, found_M, common)


def _odds(scores_M: Floats, size: float, unit_M: Floats, runs_M: NDArray[np.int64]) -> float:
    """Returns the log odds of scores that agree with a size against chance; 0 where too few agree."""
    known = np.isfinite(scores_M)
    score, unit = scores_M[known], unit_M[known]
    if not len(score):
        return 0.0
    count = size * runs_M[known]
    chance = np.minimum(unit * count / 100.0 + 1e-12, 1.0)
    agree = _agree(score, np.asarray(size), unit, runs_M[known])
    beyond = (agree.mean() - chance.mean()) / max(1.0 - chance.mean(), 1e-9)
    if chance.mean() > 0.95 or beyond < _AGREE:
        return 0.0
    # The same score in many rows, as of the largest class, is one piece of evidence.
    _, first = np.unique(score, return_index=True)
    hit = agree[first]
    bits = np.where(hit, np.log(0.9 / chance[first] + 0.1), np.log(0.1))
    return float(bits[hit].sum() + 0.5 * bits[~hit].sum())


def _infer(
    scores_M: Floats, unit_M: Floats, most: float = _AGREE_INFERRED, printed: float = 0.0
) -> float:
    """Returns the size that most of a column's scores agree with, NaN where there is none.

    Args:
        scores_M: of the column.
        unit_M: of each score's last digit.
        most: share of the scores that must agree.
        printed: unit of the column's last digit, where it may be that of the scores themselves: what all
            numbers of so many digits agree with says nothing.
    """
    known = np.isfinite(scores_M)
    score_V, first, count_V = np.unique(scores_M[known], return_index=True, return_counts=True)
    if len(score_V) < _DIFFERENT:
        return float("nan")
    unit_V = unit_M[known][first]
    chosen = np.unique(np.linspace(0, len(score_V) - 1, _LOOKED_AT).astype(int))
    looked, unit, weight = score_V[chosen], unit_V[chosen], count_V[chosen]
    sizes_S = _candidates(looked, float(np.median(unit)))
    if printed:
        sizes_S = sizes_S[sizes_S % max(1, round(100.0 / printed)) > 0]
    if not len(sizes_S):
        return float("nan")
    agree_LxS = _agree(looked[:, None], sizes_S.astype(float), unit[:, None], np.asarray(1))
    chance_LxS = np.minimum(unit[:, None] * sizes_S / 100.0, 1.0)
    bits_LxS = np.where(agree_LxS, np.log(0.9 / chance_LxS + 0.1), np.log(0.1))
    # The largest class's score is in many rows, but speaks as few.
    weight = np.minimum(weight, max(1.0, 0.1 * weight.sum()))
    best = int((weight @ bits_LxS).argmax())
    size = float(sizes_S[best])
    agree_V = _agree(score_V, np.asarray(size), unit_V, np.asarray(1))
    enough = np.where(agree_LxS[:, best], bits_LxS[:, best], -1.0).sum()
    share = float(count_V @ agree_V) / float(count_V.sum())
    if enough < np.log(_LARGEST) + _ODDS + 5.0 or share < most:
        return float("nan")
    return size


def _candidates(score_L: Floats, unit: float) -> NDArray[np.int64]:
    """Returns sizes worth trying: small ones all, larger ones as denominators of scores."""
    largest = int(min(_LARGEST, 100.0 / (3.0 * unit)))
    sizes = set(range(_SMALLEST, min(largest, _SCANNED) + 1))
    if largest > _SCANNED and unit <= _FINE:
        for score in score_L.tolist():
            denominator = Fraction(score / 100.0).limit_denominator(largest).denominator
            sizes.update(
                d for d in range(denominator, largest + 1, denominator)[:6] if d > _SCANNED
            )
    return np.array(sorted(sizes), dtype=np.int64)
