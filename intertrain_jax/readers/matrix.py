"""Reads a matrix: a row per base model, named in the first column, and a column per target."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from intertrain_jax.readers.csv import Source, check_unique, number, read_csv

# Columns of tables that people make beside those of targets.
_AVERAGES = {"average", "averages", "avg", "avg.", "mean", "average gain", "mean gain", "overall"}


@dataclass(frozen=True)
class Matrix:
    """A matrix of M models and T targets, as it stands: gains or scores, its reader knows.

    Attributes:
        source: where it is from, for messages.
        names: [M] models as given, untrusted text; they may repeat if asked for.
        values: [M, T] NaN where missing, rows numbered from 0.
        notes: on how the file is written, a sentence each.
    """

    source: Source
    names: pd.Series[str]
    values: pd.DataFrame
    notes: tuple[str, ...] = ()


def read_matrix(source: Source, repeats: bool = False) -> Matrix:
    """Reads a CSV file, such as an experiment's `gains.csv`, or a frame.

    Args:
        source: file or frame.
        repeats: whether a model may have several rows.

    Raises:
        IntertrainError: it is no table, a row or column is there twice, or a cell is text or infinite.
    """
    cells = read_csv(source)
    header, rows = cells.header, cells.rows
    names = pd.Series([row[0] for row in rows], dtype=str)
    if not repeats:
        check_unique(source, "row", names.to_list())
    check_unique(source, "column", header)
    return Matrix(source, names, _numbers(source, header, rows), cells.notes)


def targets_alone(
    values: pd.DataFrame, known: Collection[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """Returns a table without columns of averages, and what to say of those that it had.

    Args:
        values: columns of targets, and of averages.
        known: targets, whatever they are called.
    """
    averages = [
        column
        for column in values.columns
        if str(column).strip().casefold() in _AVERAGES and column not in known
    ]
    if not averages:
        return values, []
    listed = ", ".join(repr(str(column)) for column in averages)
    return values.drop(columns=averages), [
        f"Left out, as averages are no targets: column {listed}."
    ]


def _numbers(path: Source, header: Sequence[str], rows: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Returns the numbers of a table whose first column names its rows, rows numbered from 0.

    Raises:
        IntertrainError: a cell is text, or infinite.
    """
    values = [
        [
            number(path, text, row[0], column)
            for text, column in zip(row[1:], header[1:], strict=True)
        ]
        for row in rows
    ]
    return pd.DataFrame(values, columns=list(header[1:]), dtype=float)
