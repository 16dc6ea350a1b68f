"""Keeps DataFrames as files, so that a run that goes on finds the rows of the one before."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from intertrain_jax.base import IntertrainError, cache_root
from intertrain_jax.data.examples import NO_VALUE, half_character

if TYPE_CHECKING:
    import pandas as pd


def frame_folder() -> Path:
    """Returns the folder of the files that DataFrames are kept in."""
    return cache_root() / "own"


def column_names(frame: pd.DataFrame) -> list[str]:
    """Returns the names of a DataFrame's columns as text.

    Raises:
        IntertrainError: two columns have one name.
    """
    names = [str(name) for name in frame.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise IntertrainError(
            f"the DataFrame has two columns {twice!r}. Rename or remove one of them."
        )
    return names


def kept_frame(frame: pd.DataFrame) -> Path:
    """Writes a DataFrame into the cache, under a name that its content gives, and returns where it is.

    "nan" and the like, as `astype(str)` leaves them where there is no value, are none.

    Raises:
        IntertrainError: two columns have one name, or a cell cannot be written.
    """
    names = column_names(frame)
    try:
        cells = frame.set_axis(names, axis=1)
        of_words = list(cells.select_dtypes(["object", "string", "category"]).columns)
        _check_whole(cells[of_words])
        cells = cells.assign(**{name: cells[name].astype(object).map(_value) for name in of_words})
        text = cells.to_json(
            orient="records", lines=True, force_ascii=False, date_format="iso", double_precision=15
        )
        content = (text or "").encode()
    except (ValueError, TypeError, OverflowError) as error:
        said = " ".join(str(error).split())[:200]
        raise IntertrainError(
            f"the DataFrame cannot be written as JSON lines ({said}). Keep columns of text and labels"
            " only."
        ) from error
    path = frame_folder() / f"{hashlib.sha256(content).hexdigest()[:16]}.jsonl"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".tmp")
        beside.write_bytes(content)
        beside.replace(path)
    return path


def _check_whole(cells: pd.DataFrame) -> None:
    for name in cells.columns:
        for number, cell in enumerate(cells[name], 1):
            broken = half_character(cell) if isinstance(cell, str) else None
            if broken is not None:
                raise IntertrainError(
                    f"the DataFrame, row {number} in column {name!r} {broken}. Mend that row."
                )


def _value(cell: object) -> object:
    return None if isinstance(cell, str) and cell in NO_VALUE else cell
