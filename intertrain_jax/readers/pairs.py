"""Reads two measurements of the same models, such as a probe and an average gain, side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.readers.csv import FEWEST_MODELS, Source, check_unique, number, read_csv


@dataclass(frozen=True)
class Pairs:
    """Two measurements of the same models.

    Attributes:
        name: of the file.
        models: their names, untrusted text; empty strings where the file has none.
        x_name, y_name: columns.
        x, y: [n] numbers, NaN where missing.
        notes: on how the file is written, a sentence each.
    """

    name: str
    models: tuple[str, ...]
    x_name: str
    y_name: str
    x: np.ndarray
    y: np.ndarray
    notes: tuple[str, ...] = ()


def read_pairs(path: Source, x: str, y: str) -> Pairs:
    """Reads two columns of numbers of a CSV file, and the models' names if there is a column of them.

    Raises:
        IntertrainError: a column is missing or holds text, or there are fewer than three pairs.
    """
    cells = read_csv(path)
    header, rows = cells.header, cells.rows
    check_unique(path, "column", header)
    for column in (x, y):
        if column not in header:
            raise IntertrainError(
                f"pairs {str(path)!r} must have the column {column!r}, but has"
                f" {', '.join(header[:12])}.{nearest(column, header)} Correct --x or --y."
            )
    naming = next((c for c in ("model", "model_name", "base", "name") if c in header), None)
    where = header.index(naming) if naming else None
    names = [row[where] if where is not None else "" for row in rows]
    labels = [name or f"line {line}" for line, name in enumerate(names, 2)]
    columns = [
        np.array(
            [
                number(path, row[header.index(column)], label, column)
                for row, label in zip(rows, labels, strict=True)
            ]
        )
        for column in (x, y)
    ]
    pairs = int((np.isfinite(columns[0]) & np.isfinite(columns[1])).sum())
    if pairs < FEWEST_MODELS:
        raise IntertrainError(
            f"pairs {str(path)!r} must have at least {FEWEST_MODELS} rows with both {x!r} and {y!r},"
            f" has {pairs}. Choose other columns."
        )
    return Pairs(path.stem, tuple(names), x, y, columns[0], columns[1], cells.notes)
