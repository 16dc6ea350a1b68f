"""Reads texts that have no labels: which columns they are in, and which rows have nothing to read."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.data.examples import NO_VALUE, half_character
from intertrain_jax.data.labels import is_missing
from intertrain_jax.data.row_files import RawSplit, Row
from intertrain_jax.data.task import columns_named, render, slots

# What a column of texts is called where nobody says which it is.
_USUAL = "text"


def columns_of(raw: RawSplit) -> list[str]:
    """Returns the columns that any row has, in the order in which they are met."""
    return list(dict.fromkeys(name for row in raw.rows for name in row))


def texts_to_read(
    raw: RawSplit, text: str | None, text2: str | None, learnt: Sequence[str] = ()
) -> tuple[str, ...]:
    """Returns the one or two columns to read, or templates of several.

    Args:
        raw: the rows.
        text: column, or columns in braces such as "{subject}: {body}"; None where it is what `learnt`
            says, or the column called "text", or the only one if `learnt` says nothing.
        text2: the second one of a pair, if there is one.
        learnt: what the model learnt from, which is taken where the rows have it.

    Raises:
        IntertrainError: there are no rows, no such column, or nobody says which of several it is.
    """
    have = columns_of(raw)
    if not have:
        raise IntertrainError(f"{raw.origin!r} must have at least one row, but has none. Add rows.")
    names = [str(name) for name in have]
    wanted = [name for one in learnt for name in columns_named(one)]
    if text is text2 is None and learnt and set(wanted) <= set(names):
        return tuple(learnt)
    if text is None:
        rest = [name for name in names if name != text2]
        alone = rest[0] if len(rest) == 1 and not wanted else None
        text = alone or next((n for n in rest if n == _USUAL), None)
    listed = ", ".join(map(repr, names))[:500]
    if text is None and wanted:
        lacks = next(name for name in (*wanted, "") if name not in names)
        raise IntertrainError(
            f"{raw.origin!r} has the columns {listed}, and the model learnt from"
            f" {' and '.join(map(repr, wanted))}.{nearest(lacks, names)} Say which is the text: --text."
        )
    if text is None:
        raise IntertrainError(
            f"{raw.origin!r} has the columns {listed}, and it must be said which is the text. Give"
            f" --text {names[0]!r}, or another of them."
        )
    for option in (text, text2):
        for column in () if option is None else columns_named(option):
            if column not in names:
                raise IntertrainError(
                    f"{raw.origin!r} must have the column {column!r}, but has {listed}."
                    f"{nearest(column, names)} Correct --text or --text2."
                )
    if text == text2:
        raise IntertrainError(
            f"the two texts of a pair must be two columns, but both are {text!r}. Leave --text2 out,"
            " or name another."
        )
    return (text,) if text2 is None else (text, text2)


def read_texts(raw: RawSplit, texts: Sequence[str]) -> list[tuple[str, ...] | None]:
    """Returns every row's texts; None where one of them is missing or blank.

    Args:
        raw: the rows.
        texts: columns, or templates; of the columns of a template one must have a value.

    Raises:
        IntertrainError: naming file and row, where a cell is neither text nor a number, or no tokenizer
            reads it.
    """
    found: list[tuple[str, ...] | None] = []
    for number, row in enumerate(raw.rows, 1):
        read = [_text(raw, number, row, text) for text in texts]
        known = tuple(text for text in read if text is not None)
        found.append(known if len(known) == len(read) else None)
    return found


def _text(raw: RawSplit, number: int, row: Row, text: str) -> str | None:
    cells: dict[str, str] = {}
    for column in columns_named(text):
        cell = row.get(column)
        broken: str | None = None
        if isinstance(cell, str):
            broken = half_character(cell)
        elif not is_missing(cell) and not isinstance(cell, Number):
            broken = f"holds a {type(cell).__name__} in column {column!r}, and must hold text"
        if broken is not None:
            where, cure = raw.place(number)
            raise IntertrainError(f"{where} {broken}. {cure}.")
        none = is_missing(cell) or (raw.blank_is_missing and cell in NO_VALUE)
        cells[column] = "" if none else str(cell)
    if not any(cell.strip() for cell in cells.values()):
        return None
    return render(text, cells) if slots(text) else cells[text]
