"""Reads texts that have no labels: which columns they are in, and which rows have nothing to read."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.data.examples import NO_VALUE, half_character
from intertrain_jax.data.labels import is_missing
from intertrain_jax.data.row_files import RawSplit

# What a column of texts is called where nobody says which it is.
_USUAL = "text"


def columns_of(raw: RawSplit) -> list[str]:
    """Returns the columns that any row has, in the order in which they are met."""
    return list(dict.fromkeys(name for row in raw.rows for name in row))


def text_columns(
    raw: RawSplit, text: str | None, text2: str | None, learnt: Sequence[str] = ()
) -> tuple[str, ...]:
    """Returns the one or two columns to read.

    Args:
        raw: the rows.
        text: the column; None where it is that of `learnt`, or the only one, or called "text".
        text2: the second one of a pair, if there is one.
        learnt: columns that the model learnt from, which are taken where the rows have them.

    Raises:
        IntertrainError: there are no rows, no such column, or nobody says which of several it is.
    """
    have = columns_of(raw)
    if not have:
        raise IntertrainError(f"{raw.origin!r} must have at least one row, but has none. Add rows.")
    names = [str(name) for name in have]
    if text is text2 is None and learnt and set(learnt) <= set(names):
        return tuple(learnt)
    if text is None:
        rest = [name for name in names if name != text2]
        text = rest[0] if len(rest) == 1 else next((n for n in rest if n == _USUAL), None)
    if text is None:
        raise IntertrainError(
            f"{raw.origin!r} has the columns {', '.join(map(repr, names))[:500]}, and it must be said"
            f" which is the text. Give --text {names[0]!r}, or another of them."
        )
    for column in (text, text2):
        if column is not None and column not in names:
            raise IntertrainError(
                f"{raw.origin!r} must have the column {column!r}, but has"
                f" {', '.join(map(repr, names))[:500]}.{nearest(column, names)} Correct --text or"
                " --text2."
            )
    if text == text2:
        raise IntertrainError(
            f"the two texts of a pair must be two columns, but both are {text!r}. Leave --text2 out,"
            " or name another."
        )
    return (text,) if text2 is None else (text, text2)


def read_texts(raw: RawSplit, columns: Sequence[str]) -> list[tuple[str, ...] | None]:
    """Returns every row's texts; None where one of them is missing or blank.

    Raises:
        IntertrainError: naming file and row, where a cell is neither text nor a number, or no tokenizer
            reads it.
    """
    return [
        _texts(raw, number, [row.get(column) for column in columns], columns)
        for number, row in enumerate(raw.rows, 1)
    ]


def _texts(
    raw: RawSplit, number: int, cells: Sequence[Any], columns: Sequence[str]
) -> tuple[str, ...] | None:
    for column, cell in zip(columns, cells, strict=True):
        broken: str | None = None
        if isinstance(cell, str):
            broken = half_character(cell)
        elif not is_missing(cell) and not isinstance(cell, Number):
            broken = f"holds a {type(cell).__name__} in column {column!r}, and must hold text"
        if broken is not None:
            where, cure = raw.place(number)
            raise IntertrainError(f"{where} {broken}. {cure}.")
    texts = tuple("" if is_missing(cell) else str(cell) for cell in cells)
    empty = any(not t.strip() or (raw.blank_is_missing and t in NO_VALUE) for t in texts)
    return None if empty else texts
