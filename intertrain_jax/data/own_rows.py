"""Checks a person's rows before a task is made of them; errors name file, column, row and remedy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError, counted, nearest
from intertrain_jax.data.columns import Column, named_as_label, named_as_text, value_of
from intertrain_jax.data.labels import folded, is_missing, name_of, number_of, same_number
from intertrain_jax.data.row_files import RawSplit, Row

FEWEST_ROWS = 10
# As many classes as `data.labels` allows.
_MOST_CLASSES = 1000
_MOST_WORDS, _FEW_WORDS = 8, 3
# A class has at least one row for so many of each other class, if -1 is to be one beside 0 and 1.
_FEW = 5
# Whole numbers that are more than that are a scale rather than grades.
_MOST_GRADES = 20
_SCALE = " For numbers to predict, declare the task with metric: spearman (docs/tasks.md)."


def place_of_row(raw: RawSplit, number: int) -> str:
    """Returns where a row, counted from 1, is: "row 3 (line 4)"."""
    for part in raw.parts:
        if number <= len(part.rows):
            return f"{Path(part.origin).name} {place_of_row(part, number)}"
        number -= len(part.rows)
    return f"row {number:,}" + ("" if raw.lines is None else f" (line {raw.lines[number - 1]:,})")


def _first(raw: RawSplit, wrong: Callable[[Row], bool]) -> tuple[int, str]:
    """Returns how many rows are wrong, and where the first one is."""
    numbers = [number for number, row in enumerate(raw.rows, 1) if wrong(row)]
    return len(numbers), place_of_row(raw, numbers[0]) if numbers else ""


def _rows(count: int) -> str:
    return counted(count, "row") if count else "no rows"


def check_header(raw: RawSplit) -> None:
    """Checks that a table's first line names columns rather than being a row, and that none repeats it.

    Raises:
        IntertrainError: it does not.
    """
    if not raw.blank_is_missing or not raw.rows:
        return
    names = [name for name in raw.rows[0] if name]
    numbered = names == [str(k) for k in range(len(names))]  # pandas, of rows without names
    for name in names:
        if name.startswith("#") and " " in name:
            raise IntertrainError(
                f"{raw.origin!r}, line 1: {name[:40]!r} looks like a comment. Remove what is before the"
                " names of the columns."
            )
        if "{" in name or "}" in name:
            raise IntertrainError(
                f"{raw.origin!r}, line 1: column {name[:40]!r} has a brace in its name. Rename it."
            )
        values = [row[name].strip() for row in raw.rows]
        others = [other for other in names if other != name]
        if len(name.split()) > _MOST_WORDS or (number_of(name) is not None and not numbered):
            odd = not any(_is_name(raw, other) for other in names)
        elif named_as_label(name) is not None:
            # A column of spam may have the class spam, unless what stands beside it is a text.
            wordy = any(len(other.split()) >= _FEW_WORDS for other in others)
            odd = name in values and wordy and not any(_is_name(raw, other) for other in others)
        else:
            odd = name in values and len(set(values)) < len(values)
        if odd and not _is_header(raw.rows[values.index(name)] if name in values else {}):
            raise IntertrainError(
                f"{raw.origin!r}, line 1: must name the columns, but {name[:40]!r} looks like a value"
                " of one. Put a line such as text,label first, or rename that column."
            )
    count, where = _first(raw, _is_header)
    if count:
        raise IntertrainError(
            f"{raw.origin!r}, {where}: repeats the names of the columns. Remove {_rows(count)} of that"
            " kind."
        )


def _is_name(raw: RawSplit, name: str) -> bool:
    """Whether a table's first line has the name of a column of labels or texts here, and no value."""
    named = named_as_label(name) is not None or named_as_text(name) is not None
    return (
        named
        and len(name.split()) <= _MOST_WORDS
        and all(row[name].strip() != name for row in raw.rows)
    )


def _is_header(row: Row) -> bool:
    named = {name: value for name, value in row.items() if name}
    return len(named) > 1 and all(
        str(v).strip().lstrip("\ufeff") == name for name, v in named.items()
    )


