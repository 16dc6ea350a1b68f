"""Reads a matrix: a row per base model, named in the first column, and a column per target."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.readers.csv import Source, check_unique, number, read_csv
from intertrain_jax.readers.scores import RUN_COLUMNS

_FRACTION = re.compile(r"[+\-\u2212]?\d*\.\d+")
_NAME_THEM = (
    "Name its columns base, target, seed and score; or give a row per model and a column per target"
)
_RULE = re.compile(r":?-+:?")


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
        IntertrainError: it is no table, its first line or column names nothing, a row or column is there
            twice, or a cell is text or infinite.
    """
    cells = read_csv(source)
    header, rows = cells.header, cells.rows
    _check_names(source, header, rows)
    names = pd.Series([row[0] for row in rows], dtype=str)
    if not repeats:
        _check_is_wide(source, header, rows)
        check_unique(source, "row", names.to_list())
    check_unique(source, "column", header)
    return Matrix(source, names, _numbers(source, header, rows), cells.notes)


def _check_names(source: Source, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Checks that the first line names columns and the first column names models.

    Raises:
        IntertrainError: they hold values, or the table is one of Markdown.
    """
    if all(_RULE.fullmatch(cell) or not cell for cell in rows[0]) and any(rows[0]):
        raise IntertrainError(
            f"file {str(source)!r} is a table in Markdown, and is not read. Write it as CSV."
        )
    unnamed = [k for k, name in enumerate(header[1:], 2) if not name]
    if unnamed:
        raise IntertrainError(
            f"file {str(source)!r}: every column must have a name, but column {unnamed[0]} has none."
            " Name its target, or leave the column out."
        )
    if any(not row[0] for row in rows):
        where = next(k for k, row in enumerate(rows, 1) if not row[0])
        raise IntertrainError(
            f"file {str(source)!r}: every row must name a model, but row {where} names none. Name it, or"
            " leave the row out."
        )
    for what, names in (("line", header[1:]), ("column", [row[0] for row in rows])):
        fractions = [name for name in names if _FRACTION.fullmatch(name)]
        if fractions and all(_is_number(name) for name in names):
            named = "columns" if what == "line" else "models"
            raise IntertrainError(
                f"file {str(source)!r}: its first {what} must name the {named}, but has values such as"
                f" {fractions[0]!r}. Add a {what} of names."
            )


def _check_is_wide(source: Source, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Checks that rows that repeat a model are not those of a table in long form.

    Raises:
        IntertrainError: they are, under other names than `scores` has.
    """
    models = [row[0] for row in rows]
    texts = [
        name
        for k, name in enumerate(header)
        if k and all(row[k] and not _is_number(row[k]) for row in rows)
    ]
    if texts and len(set(models)) < len(models):
        cure = "Give it as --scores" if set(RUN_COLUMNS) <= set(header) else _NAME_THEM
        raise IntertrainError(
            f"file {str(source)!r} has a model in several rows and texts in column {texts[0]!r}, as"
            f" tables of one score a row have. {cure}."
        )


def _is_number(text: str) -> bool:
    try:
        float(text.replace("\u2212", "-"))
    except ValueError:
        return False
    return True


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
