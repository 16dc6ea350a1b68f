"""Reads the cells of a table that a user gives, CSV file or frame, and says what is wrong with one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.data.delimited import read_delimited

# Below this there is nothing to rank or to correlate.
FEWEST_MODELS = 3
# Scores and gains are in points; beyond this, sums of squares would be no numbers.
_LARGEST = 1e9


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


def read_csv(path: Source) -> tuple[list[str], list[list[str]]]:
    """Returns the header and the rows of a CSV file, blanks around cells taken off.

    Commas, semicolons or tabs separate its columns, whichever its content says.

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
        return header, rows
    table = read_delimited(path)
    if table.encoding == "cp1252":  # a guess, and what it is decided by are names
        raise IntertrainError(f"file {str(path)!r} must be UTF-8, and is not. Save it as UTF-8.")
    if not table.rows or len(table.header) < 2:
        raise IntertrainError(
            f"file {str(path)!r} must be a table with a header, two columns and a row at least, but has"
            f" {len(table.rows)} rows and {len(table.header)} columns. Export it as CSV."
        )
    return table.header, [[cell.strip() for cell in row] for row in table.rows]


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
    if text.casefold() in ("", "nan", "na", "null", "none"):
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if abs(value) > _LARGEST:
        raise IntertrainError(
            f"file {str(path)!r}: row {row!r}, column {column!r} must be a number or empty, but is"
            f" {text[:40]!r}. Correct it."
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
    """Checks that there are models to compare, and gains to compare them by."""
    if len(gains) < FEWEST_MODELS:
        raise IntertrainError(
            f"file {str(path)!r} must have at least {FEWEST_MODELS} models besides the pretrained one,"
            f" has {len(gains)}. Add more."
        )
    if gains.isna().all(axis=None):
        raise IntertrainError(
            f"file {str(path)!r} must have a gain in at least one cell, but all {gains.size} are"
            " missing. Fill them in."
        )


def check_percent(path: Source, scores: pd.DataFrame) -> None:
    """Checks that scores [base models, targets] are in percent: gains are in points of it.

    Raises:
        IntertrainError: all of them, or all of a row or a column, look like fractions.
    """
    table = scores.to_numpy(dtype=float)
    if _fractions(table.ravel(), 1):
        raise IntertrainError(
            f"file {str(path)!r}: scores must be in percent, but all are between 0 and 1."
            " Multiply them by 100."
        )
    for noun, names, lines in (
        ("target", scores.columns, table.T),
        ("base model", scores.index, table),
    ):
        for name, line in zip(names, lines, strict=True):
            if _fractions(line, 2):
                raise IntertrainError(
                    f"file {str(path)!r}: scores must be in percent, but those of {noun} {str(name)!r}"
                    " are between 0 and 1, and others are not. Multiply them by 100, or take them out."
                )


def _fractions(scores: np.ndarray, least: int) -> bool:
    """Whether at least so many scores are known, and all are between 0 and 1, not all of them 0."""
    known = scores[np.isfinite(scores)]
    return bool(len(known) >= least and known.min() >= 0.0 and 0.0 < known.max() <= 1.0)


def no_pretrained(path: Source, pretrained: str, names: Sequence[str]) -> IntertrainError:
    """Returns the error of a file that lacks the pretrained model."""
    return IntertrainError(
        f"file {str(path)!r} must have the pretrained model's scores, but has no base model"
        f" {pretrained!r}.{nearest(pretrained, names)} Name it with --pretrained."
    )
