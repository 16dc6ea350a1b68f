"""Reads the linear probe's score of every base model."""

from __future__ import annotations

import pandas as pd

from intertrain_jax.readers.csv import Source, check_unique, number, read_csv


def read_probe(path: Source) -> tuple[pd.Series[float], tuple[str, ...]]:
    """Reads the linear probe's score of every base model.

    It comes from a ranking's columns "model" and "score", or from the first two columns of another CSV
    file, and is returned with notes on how the file is written, a sentence each.

    Raises:
        IntertrainError: it is no such table, or a model has two rows.
    """
    cells = read_csv(path)
    header, rows = cells.header, cells.rows
    ranked = {"model", "score"} <= set(header)
    name, score = (header.index("model"), header.index("score")) if ranked else (0, 1)
    check_unique(path, "column", [header[name], header[score]] if not ranked else header)
    check_unique(path, "row", [row[name] for row in rows])
    found = {row[name]: number(path, row[score], row[name], header[score]) for row in rows}
    return pd.Series(found, dtype=float), cells.notes
