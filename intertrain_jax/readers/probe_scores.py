"""Reads the linear probe's score of every base model."""

from __future__ import annotations

import pandas as pd

from intertrain_jax.readers.csv import Source, check_unique, number, read_csv


def read_probe(path: Source) -> pd.Series[float]:
    """Reads the linear probe's score of every base model.

    From a ranking's columns "model" and "score", or from the first two columns of another CSV file.

    Raises:
        IntertrainError: it is no such table, or a model has two rows.
    """
    header, rows = read_csv(path)
    ranked = {"model", "score"} <= set(header)
    name, score = (header.index("model"), header.index("score")) if ranked else (0, 1)
    check_unique(path, "column", [header[name], header[score]] if not ranked else header)
    check_unique(path, "row", [row[name] for row in rows])
    return pd.Series(
        {row[name]: number(path, row[score], row[name], header[score]) for row in rows}, dtype=float
    )
