"""Examines a table of scores: duplicates, impossible cells, wrong averages, misplaced cells."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
import pandas as pd

from intertrain_jax.diagnosis.misplaced import Examined, Misplaced, find_misplaced
from intertrain_jax.diagnosis.shifts import Columns, Floats

Rule = Literal[
    "same name",
    "same scores",
    "out of range",
    "average",
    "outlier",
    "shifted",
    "swapped",
    "permuted",
    "unreadable",
    "failed",
    "repeated run",
]
Severity = Literal["error", "warning"]
TableKind = Literal["scores", "gains"]

# STS-B is scored by a rank correlation times 100, which can be negative.
RANK_CORRELATIONS = frozenset({"stsb"})
# Robust statistics need this many scores per column, comparisons of rows this many cells.
FEWEST_SCORES, FEWEST_CELLS = 8, 3
# A cell this many robust standard deviations from its column is odd; a row with several is an error.
_FAR, _SEVERAL = 8.0, 3
_SHOWN = 2


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one row, or with one file.

    Attributes:
        row: id of the row in the table's index; −1 for a file.
        model: its name, as given (untrusted text).
        rule: which rule it breaks.
        severity: "error" if the row's cells, or its being there, cannot be trusted; else "warning".
        evidence: a sentence with the values that show it.
        missing: of a misplaced row, the columns whose scores are likely missing.
        repaired: column → value that it likely should have, NaN for empty; only cells that change.
        confidence: posterior probability of `repaired` among all repairs; NaN where there is none.
    """

    row: int
    model: str
    rule: Rule
    severity: Severity
    evidence: str
    missing: tuple[str, ...] = ()
    repaired: Mapping[str, float] = field(default_factory=dict)
    confidence: float = float("nan")


@dataclass(frozen=True)
class Findings:
    """What an examination found.

    Attributes:
        findings: in the order of rows.
        order: columns in the order in which rows were shifted, as inferred; the table's own order
            if too few rows are shifted to infer one.
        order_rows: shifted rows that the inferred order rests on; 0 for the table's own.
        notes: what could not be examined, one sentence each.
    """

    findings: tuple[Finding, ...]
    order: tuple[str, ...]
    order_rows: int
    notes: tuple[str, ...] = ()

    @property
    def suspicious(self) -> frozenset[int]:
        """Ids of the rows with an error: an analysis leaves them out unless told otherwise."""
        return frozenset(f.row for f in self.findings if f.severity == "error" and f.row >= 0)

    @property
    def table(self) -> pd.DataFrame:
        """One row per finding: row, model, rule, severity, evidence, missing, repaired, confidence.

        `repaired` is text such as "sst2=94.84; dbpedia=".
        """
        columns = [
            "row",
            "model",
            "rule",
            "severity",
            "evidence",
            "missing",
            "repaired",
            "confidence",
        ]
        rows = [
            (
                f.row,
                f.model,
                f.rule,
                f.severity,
                f.evidence,
                "; ".join(f.missing),
                "; ".join(
                    f"{c}={'' if np.isnan(v) else f'{v:.6g}'}" for c, v in f.repaired.items()
                ),
                f.confidence,
            )
            for f in self.findings
        ]
        return pd.DataFrame(rows, columns=columns)


def examine(
    scores: pd.DataFrame,
    names: pd.Series[str],
    average: pd.Series[float] | None = None,
    kind: TableKind = "scores",
) -> Findings:
    """Examines a table; M rows, T columns.

    Usual call: `examine(board.scores, board.names, board.average).suspicious`.

    Args:
        scores: [M, T] in percent, NaN where missing, rows by an id that is unique.
        names: [M] model names by the same ids; they may repeat.
        average: [M] the table's own average of each row, if it has one.
        kind: whether cells are scores (0 to 100) or gains (−100 to 100, and no search for misplaced
            cells, as cells move before the pretrained model's scores are taken away).

    Returns:
        The findings. Of models that occur twice, the first row is not an error.
    """
    found = [*_same_names(scores, names), *_same_scores(scores, names)]
    if average is not None:
        found += _averages(scores, names, average)
    found += _out_of_range(scores, names, kind)
    lowest = _lowest(scores, kind)
    possible = scores.where((scores >= lowest) & (scores <= 100.0))
    enough = possible.notna().sum() >= FEWEST_SCORES
    usable = possible.loc[possible.notna().any(axis=1), enough]
    notes = []
    if len(few := [str(column) for column in scores.columns[~enough]]):
        notes.append(
            f"Not compared with the rest of their columns, as fewer than {FEWEST_SCORES} models have"
            f" scores there: {', '.join(few)}."
        )
    order, order_rows = tuple(map(str, usable.columns)), 0
    if usable.shape[1] >= FEWEST_CELLS:
        examined = (
            find_misplaced(usable.to_numpy(float))
            if kind == "scores"
            else Examined.without_search(usable.to_numpy(float))
        )
        found += _misplaced(usable, names, examined)
        found += _outliers(usable, names, examined)
        order = tuple(str(usable.columns[at]) for at in examined.order.columns)
        order_rows = examined.order.rows
    position = {row: at for at, row in enumerate(scores.index)}
    found.sort(key=lambda finding: position[finding.row])
    return Findings(tuple(found), order, order_rows, tuple(notes))


