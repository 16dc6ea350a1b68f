"""Reads a matrix: a row per base model, named in the first column, and a column per target."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.readers.csv import Source, check_unique, number, read_csv
from intertrain_jax.readers.scores import RUN_COLUMNS

_FRACTION = re.compile(r"[+\-\u2212]?\d*\.\d+")
_NAME_THEM = (
    "Name its columns base, target, seed and score; or give a row per model and a column per target"
)
_RULE = re.compile(r":?-+:?")
# What stands in the corner of a table of targets by models, and over numbers of rows.
_TARGETS = {"target", "targets", "task", "tasks", "dataset", "datasets"}
_NUMBERS = {"", "#", "rank", "index", "no", "no.", "nr", "unnamed: 0"}
# What an analysis writes beside the gains.
_GAINS = "gains.csv"
_BESIDE_GAINS = {"gains_std.csv", "gains_n.csv", "gains_q.csv", "gains_significant.csv"}


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
    _check_is_input(source)
    cells = read_csv(source)
    header, rows = cells.header, cells.rows
    said = list(cells.notes)
    if _is_numbered(header, rows):
        said.append(f"{_called(source)}: column {header[0]!r} numbers the rows and is left out.")
        header, rows = header[1:], [row[1:] for row in rows]
    if header[0].casefold() in _TARGETS:
        said.append(
            f"{_called(source)}: rows are targets, as {header[0]!r} says, and columns models."
        )
        header, rows = _turned(header, rows)
    _check_names(source, header, rows)
    names = pd.Series([row[0] for row in rows], dtype=str)
    if not repeats:
        _check_is_wide(source, header, rows)
        check_unique(source, "row", names.to_list())
    check_unique(source, "column", header)
    return Matrix(source, names, _numbers(source, header, rows), tuple(said))


def _called(source: Source) -> str:
    """Returns how notes call a source."""
    return source.name if isinstance(source, Path) else str(source)


def _check_is_input(source: Source) -> None:
    """Checks that a file is none that an analysis wrote beside its gains.

    Raises:
        IntertrainError: it is.
    """
    if not isinstance(source, Path):
        return
    gains = source.parent / _GAINS
    if source.name in _BESIDE_GAINS and gains.is_file():
        raise IntertrainError(
            f"file {str(source)!r} has no gains: it is what an analysis says of those in {_GAINS}."
            f" Name {str(gains)!r}."
        )
    if source.parent.name == "tables" and (source.parents[1] / "summary.json").is_file():
        raise IntertrainError(
            f"file {str(source)!r} is a table of an analysis. Name what was analysed: a results"
            " directory, or its gains.csv."
        )


def _is_numbered(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first column has the numbers of rows, and the second one names."""
    if len(header) < 3 or header[0].casefold() not in _NUMBERS:
        return False
    return all(row[0].isdigit() for row in rows) and not any(_is_number(row[1]) for row in rows)


def _turned(
    header: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """Returns a table with its columns as rows."""
    turned = [[name, *(row[k] for row in rows)] for k, name in enumerate(header[1:], 1)]
    return ["base", *(row[0] for row in rows)], turned


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
