"""Finds out what a table is by its columns, and reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from intertrain_jax.readers.csv import Frame, Source, read_csv
from intertrain_jax.readers.leaderboard import Leaderboard, is_leaderboard, read_leaderboard
from intertrain_jax.readers.matrix import Matrix, read_matrix
from intertrain_jax.readers.scores import RUN_COLUMNS, Scores, read_scores

Shape = Literal["matrix", "scores", "leaderboard"]


def shape_of(header: Sequence[str]) -> Shape:
    """Returns what a table with such columns is.

    A leaderboard has the columns model_name and mnli_lp; scores in long form have base, target, seed
    and score; any other table is a matrix with a row per model, its first column naming them.
    """
    if is_leaderboard(header):
        return "leaderboard"
    return "scores" if set(RUN_COLUMNS) <= set(header) else "matrix"


def read_table(
    table: Source | str | pd.DataFrame,
    shape: Shape | None = None,
    pretrained: str | None = None,
    repeats: bool = False,
    percent: bool = False,
) -> Matrix | Scores | Leaderboard:
    """Reads a table of any shape.

    Args:
        table: a CSV file or a frame.
        shape: what it is; None finds out by its columns.
        pretrained: the pretrained model's row of a leaderboard that does not show it.
        repeats: whether a model may have several rows in a matrix, as it may in a leaderboard.
        percent: whether the user vouches that a leaderboard is in percent, however small.

    Raises:
        IntertrainError: it is no such table; the message names file, row, column and what to do.
    """
    source = Frame(table) if isinstance(table, pd.DataFrame) else table
    source = Path(source) if isinstance(source, str) else source
    shape = shape or shape_of(read_csv(source).header)
    if shape == "leaderboard":
        return read_leaderboard(source, pretrained, percent)
    return read_scores(source) if shape == "scores" else read_matrix(source, repeats)