def repair(scores: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """Returns a copy of a table with the repairs of its findings."""
    repaired = scores.copy()
    for finding in findings.findings:
        for column, value in finding.repaired.items():
            repaired.loc[finding.row, column] = value
    return repaired


def _same_names(scores: pd.DataFrame, names: pd.Series[str]) -> Iterator[Finding]:
    """Finds models in several rows; names count as the same without case and outer blanks."""
    average = scores.mean(axis=1).where(scores.notna().all(axis=1))
    rank = average.rank(ascending=False, method="min")
    cells = dict(zip(scores.index, scores.to_numpy(float), strict=True))
    for first, *others in _alike(names.str.strip().str.casefold().items()):
        for row in others:
            both_T = np.isfinite(cells[row]) & np.isfinite(cells[first])
            differ = (cells[row] != cells[first])[both_T].sum()
            text = f"The same model as row {first}; {differ} of {both_T.sum()} scores differ"
            if np.isfinite(rank[row]) and np.isfinite(rank[first]):
                text += (
                    f": rank {rank[first]:.0f} there with an average of {average[first]:.2f},"
                    f" rank {rank[row]:.0f} here with {average[row]:.2f}"
                )
            yield Finding(int(row), str(names[row]), "same name", "error", f"{text}.")


def _same_scores(scores: pd.DataFrame, names: pd.Series[str]) -> Iterator[Finding]:
    """Finds models with the same cells under another name; one name's rows are `_same_names`'."""
    tested = scores[scores.notna().sum(axis=1) >= min(FEWEST_CELLS, scores.shape[1])]
    cells = zip(tested.index, map(tuple, tested.fillna(np.inf).to_numpy(float)), strict=True)
    for first, *others in _alike(cells):
        for row in others:
            if names[row].strip().casefold() != names[first].strip().casefold():
                count = tested.count(axis=1)[row]
                text = f"All {count} scores are those of row {first}, {names[first]!r}."
                yield Finding(int(row), str(names[row]), "same scores", "error", text)


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
            f" {int(scores.loc[row].notna().sum())} scores {mean[row]:.2f}.",
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
    negative = [kind == "gains" or str(column) in RANK_CORRELATIONS for column in scores.columns]
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


def _misplaced(
    scores: pd.DataFrame, names: pd.Series[str], examined: Examined
) -> Iterator[Finding]:
    """Words the rows with misplaced cells; the table's `scores` are those that were examined."""
    columns = list(map(str, scores.columns))
    for misplaced in examined.misplaced:
        row = scores.index[misplaced.row]
        before_T = scores.to_numpy(float)[misplaced.row]
        after_T = misplaced.repaired(before_T)
        changed = np.flatnonzero((before_T != after_T) & ~(np.isnan(before_T) & np.isnan(after_T)))
        lost = np.setdiff1d(np.arange(len(columns)), misplaced.source)
        yield Finding(
            row=int(row),
            model=str(names[row]),
            rule=misplaced.kind,
            severity="error",
            evidence=_evidence(scores, before_T, misplaced, examined.columns),
            missing=tuple(columns[at] for at in lost),
            repaired={columns[at]: float(after_T[at]) for at in changed},
            confidence=misplaced.confidence,
        )


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
        f"{len(moved)} cells {verb}, 10^{power:.0f} times likelier than as it stands:"
        f" {'; '.join(cells)}."
    )


def _outliers(scores: pd.DataFrame, names: pd.Series[str], examined: Examined) -> Iterator[Finding]:
    """Finds cells far from their columns, in rows that no move of cells explains."""
    explained = {misplaced.row for misplaced in examined.misplaced}
    columns = list(map(str, scores.columns))
    values_MxT = scores.to_numpy(float)
    distance_MxT = np.nan_to_num(examined.columns.distances(values_MxT))
    for at in np.flatnonzero((np.abs(distance_MxT) > _FAR).any(axis=1)).tolist():
        if at in explained:
            continue
        row = scores.index[at]
        far = np.flatnonzero(np.abs(distance_MxT[at]) > _FAR)
        far = far[np.argsort(-np.abs(distance_MxT[at, far]), kind="stable")]
        shown = "; ".join(
            f"{columns[c]} {values_MxT[at, c]:.1f} (median {examined.columns.centre[c]:.1f},"
            f" {distance_MxT[at, c]:+.0f} robust standard deviations)"
            for c in far[:_SHOWN].tolist()
        )
        more = f"; and {len(far) - _SHOWN} more" if len(far) > _SHOWN else ""
        severity: Severity = "error" if len(far) >= _SEVERAL else "warning"
        text = f"Far from the other models: {shown}{more}."
        yield Finding(int(row), str(names[row]), "outlier", severity, text)
