"""Examines a table of scores: duplicates, impossible cells, wrong averages, shifted and swapped rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

Rule = Literal[
    "same name",
    "same scores",
    "out of range",
    "average",
    "outlier",
    "shifted",
    "swapped",
]
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one row.

    Attributes:
        row: id of the row in the table's index.
        model: its name, as given (untrusted text).
        rule: which rule it breaks.
        severity: "error" if the row's cells, or its being there, cannot be trusted; else "warning".
        evidence: a sentence with the values that show it.
        missing: of a shifted row, the column whose cell is likely missing.
        repaired: column → value that it likely should have, NaN for empty; only cells that change.
        confidence: posterior probability of `repaired` among all repairs; NaN where there is none.
    """

    row: int
    model: str
    rule: Rule
    severity: Severity
    evidence: str
    missing: str | None = None
    repaired: Mapping[str, float] = field(default_factory=dict)
    confidence: float = float("nan")


@dataclass(frozen=True)
class Findings:
    """What an examination found.

    Attributes:
        findings: in the order of rows.
        order: columns in the order in which rows were shifted, as inferred; the table's own order
            if too few rows are shifted to infer one.
        inferred: whether `order` was inferred.
    """

    findings: tuple[Finding, ...]
    order: tuple[str, ...]
    inferred: bool

    @property
    def suspicious(self) -> frozenset[int]:
        """Ids of the rows with an error: an analysis leaves them out unless told otherwise."""
        return frozenset(f.row for f in self.findings if f.severity == "error")

    @property
    def table(self) -> pd.DataFrame:
        """One row per finding: row, model, rule, severity, evidence, missing, repaired, confidence."""
        raise NotImplementedError


def examine(
    scores: pd.DataFrame,
    names: pd.Series[str],
    average: pd.Series[float] | None = None,
    kind: Literal["scores", "gains"] = "scores",
) -> Findings:
    """Examines a table; M rows, T columns.

    Usual call: `examine(board.scores, board.names, board.average).suspicious`.

    Args:
        scores: [M, T] in percent, NaN where missing, rows by an id that is unique.
        names: [M] model names by the same ids; they may repeat.
        average: [M] the table's own average of each row, if it has one.
        kind: whether cells are scores (0 to 100) or gains (−100 to 100, and no search for shifts,
            as a shift happens before the pretrained model's scores are taken away).

    Returns:
        The findings. Of models that occur twice, the first row is not an error.
    """
    raise NotImplementedError
