"""Reads the linear probe's score of every base model."""

from __future__ import annotations

import pandas as pd

from intertrain_jax.readers.csv import Source, check_unique, number, read_csv
from intertrain_jax.readers.units import check_percent


def read_probe(path: Source) -> tuple[pd.Series[float], tuple[str, ...]]:
    """Reads the linear probe's score of every base model.

    It comes from a ranking's columns "model" and "score", or from the first two columns of another CSV
    file, and is returned with notes on how the file is written, a sentence each.

    Raises:
        IntertrainError: it is no such table, a model has two rows, or a score is a fraction among
            others in percent.
    """
    cells = read_csv(path)
    header, rows = cells.header, cells.rows
    ranked = {"model", "score"} <= set(header)
    name, score = (header.index("model"), header.index("score")) if ranked else (0, 1)
    check_unique(path, "column", [header[name], header[score]] if not ranked else header)
    check_unique(path, "row", [row[name] for row in rows])
    found = pd.Series(
        {row[name]: number(path, row[score], row[name], header[score]) for row in rows}, dtype=float
    )
    notes = cells.notes
    if (found.abs() > 1.0).any():
        # Other estimators than a probe's accuracy may lie between 0 and 1, all of them.
        notes += check_percent(path, found.to_frame(header[score]))
    return found, notes
