"""Guesses which columns of a table are labels and texts, and says why."""

from __future__ import annotations

from collections.abc import Mapping

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.columns import (
    Column,
    is_label_by_name,
    named_as_label,
    named_as_text,
    parts_of,
)
from intertrain_jax.data.row_files import RawSplit

# Above this many values a column without a telling name is not taken for classes.
_MOST_CLASSES = 100
_LONGEST_LABEL = 60
# Few values that repeat are these as well, and seldom what somebody wants to predict.
_ABOUT_ROWS = (
    *("id", "ids", "idx", "index", "year", "month", "day", "date", "time", "lang", "language"),
    *("locale", "source", "url", "fold", "round", "annotator", "worker", "user", "author", "count"),
    *("length", "len", "start", "end", "offset", "position", "country", "city", "region", "device"),
    *("platform", "version", "confidence", "name", "website", "gender", "age", "airline", "brand"),
)


def guess_label(raw: RawSplit, columns: Mapping[str, Column]) -> tuple[str, str]:
    """Returns the label's column and why it is that.

    Args:
        raw: the rows.
        columns: those that can be.

    Raises:
        IntertrainError: none can.
    """
    half = len(raw.rows) / 2
    able = [
        c for c in columns.values() if c.count >= half and c.kind in ("number", "words", "mark")
    ]
    stored = [c for c in able if c.name in raw.class_names and c.kinds > 1]
    if len(stored) == 1:
        return stored[0].name, "as the file has names for its values"
    named = [
        (rank, c.kinds, c.name)
        for c in able
        if (rank := named_as_label(c.name)) is not None
        and (_are_classes(c) or c.fractions or c.almost_numbers or (c.kinds > 1 and _repeat(c)))
    ]
    lists = [c.name for c in columns.values() if c.kind == "nested" and is_label_by_name(c.name)]
    if lists and not any(is_label_by_name(name) for *_, name in named):
        return lists[0], "by its name"  # whoever checks it says what is wrong with it
    if named:
        name = min(named)[2]
        words = [n for n in names_for(raw, columns, name) if columns[n].kind == "words"]
        if words and columns[name].numbers and name not in raw.class_names:
            return words[0], f"the names of the numbers in {name!r}"
        return name, f"by its name and its {columns[name].kinds:,} values"
    for column in columns.values():
        if is_label_by_name(column.name) and column.length <= _LONGEST_LABEL and column.words < 4:
            return column.name, "by its name"  # whoever checks it says what is wrong with it
    last = list(columns)[-1] if columns else None
    classes = [c for c in able if _are_classes(c) and _repeat(c)]
    if classes:
        best = min(classes, key=lambda c: (*_doubt(c), c.name != last, c.kinds))
        others = [repr(c.name) for c in classes if c is not best]
        also = f", as {' and '.join(others[:3])} could be" if others else ""
        return best.name, f"which has {best.kinds:,} values that repeat{also}"
    numbers = [c for c in able if c.fractions]
    if len(numbers) == 1:
        return numbers[0].name, "the only one of numbers with fractions"
    have = ", ".join(
        f"{c.name!r} ({'lists or mappings' if c.kind == 'nested' else f'{c.kinds:,} values'})"
        for c in columns.values()
    )[:300]
    raise IntertrainError(
        f"{raw.origin!r}: no column looks like labels, which are two or more values that repeat; in"
        f" {len(raw.rows):,} rows it has {have or 'none'}. Name the column: --label."
    )


def _are_classes(column: Column) -> bool:
    return (
        2 <= column.kinds <= max(2, column.count // 2)
        and column.length <= _LONGEST_LABEL
        and not column.fractions
    )


def _repeat(column: Column) -> bool:
    """Whether values repeat as classes do, where no name says that they are."""
    often = 4 if column.count >= 40 else 2
    return column.kinds <= max(2, min(_MOST_CLASSES, column.count // often))


def _doubt(column: Column) -> tuple[bool, bool, bool]:
    truth = column.numbers and column.example.casefold() in ("true", "false")
    words = parts_of(column.name)
    about = bool(words) and words[-1].rstrip("0123456789") in _ABOUT_ROWS
    return about, column.kinds > 20, column.numbers and not truth


def names_for(raw: RawSplit, columns: Mapping[str, Column], label: str) -> list[str]:
    """Returns the columns that say the same as the label's: one value for each of its values."""
    kinds = columns[label].kinds if label in columns else 0
    if not kinds or kinds == columns[label].count:
        return []  # of values that never repeat nothing is the name
    found = []
    for name, column in columns.items():
        if name == label or column.kinds != kinds or column.count != columns[label].count:
            continue
        pairs = {(str(row.get(label)).strip(), str(row.get(name)).strip()) for row in raw.rows}
        if len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs):
            found.append(name)
    return found


def longest_text(
    raw: RawSplit, texts: Mapping[str, Column], able: Mapping[str, Column], label: str
) -> tuple[str, str]:
    """Returns the column of texts and why it is that.

    Args:
        raw: the rows.
        texts: columns that look like texts.
        able: all but those that are known to be something else.
        label: column of labels, for the error.

    Raises:
        IntertrainError: there is none.
    """
    named = {n: c for n, c in texts.items() if named_as_text(n) is not None}
    if named:
        best = max(named.values(), key=lambda c: (c.length, -(named_as_text(c.name) or 0.0)))
        if best.length * 4 > max(c.length for c in texts.values()):
            return best.name, "by its name and its values"
    rest = texts or {n: c for n, c in able.items() if c.kind == "words"}
    if not rest:
        have = ", ".join(f"{c.name!r} ({c.kind})" for c in able.values())[:300]
        raise IntertrainError(
            f"{raw.origin!r}: no column besides {label!r} looks like texts; there is"
            f" {have or 'none'}. Name the columns: --text, --label."
        )
    longest = max(rest.values(), key=lambda c: c.length)
    return longest.name, f"whose values are the longest, {longest.words:.0f} words on average"
