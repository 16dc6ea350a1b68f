"""Reads scores in long form: columns base, target, seed and score, one row per run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.readers.csv import Source, check_unique, number, read_csv

RUN_COLUMNS = ("base", "target", "seed", "score")


@dataclass(frozen=True)
class Scores:
    """Runs and their scores.

    Attributes:
        source: where they are from, for messages.
        runs: base, target, seed (text) and score, NaN for a run that is known to be missing.
        notes: on how the file is written, a sentence each.
    """

    source: Source
    runs: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_scores(source: Source) -> Scores:
    """Reads a CSV file or a frame; further columns are left out.

    Raises:
        IntertrainError: a column is missing or there twice, a run has two rows, or a score is text or
            infinite.
    """
    cells = read_csv(source)
    header, rows = cells.header, cells.rows
    for column in RUN_COLUMNS:
        if column not in header:
            raise IntertrainError(
                f"scores {str(source)!r} must have the columns {', '.join(RUN_COLUMNS)}, but"
                f" {column!r} is missing.{nearest(column, header)} Rename or add it."
            )
    check_unique(source, "column", header)
    runs = _runs(source, header, rows)
    runs["score"] = _numbers(source, runs)
    return Scores(source, runs, cells.notes)


def _runs(path: Source, header: Sequence[str], rows: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Returns the columns base, target, seed and score of a table in long form, scores as text.

    Raises:
        IntertrainError: a run has two rows.
    """
    table = pd.DataFrame(rows, columns=list(header))[list(RUN_COLUMNS)]
    for column in ("base", "target", "seed"):
        empty = table[table[column] == ""]
        if len(empty):
            raise IntertrainError(
                f"scores {str(path)!r}: every row must have a {column}, but row {empty.index[0] + 1} and"
                f" {len(empty) - 1} more have none. Fill it in, or leave the row out."
            )
    twice = table[table.duplicated(["base", "target", "seed"])]
    if len(twice):
        base, target, seed, _ = twice.iloc[0]
        raise IntertrainError(
            f"scores {str(path)!r} must have one row per run, but has two of base {base!r}, target"
            f" {target!r}, seed {seed!r}. Remove one."
        )
    return table


def _numbers(path: Source, table: pd.DataFrame) -> list[float]:
    """Returns the scores of runs as numbers.

    Raises:
        IntertrainError: one is text, or infinite.
    """
    return [
        number(path, text, f"{base}, {target}, seed {seed}", "score")
        for base, target, seed, text in table.itertuples(index=False)
    ]
