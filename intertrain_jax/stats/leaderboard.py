"""Reads a published leaderboard: one row per model, one column per target, as the public site has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class Leaderboard:
    """A table of the public site; M rows (row 0 is the file's first), T targets.

    All four tables share the row ids 0 to M − 1 as their index, in the file's order. Names are data,
    not keys: the site has models in two rows.

    Attributes:
        scores: [M, T] percent, NaN where not tested; columns are targets, in the file's order.
        names: [M] model names as given.
        probe: [M] accuracy of the linear probe on MNLI, percent; NaN where missing.
        average: [M] the file's own average over targets, percent; NaN where missing.
        pretrained: row id of the pretrained model; `names[pretrained]` is what it is called.
    """

    scores: pd.DataFrame
    names: pd.Series[str]
    probe: pd.Series[float]
    average: pd.Series[float]
    pretrained: int


def read_leaderboard(path: Path, pretrained: str | None = None) -> Leaderboard:
    """Reads a table with the columns model_name, avg, mnli_lp and one per target.

    Args:
        path: CSV file; an unnamed first column of row numbers is left out.
        pretrained: name of the pretrained model. Without it, the row that the file is named after
            (`roberta-base_table.csv`), else the first row where it alone has no probe.

    Raises:
        IntertrainError: the file is no such table, a number is none (the row and the column are
            named), a column occurs twice, there are fewer than three models or no scores at all,
            or no row is the pretrained model's.
    """
    raise NotImplementedError
