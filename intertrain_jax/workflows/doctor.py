"""Examines a table of scores, or a results directory, for what cannot be right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.formats import is_file, is_folder
from intertrain_jax.diagnosis.examine import examine
from intertrain_jax.diagnosis.findings import Findings
from intertrain_jax.diagnosis.inputs import Subject, read_subject
from intertrain_jax.readers.csv import Frame
from intertrain_jax.workflows.results import GridResult


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """What was found.

    Attributes:
        subject: the table, as it was read.
        found: findings, and the order of columns along which cells moved.
    """

    subject: Subject
    found: Findings

    @property
    def findings(self) -> pd.DataFrame:
        """One row per finding: row, model, rule, severity, evidence and what is likely missing."""
        return self.found.table

    @property
    def repaired(self) -> pd.DataFrame:
        """The table with its repairs, as text.

        Raises:
            IntertrainError: it is no table with a row per model.
        """
        if self.subject.file is None:
            raise IntertrainError(
                f"{self.subject.what} Only tables with a row per model can be repaired."
            )
        return self.subject.file.repaired(self.subject.scores, self.found)

    def __repr__(self) -> str:
        """Says what was examined, and what was found."""
        read = "\n".join((self.subject.what, *self.subject.notes))
        if not self.found.findings:
            return f"{read}\nNothing found."
        return f"{read}\n{self.findings.to_string(index=False)}"


def doctor(
    table: pd.DataFrame | str | Path | GridResult, *, pretrained: str | None = None
) -> Diagnosis:
    """Examines a table, and changes nothing.

    Args:
        table: a leaderboard, a matrix of scores or gains, scores in long form, as a DataFrame or a CSV
            file; or a grid or its results directory.
        pretrained: the pretrained model of a leaderboard.

    Raises:
        IntertrainError: there is nothing to read, or it is no such table.
    """
    if isinstance(table, pd.DataFrame):
        subject = read_subject(Frame(table), pretrained)
    else:
        path = table.out if isinstance(table, GridResult) else Path(table)
        if not (is_file(path) or is_folder(path)):
            raise IntertrainError(
                f"PATH {str(path)!r} must be a CSV file or a results directory, but there is none."
                " Correct it."
            )
        subject = read_subject(path, pretrained)
    examined = examine(
        subject.scores,
        subject.names,
        subject.average,
        subject.kind,
        subject.probe,
        subject.pretrained,
    )
    found = Findings(
        (*subject.found, *examined.findings), examined.order, examined.order_rows, examined.notes
    )
    return Diagnosis(subject, found)
