"""Reads a published leaderboard: one row per model, one column per target, as the site has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError, counted, nearest
from intertrain_jax.readers.csv import Source, check_unique, no_pretrained, number, read_csv
from intertrain_jax.readers.units import check_percent

NAME, AVERAGE, PROBE = "model_name", "avg", "mnli_lp"
# The site's files are called roberta-base_table.csv and google_t5-v1_1-base_table.csv.
_FILE_SUFFIX = "_table"


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
        notes: on how the file is written, a sentence each.
    """

    scores: pd.DataFrame
    names: pd.Series[str]
    probe: pd.Series[float]
    average: pd.Series[float]
    pretrained: int
    notes: tuple[str, ...] = ()


def is_leaderboard(header: Sequence[str]) -> bool:
    """Returns whether a CSV file's header is that of a leaderboard."""
    return {NAME, PROBE} <= set(header)


def read_leaderboard(
    path: Source, pretrained: str | None = None, percent: bool = False
) -> Leaderboard:
    """Reads a table with the columns model_name, avg, mnli_lp and one per target.

    Args:
        path: CSV file; an unnamed first column of row numbers is left out.
        pretrained: name of the pretrained model. Without it, the first row where it alone has no
            probe, else the row that the file is named after (`roberta-base_table.csv`). Of several
            rows with that name, the first with scores.
        percent: whether the user vouches that scores are in percent, however small.

    Raises:
        IntertrainError: the file is no such table, a number is none (the row and the column are
            named), a column occurs twice, scores are not in percent, there is one model
            only or no score at all, or no row is the pretrained model's, or it has no scores.
    """
    cells = read_csv(path)
    header, rows = cells.header, cells.rows
    for column in (NAME, AVERAGE, PROBE):
        if column not in header:
            raise IntertrainError(
                f"leaderboard {str(path)!r} must have the columns {NAME}, {AVERAGE} and {PROBE}, but"
                f" {column!r} is missing.{nearest(column, header)} Rename or add it."
            )
    check_unique(path, "column", header)
    if "" in header[1:]:
        raise IntertrainError(
            f"leaderboard {str(path)!r}: column {header.index('', 1) + 1} must have a name, but has"
            " none. Name or remove it."
        )
    names = [row[header.index(NAME)] for row in rows]
    for line, name in enumerate(names, 2):
        if not name:
            raise IntertrainError(
                f"leaderboard {str(path)!r}: every row must name a model, but line {line} does not."
                " Name or remove it."
            )
    values = {
        column: [
            number(path, row[at], f"{name} (line {line})", column)
            for line, (row, name) in enumerate(zip(rows, names, strict=True), 2)
        ]
        for at, column in enumerate(header)
        if column not in ("", NAME)
    }
    numbers = pd.DataFrame(values, dtype=float)
    scores = numbers.drop(columns=[AVERAGE, PROBE])
    if len(names) < 2:
        raise IntertrainError(
            f"leaderboard {str(path)!r} must have rows of the pretrained model and another at least,"
            f" has {counted(len(names), 'row')}. Add more."
        )
    if scores.empty or scores.isna().all(axis=None):
        raise IntertrainError(
            f"leaderboard {str(path)!r} must have a score in at least one cell, but all"
            f" {scores.size} are missing. Fill them in."
        )
    lines = [f"{name} (line {line})" for line, name in enumerate(names, 2)]
    probe = numbers[PROBE]
    notes = check_percent(path, pd.concat([scores, probe], axis=1).set_axis(lines), percent)
    row = _pretrained_row(path, names, scores, probe, pretrained)
    return Leaderboard(
        scores, pd.Series(names, dtype=str), probe, numbers[AVERAGE], row, (*cells.notes, *notes)
    )


def _pretrained_row(
    path: Source,
    names: Sequence[str],
    scores: pd.DataFrame,
    probe: pd.Series[float],
    pretrained: str | None,
) -> int:
    """Returns the id of the pretrained model's row; see `read_leaderboard`."""
    tested = scores.notna().any(axis=1)
    if pretrained is None and tested[0] and np.isnan(probe[0]) and probe[1:].notna().all():
        return 0
    wanted = path.stem.removesuffix(_FILE_SUFFIX) if pretrained is None else pretrained
    # In file names, the site writes "_" for the "/" of a model's name.
    same = [
        row
        for row, name in enumerate(names)
        if name == wanted or (pretrained is None and name.replace("/", "_") == wanted)
    ]
    if not same:
        raise no_pretrained(path, wanted, names)
    for row in same:
        if tested[row]:
            return row
    raise IntertrainError(
        f"leaderboard {str(path)!r}: the pretrained model {names[same[0]]!r} must have scores, but all"
        f" {scores.shape[1]} are missing. Fill them in, or name another with --pretrained."
    )