def check_fit(raw: RawSplit) -> None:
    """Checks that there are enough rows and columns.

    Raises:
        IntertrainError: there are not.
    """
    names = list(dict.fromkeys(name for row in raw.rows for name in row if name))
    if len(raw.rows) < FEWEST_ROWS:
        raise IntertrainError(
            f"{raw.origin!r} has {_rows(len(raw.rows))}, and must have at least {FEWEST_ROWS} for train"
            " and validation and test. Add rows; some hundreds tell models apart."
        )
    if len(names) < 2:
        raise IntertrainError(
            f"{raw.origin!r} has one column, {names[0][:40] if names else ''!r}, and must have texts and"
            " labels. Add the labels' column, or separate columns by commas, semicolons or tabs."
        )


def check_labels(raw: RawSplit, column: Column, said: list[str]) -> dict[str, Any]:
    """Checks the labels, and returns what a task says of them: its metric, and names where needed.

    Args:
        raw: the rows.
        column: of the labels.
        said: is added to.

    Raises:
        IntertrainError: a row has none, they are all one, or no labels at all.
    """
    name = column.name
    what = f"{raw.origin!r}: label column {name!r}"
    another = "name another column: --label"
    if column.kind == "nested":
        raise IntertrainError(
            f"{what} holds lists or mappings, and must hold texts or numbers. Write one label a row, or"
            f" {another}."
        )
    if column.count < len(raw.rows):
        table = raw.blank_is_missing
        count, where = _first(raw, lambda row: value_of(row.get(name), table) is None)
        raise IntertrainError(
            f"{what} has no value in {count:,} of {_rows(len(raw.rows))}, the first is {where}."
            f" Remove these rows, or {another}."
        )
    if column.decimal_comma is not None:
        raise IntertrainError(
            f"{what} has numbers with a decimal comma, such as {column.decimal_comma!r}. Write"
            f" {column.decimal_comma.replace('.', '').replace(',', '.')}"
            f"{_or_thousands(column.decimal_comma)}, or {another}."
        )
    if column.kinds < 2:
        raise IntertrainError(
            f"{what} has the one value {column.example[:40]!r} in all {_rows(column.count)}, and must"
            f" have at least two. Add rows of other classes, or {another}."
        )
    if column.fractions:
        _check_fractions(raw, column, what)
        said.append(f"labels in {name!r} are numbers to predict, scored by rank correlation")
        return {"metric": "spearman"}
    _check_numbers(raw, column, what)
    if column.kinds > min(_MOST_CLASSES, max(2, column.count // 2)):
        looks = "an id" if column.kind == "mark" or column.numbers else "free text"
        raise IntertrainError(
            f"{what} looks like {looks}: {column.kinds:,} values in {_rows(column.count)}, such as"
            f" {column.example[:40]!r}. {another[0].upper()}{another[1:]}, or group its values."
            + (_SCALE if column.numbers else "")
        )
    _check_case(raw, name, what)
    return {"metric": "accuracy", **_minus_one(raw, column, what, said)}


def _or_thousands(number: str) -> str:
    """Returns what else a number with a comma may be."""
    plain = number.replace(",", "")
    return (
        f", or {plain} if that is thousands" if re.fullmatch(r"[-+]?\d{1,3},\d{3}", number) else ""
    )


def _check_fractions(raw: RawSplit, column: Column, what: str) -> None:
    """Checks that not a row or two, such as one of averages, make numbers to predict of classes."""
    counts = Counter(number_of(row.get(column.name)) or 0.0 for row in raw.rows)
    whole = [number for number in counts if number.is_integer()]
    odd = column.count - sum(counts[number] for number in whole)
    if odd > 2 or 20 * odd > column.count or len(whole) > _MOST_GRADES:
        return
    count, where = _first(
        raw, lambda row: not (number_of(row.get(column.name)) or 0.0).is_integer()
    )
    number = next(number for number in counts if not number.is_integer())
    raise IntertrainError(
        f"{what} has {len(whole)} whole numbers, but {_rows(count)} with a fraction, the first is"
        f" {where}, {number:g}. Remove what is no row of its own, or correct it."
    )


def _check_numbers(raw: RawSplit, column: Column, what: str) -> None:
    """Checks that not a few words stand among numbers to predict."""
    if not column.almost_numbers:
        return
    texts = dict.fromkeys(str(row.get(column.name)).strip() for row in raw.rows)
    words = [text for text in texts if number_of(text) is None]
    count, where = _first(raw, lambda row: str(row.get(column.name)).strip() in words)
    raise IntertrainError(
        f"{what} has numbers, but {_rows(count)} with something else, the first is {where},"
        f" {words[0][:40]!r}. Correct or remove them."
    )


def _check_case(raw: RawSplit, name: str, what: str) -> None:
    """Checks that no two labels look the same, and that no two are one number."""
    # True and true are one truth value in every format.
    counts = Counter(name_of(row.get(name)) for row in raw.rows)
    seen: dict[str, str] = {}
    twins, why = same_number(counts), "one value in two writings"
    for value, _ in counts.most_common():
        twin = seen.setdefault(folded(value), value)
        if twin != value:
            twins = twin, value
            why = "the same but for case, blanks, marks that nobody sees or how accents are written"
            break
    if twins is not None:
        often, seldom = sorted(twins, key=lambda value: -counts[value])
        count, where = _first(raw, _equals(name, seldom))
        raise IntertrainError(
            f"{what} has {seldom!r} in {_rows(count)}, the first is {where}, and {often!r} in"
            f" {_rows(counts[often])}: {why}. Write one of them throughout."
        )


def _equals(name: str, value: str) -> Callable[[Row], bool]:
    return lambda row: name_of(row.get(name)) == value


def _holds_many(name: str, row: Row) -> bool:
    return isinstance(row.get(name), list | dict)


def _minus_one(
    raw: RawSplit, column: Column, what: str, said: list[str]
) -> dict[str, tuple[str, ...] | list[str]]:
    """Decides what a label of −1 is: a class where labels lie evenly about zero, else not known."""
    if not column.numbers or column.name in raw.class_names:
        return {}
    counts = Counter(number_of(row.get(column.name)) or 0.0 for row in raw.rows)
    numbers = sorted(counts)
    if -1.0 not in numbers:
        return {}
    # Of 0 and 1 with a few -1 among them these are more likely rows without a label.
    few = numbers == [-1.0, 0.0, 1.0] and _FEW * counts[-1.0] < min(counts[0.0], counts[1.0])
    if few or numbers != [-n for n in reversed(numbers)]:
        count, where = _first(raw, lambda row: number_of(row.get(column.name)) == -1.0)
        raise IntertrainError(
            f"{what} is -1 in {_rows(count)}, the first is {where}, which can be a class or say that"
            " there is none. Remove these rows, or write a word for the class."
        )
    said.append(f"-1 in {column.name!r} is a class, as labels lie evenly about zero")
    return {"labels": [str(int(number)) for number in numbers]}


def check_texts(raw: RawSplit, columns: Sequence[Sequence[str]]) -> None:
    """Checks that every row has its texts.

    Args:
        raw: the rows.
        columns: of each text; one of them must have a value.

    Raises:
        IntertrainError: a row has none.
    """
    table = raw.blank_is_missing

    def lacks(names: Sequence[str], row: Row) -> bool:
        if table:
            return all(value_of(row.get(name), True) is None for name in names)
        return any(is_missing(row.get(name)) for name in names)  # "" is a text in other formats

    for names in columns:
        for name in names:
            count, where = _first(raw, partial(_holds_many, name))
            if count:
                raise IntertrainError(
                    f"{raw.origin!r}: text column {name!r} holds a list or a mapping in"
                    f" {_rows(count)}, the first is {where}, and must hold text. Join it to one text, or"
                    " name another column: --text."
                )
        count, where = _first(raw, partial(lacks, names))
        if count:
            raise IntertrainError(
                f"{raw.origin!r}: text column {' and '.join(map(repr, names))} has no value in"
                f" {count:,} of {_rows(len(raw.rows))}, the first is {where}. Remove these rows, or name"
                " another column: --text."
            )


def check_test(raw: RawSplit, columns: Sequence[str]) -> None:
    """Checks that rows to test on have the columns, and labels.

    Raises:
        IntertrainError: they have not.
    """
    if not raw.rows:
        raise IntertrainError(
            f"test file {raw.origin!r} has no rows. Add rows, or leave out --test."
        )
    for name in columns:
        if name not in raw.rows[0]:
            have = [name for name in raw.rows[0] if name]
            raise IntertrainError(
                f"test file {raw.origin!r} has no column {name!r}, which the target has; it has"
                f" {', '.join(map(repr, have))[:300]}.{nearest(name, have)} Name the columns alike."
            )
    label = columns[-1]
    count, where = _first(raw, lambda row: value_of(row.get(label), raw.blank_is_missing) is None)
    if count:
        raise IntertrainError(
            f"test file {raw.origin!r}: label column {label!r} has no value in {count:,} of"
            f" {_rows(len(raw.rows))}, the first is {where}. Add them, or leave out --test."
        )
