"""Examines a table of scores: duplicates, impossible cells, wrong averages, misplaced cells."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Literal, cast

import numpy as np
import pandas as pd

from intertrain_jax.base import counted
from intertrain_jax.diagnosis.findings import Finding, Findings, Severity, sureness
from intertrain_jax.diagnosis.grids import Grids, fit_grids
from intertrain_jax.diagnosis.known_tables import site_order
from intertrain_jax.diagnosis.misplaced import Examined, Misplaced, find_misplaced
from intertrain_jax.diagnosis.shifts import Columns, Floats
from intertrain_jax.readers.leaderboard import PROBE
from intertrain_jax.readers.units import is_correlation

TableKind = Literal["scores", "gains"]

# STS-B is scored by a rank correlation times 100, which can be negative.
RANK_CORRELATIONS = frozenset({"stsb"})
# Robust statistics need this many scores per column, comparisons of rows this many cells.
FEWEST_SCORES, FEWEST_CELLS = 8, 3
# A cell this many robust standard deviations from its column is worth a note.
_FAR = 8.0
# A repair is written if it is this probable.
_SURE = 0.99
_NOT_PROVEN = "No cell of the row is impossible where it stands."
_UNEXPLAINED = "No move of cells explains the row."
_SHOWN = 2
# A model learned nothing if this share of its scores are among the lowest tenth of their columns.
_COLLAPSED, _BOTTOM = 0.8, 0.1
# Above so many pairs of the same scores that chance is expected to make, one is no error.
_CHANCE = 0.05


def examine(
    scores: pd.DataFrame,
    names: pd.Series[str],
    average: pd.Series[float] | None = None,
    kind: TableKind = "scores",
    probe: pd.Series[float] | None = None,
    pretrained: int | None = None,
) -> Findings:
    """Examines a table; M rows, T columns.

    Usual call: `examine(board.scores, board.names, board.average).suspicious`.

    Args:
        scores: [M, T] in percent, NaN where missing, rows by an id that is unique.
        names: [M] model names by the same ids; they may repeat.
        average: [M] the table's own average of each row, if it has one.
        kind: whether cells are scores (0 to 100) or gains (−100 to 100, and no search for misplaced
            cells, as cells move before the pretrained model's scores are taken away).
        probe: [M] linear probe on MNLI in percent, if the table has it; its cells never move.
        pretrained: row of the pretrained model: misplaced only if it has impossible cells, and perhaps
            a mean over more runs than the others.

    Returns:
        The findings. Of models that occur twice, the first row is not an error.
    """
    found = [*_same_names(scores, names), *_same_scores(scores, names)]
    if average is not None:
        found += _averages(scores, names, average)
    found += _out_of_range(scores, names, kind)
    if probe is not None:
        found += _out_of_range(probe.to_frame(PROBE), names, "scores")
    lowest = _lowest(scores, kind)
    inside = scores.where((scores >= lowest) & (scores <= 100.0))
    enough = inside.notna().sum() >= FEWEST_SCORES
    tested = inside.notna().any(axis=1)
    usable = inside.loc[tested, enough]
    notes = []
    if len(few := [str(column) for column in scores.columns[~enough]]):
        notes.append(
            f"Not compared with the rest of their columns, as fewer than {FEWEST_SCORES} models have"
            f" scores there: {', '.join(few)}."
        )
    row = None if pretrained is None else list(scores.index).index(pretrained)
    grids = impossible = None
    if kind == "scores":
        beside = inside if probe is None else inside.assign(**{PROBE: probe.where(probe <= 100.0)})
        grids = fit_grids(beside.to_numpy(float), list(beside.columns), row)
        impossible = beside.where(~grids.possible(beside.to_numpy(float)))
        grids = grids.columns(np.append(enough, np.zeros(int(probe is not None), dtype=bool)))
        grids = grids.rows(tested.to_numpy())
    order, order_rows = tuple(map(str, usable.columns)), 0
    explained: frozenset[int] = frozenset()
    if usable.shape[1] >= FEWEST_CELLS:
        values_MxT = usable.to_numpy(float)
        examined = Examined.without_search(values_MxT)
        if grids is not None:
            examined = find_misplaced(values_MxT, grids, site_order(list(usable.columns)))
        found += _misplaced(usable, names, examined, grids, pretrained)
        explained = frozenset(f.row for f in found if f.rule in ("shifted", "swapped", "permuted"))
        found += _outliers(usable, names, examined, explained)
        order = tuple(str(usable.columns[at]) for at in examined.order.columns)
        order_rows = examined.order.rows
    if impossible is not None:
        found += _impossible(impossible, names, explained)
    position = {row: at for at, row in enumerate(scores.index)}
    found.sort(key=lambda finding: position[finding.row])
    return Findings(tuple(found), order, order_rows, tuple(notes))


def _same_names(scores: pd.DataFrame, names: pd.Series[str]) -> Iterator[Finding]:
    """Finds models in several rows; names count as the same without case and outer blanks."""
    average = scores.mean(axis=1).where(scores.notna().all(axis=1))
    rank = average.rank(ascending=False, method="min")
    cells = dict(zip(scores.index, scores.to_numpy(float), strict=True))
    for first, *others in _alike(names.str.strip().str.casefold().items()):
        for row in others:
            both_T = np.isfinite(cells[row]) & np.isfinite(cells[first])
            differ = (cells[row] != cells[first])[both_T].sum()
            text = f"The same model as row {first}; of {counted(int(both_T.sum()), 'score')}"
            text += f" {differ} differ"
            if np.isfinite(rank[row]) and np.isfinite(rank[first]):
                text += (
                    f": rank {rank[first]:.0f} there with an average of {average[first]:.2f},"
                    f" rank {rank[row]:.0f} here with {average[row]:.2f}"
                )
            yield Finding(int(row), str(names[row]), "same name", "error", f"{text}.")


def _same_scores(scores: pd.DataFrame, names: pd.Series[str]) -> Iterator[Finding]:
    """Finds models with the same cells under another name; one name's rows are `_same_names`'.

    Models that learned nothing have the same scores without being copies: that is a note. So is what
    chance may have made: of few targets with few test examples, some models have the same scores.
    """
    tested = scores[scores.notna().sum(axis=1) >= min(FEWEST_CELLS, scores.shape[1])]
    bottom = tested.rank(method="min") <= max(1.0, _BOTTOM * len(tested))
    lowest = bottom.sum(axis=1) >= _COLLAPSED * tested.count(axis=1)
    cells = zip(tested.index, map(tuple, tested.fillna(np.inf).to_numpy(float)), strict=True)
    by_chance = _pairs_by_chance(tested)
    if by_chance >= 1:
        return
    for first, *others in _alike(cells):
        for row in others:
            if names[row].strip().casefold() != names[first].strip().casefold():
                count = tested.count(axis=1)[row]
                text = f"Its {counted(count, 'score')} are those of row {first}, {names[first]!r}"
                learned = not lowest[row]
                likely = by_chance > _CHANCE
                if not learned:
                    text += ", as of models that learned nothing: among the lowest."
                else:
                    text += ", as may be by chance." if likely else "."
                severity: Severity = "error" if learned and not likely else "note"
                yield Finding(int(row), str(names[row]), "same scores", severity, text)


def _pairs_by_chance(scores: pd.DataFrame) -> float:
    """Returns how many pairs of M rows are expected to be the same, were columns independent."""
    rows = len(scores)
    if rows < 2:
        return 0.0
    shares = []
    for column in scores.columns:
        counts = scores[column].value_counts(dropna=False).to_numpy(float)
        shares.append(float(np.sum(counts * (counts - 1.0))) / (rows * (rows - 1.0)))
    return 0.5 * rows * (rows - 1.0) * float(np.prod(shares))


def _alike(keys: Iterable[tuple[Hashable, Hashable]]) -> Iterator[list[int]]:
    """Returns the ids of rows with the same key, where there are several."""
    rows: dict[Hashable, list[int]] = {}
    for row, key in keys:
        rows.setdefault(key, []).append(cast("int", row))
    return (group for group in rows.values() if len(group) > 1)


def _averages(
    scores: pd.DataFrame, names: pd.Series[str], average: pd.Series[float]
) -> Iterator[Finding]:
    """Finds averages that are not those of their cells, rounding aside."""
    mean = scores.mean(axis=1)
    unit = max(_unit(average), *(_unit(scores[column]) for column in scores.columns))
    for row in scores.index[(average - mean).abs() > unit]:
        yield Finding(
            int(row),
            str(names[row]),
            "average",
            "warning",
            f"The table's average is {average[row]:.2f}, that of the row's"
            f" {counted(int(scores.loc[row].notna().sum()), 'score')} {mean[row]:.2f}.",
        )
    for row in scores.index[average.notna() & mean.isna()]:
        text = f"The table's average is {average[row]:.2f}, but the row has no scores."
        yield Finding(int(row), str(names[row]), "average", "warning", text)


def _unit(values: pd.Series[float]) -> float:
    """Returns the unit of the last decimal that values are written with, 1e-6 at the least."""
    known = values.dropna().to_numpy(float)
    for decimals in range(6):
        if np.allclose(known, np.round(known, decimals), rtol=0.0, atol=1e-9):
            return float(10.0**-decimals)
    return 1e-6


def _lowest(scores: pd.DataFrame, kind: TableKind) -> pd.Series[float]:
    """Returns the lowest possible value of each column."""
    # The public site scores CoLA by accuracy, others by a correlation.
    known = site_order(list(scores.columns)) is not None
    negative = [
        kind == "gains"
        or str(column) in RANK_CORRELATIONS
        or (not known and is_correlation(column))
        for column in scores.columns
    ]
    return pd.Series([-100.0 if may else 0.0 for may in negative], index=scores.columns)


def _out_of_range(
    scores: pd.DataFrame, names: pd.Series[str], kind: TableKind
) -> Iterator[Finding]:
    """Finds cells that no score or gain can have."""
    lowest = _lowest(scores, kind)
    outside = (scores < lowest) | (scores > 100.0)
    for row in scores.index[outside.any(axis=1)]:
        cells = scores.columns[outside.loc[row]]
        shown = ", ".join(f"{c} {scores.loc[row, c]:.6g}" for c in cells[:_SHOWN])
        more = f" and {len(cells) - _SHOWN} more" if len(cells) > _SHOWN else ""
        text = f"Outside {lowest[cells].min():g} to 100: {shown}{more}."
        yield Finding(int(row), str(names[row]), "out of range", "error", text)


def _impossible(
    cells: pd.DataFrame, names: pd.Series[str], explained: frozenset[int]
) -> Iterator[Finding]:
    """Finds scores that no number of right answers gives; `cells` are those, all others NaN."""
    for row in cells.index[cells.notna().any(axis=1)]:
        columns = list(map(str, cells.columns[cells.loc[row].notna()]))
        if row in explained and PROBE not in columns:
            continue
        shown = ", ".join(f"{c} {cells.loc[row, c]:.6g}" for c in columns[:_SHOWN])
        more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
        text = (
            f"No number of right answers gives {shown}{more}: the scores of other models there are"
            " all fractions of one size of test set."
        )
        yield Finding(
            int(row), str(names[row]), "impossible", "error", text, not_repaired=_UNEXPLAINED
        )


def _misplaced(
    scores: pd.DataFrame,
    names: pd.Series[str],
    examined: Examined,
    grids: Grids | None,
    pretrained: int | None,
) -> Iterator[Finding]:
    """Words the rows with misplaced cells; the table's `scores` are those that were examined."""
    columns = list(map(str, scores.columns))
    for misplaced in examined.misplaced:
        row = int(scores.index[misplaced.row])
        before_T = scores.to_numpy(float)[misplaced.row]
        after_T = misplaced.repaired(before_T)
        reason = _why_not(misplaced, before_T, grids)
        if row == pretrained and reason == _NOT_PROVEN:
            continue
        changed = np.flatnonzero((before_T != after_T) & ~(np.isnan(before_T) & np.isnan(after_T)))
        lost = np.setdiff1d(np.arange(len(columns)), misplaced.source)
        yield Finding(
            row=row,
            model=str(names[row]),
            rule=misplaced.kind,
            severity="error",
            evidence=_evidence(scores, before_T, misplaced, examined.columns),
            missing=tuple(columns[at] for at in lost),
            repaired={} if reason else {columns[at]: float(after_T[at]) for at in changed},
            confidence=misplaced.confidence,
            not_repaired=reason,
        )


def _why_not(misplaced: Misplaced, before_T: Floats, grids: Grids | None) -> str:
    """Returns why a row's repair is not known well enough to be written; nothing where it is."""
    if grids is None:
        return _NOT_PROVEN
    own = grids.rows(np.arange(len(grids.runs)) == misplaced.row)
    if own.possible(before_T[None]).all():
        return _NOT_PROVEN
    if misplaced.confidence < _SURE:
        sure = sureness(misplaced.confidence)
        return f"The likeliest repair is {sure} sure; it is written from {100 * _SURE:.0f} % on."
    after_T = misplaced.repaired(before_T)
    if not own.possible(after_T[None]).all():
        return "Some scores would be impossible after the likeliest repair too."
    if not np.isin(before_T[np.isfinite(before_T)], after_T).all():
        return "The likeliest repair has no place for some scores."
    return ""


def _evidence(
    scores: pd.DataFrame, before_T: Floats, misplaced: Misplaced, columns: Columns
) -> str:
    """Says how many cells moved, how much likelier that is, and shows the farthest of them."""
    names = list(map(str, scores.columns))
    moved = np.flatnonzero(np.isfinite(before_T) & (misplaced.source != np.arange(len(before_T))))
    distance_T = np.abs(columns.distances(before_T))
    shown = moved[np.argsort(-distance_T[moved], kind="stable")[:_SHOWN]]
    cells = []
    for at, source in zip(shown.tolist(), misplaced.source[shown].tolist(), strict=True):
        fits = f"{names[source]} ({columns.centre[source]:.1f})" if source >= 0 else "no column"
        cells.append(
            f"{names[at]} {before_T[at]:.1f} (median {columns.centre[at]:.1f}) fits {fits}"
        )
    verb = {
        "shifted": "moved over along the order of columns",
        "swapped": "changed places",
        "permuted": "stand under other columns",
    }[misplaced.kind]
    power = misplaced.evidence / np.log(10.0)
    return (
        f"{counted(len(moved), 'cell')} {verb}, 10^{power:.0f} times likelier than as it stands:"
        f" {'; '.join(cells)}."
    )


def _outliers(
    scores: pd.DataFrame, names: pd.Series[str], examined: Examined, explained: frozenset[int]
) -> Iterator[Finding]:
    """Finds cells far from their columns, in rows that no move of cells explains."""
    columns = list(map(str, scores.columns))
    values_MxT = scores.to_numpy(float)
    distance_MxT = np.nan_to_num(examined.columns.distances(values_MxT))
    for at in np.flatnonzero((np.abs(distance_MxT) > _FAR).any(axis=1)).tolist():
        row = scores.index[at]
        if row in explained:
            continue
        far = np.flatnonzero(np.abs(distance_MxT[at]) > _FAR)
        far = far[np.argsort(-np.abs(distance_MxT[at, far]), kind="stable")]
        shown = "; ".join(
            f"{columns[c]} {values_MxT[at, c]:.1f} (median {examined.columns.centre[c]:.1f},"
            f" {distance_MxT[at, c]:+.0f} robust standard deviations)"
            for c in far[:_SHOWN].tolist()
        )
        more = f"; and {len(far) - _SHOWN} more" if len(far) > _SHOWN else ""
        text = f"Far from the other models: {shown}{more}."
        yield Finding(int(row), str(names[row]), "outlier", "note", text)
