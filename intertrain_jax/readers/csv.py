"""Reads the cells of a table that a user gives, CSV file or frame, and says what is wrong with one."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.data.delimited import read_delimited

# Below this there is nothing to rank or to correlate.
FEWEST_MODELS = 3
# Scores and gains are in points; beyond this, sums of squares would be no numbers.
_LARGEST = 1e9
_MISSING = {"", "nan", "na", "n/a", "#n/a", "null", "none"}
_COMMA = re.compile(r"[+\-\u2212]?\d*,\d+(?:[eE][+-]?\d+)?")
_POINT = re.compile(r"[+\-\u2212]?(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?")
_SHARE = re.compile(r"([+\-\u2212]?\d*[.,]?\d+)\s*%")
_PLAIN = re.compile(r"[+\-\u2212]?\d*[.,]?\d+(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, eq=False)
class Frame:
    """A table in memory, which is read as the CSV file that it would be written to.

    Attributes:
        table: the frame; an index that names its rows is its first column.
        name: what messages call it.
    """

    table: pd.DataFrame
    name: str = "DataFrame"

    def __str__(self) -> str:
        return self.name

    @property
    def stem(self) -> str:
        """What a study of it is called."""
        return self.name

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Returns the header and the rows as text, empty where a value is missing."""
        table, index = self.table, self.table.index
        if index.names != [None]:
            table = table.reset_index()
        elif not pd.api.types.is_integer_dtype(index) and "base" not in table.columns:
            table = table.reset_index(names="base")
        header = [str(column) for column in table.columns]
        rows = [
            ["" if pd.isna(value) else str(value).strip() for value in row]
            for row in table.itertuples(index=False)
        ]
        return header, rows


Source = Path | Frame


@dataclass(frozen=True)
class Cells:
    """A table of text, as its numbers are written everywhere: with points.

    Attributes:
        header: names of the columns.
        rows: as many cells each, blanks around them taken off.
        notes: what was found out about a file rather than said by its name: one line, or none.
    """

    header: list[str]
    rows: list[list[str]]
    notes: tuple[str, ...] = ()


def read_csv(path: Source) -> Cells:
    """Returns the header and the rows of a CSV file.

    Commas, semicolons, tabs or bars separate its columns, and decimals are written with points or
    with commas, whichever its content says; percent signs are left out. It may be UTF-8, UTF-16 or
    cp1252.

    Raises:
        IntertrainError: it cannot be read, or is no table of at least two columns and one row.
    """
    if isinstance(path, Frame):
        header, rows = path.cells()
        if len(header) < 2 or not rows:
            raise IntertrainError(
                f"{path} must be a table of two columns and a row at least, but has"
                f" {len(header)} columns and {len(rows)} rows. Give the whole of it."
            )
        notes = [f"{path}: {note}" for note in _as_numbers(path, header, rows)]
        return Cells(header, rows, tuple(notes))
    table = read_delimited(path)
    if not table.rows or len(table.header) < 2:
        raise IntertrainError(
            f"file {str(path)!r} must be a table with a header, two columns and a row at least, but has"
            f" {len(table.rows)} rows and {len(table.header)} columns. Export it as CSV."
        )
    rows = [[cell.strip() for cell in row] for row in table.rows]
    # A separator at the end of every line, as spreadsheets write where a cell was once used.
    kept = [k for k, name in enumerate(table.header) if name or any(row[k] for row in rows)]
    header, rows = [table.header[k] for k in kept], [[row[k] for k in kept] for row in rows]
    shape = [note.removeprefix(f"{path.name}").lstrip(": ") for note in table.notes]
    shape += _as_numbers(path, header, rows)
    return Cells(header, rows, (f"{path.name}: {'; '.join(shape)}.",) if shape else ())


def _as_numbers(path: Source, header: list[str], rows: list[list[str]]) -> list[str]:
    """Writes numbers as they are written everywhere, in place, and says what was changed."""
    return [*_without_percent_signs(path, header, rows), *_with_points(rows)]


