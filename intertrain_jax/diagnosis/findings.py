"""What an examination of a table finds, and the copy that its findings repair."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

Rule = Literal[
    "same name",
    "same scores",
    "out of range",
    "impossible",
    "average",
    "outlier",
    "shifted",
    "swapped",
    "permuted",
    "unreadable",
    "failed",
    "repeated run",
    "contradicted",
]
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one row, or with one file.

    Attributes:
        row: id of the row in the table's index; −1 for a file.
        model: its name, as given (untrusted text).
        rule: which rule it breaks.
        severity: "error" if the row's cells, or its being there, cannot be trusted; "note" of what is
            only unusual; else "warning".
        evidence: a sentence with the values that show it.
        missing: of a misplaced row, the columns whose scores are likely missing.
        repaired: column → value that it should have, NaN for empty; only cells that change. Empty
            unless that is known: 99 % sure, of a row with an impossible cell, all cells possible after.
        confidence: posterior probability of the likeliest repair; NaN where there is none.
        not_repaired: why a misplaced row's repair is not known well enough; empty where it is.
    """

    row: int
    model: str
    rule: Rule
    severity: Severity
    evidence: str
    missing: tuple[str, ...] = ()
    repaired: Mapping[str, float] = field(default_factory=dict)
    confidence: float = float("nan")
    not_repaired: str = ""


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
        """One row per finding, its columns are the finding's attributes.

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
            "not_repaired",
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
                f.not_repaired,
            )
            for f in self.findings
        ]
        return pd.DataFrame(rows, columns=columns)


# What is wrong with a row, in words; of several rules it is said by the first.
_WORDS: Mapping[Rule, str] = {
    "shifted": "with scores under wrong columns",
    "swapped": "with scores under wrong columns",
    "permuted": "with scores under wrong columns",
    "out of range": "with scores out of range",
    "impossible": "with scores that no number of right answers gives",
    "same name": "of models listed before",
    "same scores": "with another model's scores",
}


def said_of(findings: Iterable[Finding]) -> str:
    """Returns how many rows have an error, by what is wrong with them, in words."""
    rules: dict[int, set[Rule]] = {}
    for finding in findings:
        if finding.severity == "error":
            rules.setdefault(finding.row, set()).add(finding.rule)
    first = [next((_WORDS[rule] for rule in _WORDS if rule in own), "") for own in rules.values()]
    counts = Counter(word for word in first if word)
    return ", ".join(f"{count:,} {word}" for word, count in counts.most_common())


def sureness(probability: float) -> str:
    """Returns a probability in percent, rounded down: nothing is certain that is only likely."""
    return ">99.9 %" if probability >= 0.999 else f"{math.floor(1000.0 * probability) / 10.0:.1f} %"


def repair(scores: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """Returns a copy of a table with the repairs of its findings."""
    repaired = scores.copy()
    for finding in findings.findings:
        for column, value in finding.repaired.items():
            repaired.loc[finding.row, column] = value
    return repaired
