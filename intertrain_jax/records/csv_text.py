"""Tables as CSV text, in which no cell of text is a formula for a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# How a formula begins, and what spreadsheets skip before one.
_FORMULA = ("=", "+", "-", "@", "\t")


def csv_text(table: pd.DataFrame, float_format: str | None = "%.6g") -> str:
    """Returns a table without its index as CSV.

    Names come from strangers: a text that begins as a formula does gets an apostrophe, which
    spreadsheets take for "this is text". Numbers stay numbers, below zero too.

    Args:
        table: to be written.
        float_format: of its numbers; None for all their digits.
    """
    plain = table.copy()
    plain.columns = plain.columns.map(_defused)
    for place, dtype in enumerate(plain.dtypes):
        if dtype.kind not in "biufc":
            plain.isetitem(place, [_defused(cell) for cell in plain.iloc[:, place]])
    return plain.to_csv(index=False, float_format=float_format, lineterminator="\n")


def _defused(cell: Any) -> Any:
    if isinstance(cell, str):
        cell = cell.replace("\r", " ")  # which ends a row, and is not quoted for it
    if not isinstance(cell, str) or not cell.startswith(_FORMULA) or not cell.strip("+-–— "):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