def _without_percent_signs(path: Source, header: list[str], rows: list[list[str]]) -> list[str]:
    """Takes percent signs off numbers of columns that hold nothing but numbers, in place.

    Raises:
        IntertrainError: other numbers of the column are fractions.
    """
    example = None
    # The first column names rows, and a name may be a share.
    for k in range(1, len(header)):
        marked = [row for row in rows if _SHARE.fullmatch(row[k])]
        others = [
            row[k]
            for row in rows
            if row[k].casefold() not in _MISSING and not _SHARE.fullmatch(row[k])
        ]
        if not marked or not all(_PLAIN.fullmatch(cell) for cell in others):
            continue
        small = [cell for cell in others if 0.0 < abs(_float(cell)) <= 1.0]
        if small:
            raise IntertrainError(
                f"file {str(path)!r}: column {header[k]!r} must be in one unit, but has"
                f" {marked[0][k]!r} beside {small[0]!r}. Write all in percent."
            )
        example = example or marked[0][k]
        for row in marked:
            row[k] = row[k].rstrip("% \u00a0\u202f\t")
    return [] if example is None else [f"{example!r} is read as a number of percent"]


def _float(cell: str) -> float:
    return float(cell.replace(",", ".").replace("\u2212", "-"))


def _with_points(rows: list[list[str]]) -> list[str]:
    """Writes decimal commas of a table as points, in place, and says so.

    They are decimal commas where a number has one comma and no number has a point. Where some have
    points, a comma may set thousands apart: then all stays as it is, and is no number.
    """
    commas = [
        (row, k)
        for row in rows
        for k, cell in enumerate(row)
        if "," in cell
        if _COMMA.fullmatch(cell)
    ]
    # The first column names rows, and a name may be a version.
    if not commas or any(_POINT.fullmatch(cell) for row in rows for cell in row[1:] if "." in cell):
        return []
    example = commas[0][0][commas[0][1]]
    for row, k in commas:
        row[k] = row[k].replace(",", ".")
    return [f"commas in numbers are decimal, {example} is read as {example.replace(',', '.')}"]


def read_frame(path: Path) -> pd.DataFrame:
    """Returns a table that a command wrote, with the types that it has.

    Raises:
        IntertrainError: it cannot be read, or is no table.
    """
    try:
        return pd.read_csv(path)
    except (OSError, ValueError, ArithmeticError, MemoryError) as error:
        said = " ".join(str(error).split())[:300]
        raise IntertrainError(
            f"file {str(path)!r} cannot be read ({said}). Delete it; its command writes it anew."
        ) from error


def number(path: Source, text: str, row: str, column: str) -> float:
    """Returns a cell's number, NaN where it is empty.

    Raises:
        IntertrainError: it is text, or larger than any score.
    """
    if text.casefold() in _MISSING:
        return math.nan
    try:
        # Typesetters' minus is one; an underscore would be dropped.
        value = math.inf if "_" in text else float(text.replace("\u2212", "-"))
    except ValueError:
        value = math.inf
    if abs(value) > _LARGEST:
        comma = "," in text
        rule = " Its comma may be decimal or set thousands apart:" if comma else ""
        cure = "write every number with a decimal point" if comma else "Correct it"
        raise IntertrainError(
            f"file {str(path)!r}: row {row!r}, column {column!r} must be a number or empty, but is"
            f" {text[:40]!r}.{rule} {cure}."
        )
    return value


def check_unique(path: Source, what: str, names: Sequence[str]) -> None:
    """Checks that no name of a row or column is there twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise IntertrainError(
                f"file {str(path)!r}: {what} {name!r} must be there once, but is there twice."
                " Remove or rename one."
            )
        seen.add(name)


def check_enough(path: Source, gains: pd.DataFrame) -> None:
    """Checks that there is a model besides the pretrained one, and a gain of it."""
    if gains.empty:
        raise IntertrainError(
            f"file {str(path)!r} must have a model besides the pretrained one, and a column of gains,"
            f" but has {len(gains)} and {len(gains.columns)}. Add one."
        )
    if gains.isna().all(axis=None):
        raise IntertrainError(
            f"file {str(path)!r} must have a gain in at least one cell, but all {gains.size} are"
            " missing. Fill them in."
        )


def no_pretrained(path: Source, pretrained: str, names: Sequence[str]) -> IntertrainError:
    """Returns the error of a file that lacks the pretrained model."""
    return IntertrainError(
        f"file {str(path)!r} must have the pretrained model's scores, but has no base model"
        f" {pretrained!r}.{nearest(pretrained, names)} Name it with --pretrained."
    )
