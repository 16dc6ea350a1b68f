"""Reads tables of separated fields as people have them: the content says what separates."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.config.formats import read_text

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# Excel's way to say what separates, before the header.
_SAID = re.compile(r'"?sep=([,;\t|])"?[,;\t|]*\r?\n', re.I)
# The csv module refuses fields of more than 131,072 characters unless told otherwise.
_JSON = re.compile(r'\s*(?:\{\s*"|\[\s*[\[{"])')
_LONGEST_FIELD = 2**31 - 1


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        header: names of the columns, blanks around them taken off.
        rows: as many fields each as the header has.
        lines: where each row begins in the file, from 1.
        notes: what was found out about the file rather than said by its name, a sentence each.
        encoding: of the file, where it is not UTF-8.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    notes: tuple[str, ...] = ()
    encoding: str | None = None


@dataclass(frozen=True)
class _Reading:
    """What a file is with one separator; `fault` says at which line it is no table."""

    table: Table
    fault: str | None = None


def read_delimited(path: Path, blank_rows: bool = False) -> Table:
    """Reads a table whose first line names its columns.

    Of commas, semicolons, tabs and bars, that is the separator which the header has and with which every
    row has as many fields as the header. Where several are, it is the one by which a column repeats
    most, as labels do; of equal ones, that of the file's name.

    Args:
        path: of the table.
        blank_rows: whether lines without any value are rows too, but for those at the end.

    Raises:
        IntertrainError: naming file and line, if it cannot be read, is JSON, or a row has more or
            fewer fields than the header.
    """
    text, encoding = read_text(path)
    if _JSON.match(text):
        raise IntertrainError(
            f"{str(path)!r} is JSON and no table. Write it as CSV, or let its name end in .json or"
            " .jsonl if it is rows of a task."
        )
    usual = "\t" if ".tsv" in path.name.casefold() else ","
    said = _SAID.match(text)
    tried = [said[1]] if said else [usual, *(s for s in _SEPARATORS if s != usual)]
    skipped = 1 if said else 0
    body = text[said.end() :] if said else text
    readings = {
        separator: _read(body, separator, skipped)
        for separator in tried
        if separator == tried[0] or separator in _first_line(body)
    }
    wide = [s for s, reading in readings.items() if len(reading.table.header) > 1]
    whole = [s for s in wide if not readings[s].fault]
    separator = min(whole, key=lambda s: _variety(readings[s].table), default=(wide or tried)[0])
    reading = readings[separator]
    if reading.fault:
        raise IntertrainError(f"{str(path)!r}, {reading.fault}")
    table = reading.table
    notes = [] if encoding is None else [f"{path.name} is not UTF-8 and is read as {encoding}"]
    if separator != usual:
        notes.append(f"{path.name}: columns are separated by {_SEPARATORS[separator]}")
    notes += [f"{path.name}: {note}" for note in table.notes]
    kept = [k for k, row in enumerate(table.rows) if not _is_blank(row)]
    if blank_rows:
        kept = list(range(kept[-1] + 1 if kept else 0))
    rows, lines = [table.rows[k] for k in kept], [table.lines[k] for k in kept]
    return Table(table.header, rows, lines, tuple(notes), encoding)


def _is_blank(fields: Sequence[str]) -> bool:
    return not any(field.strip() for field in fields)


def _variety(table: Table) -> tuple[int, int]:
    """Returns of the column that repeats most how many values differ, and how many have a separator."""
    columns = zip(*(row for row in table.rows if not _is_blank(row)), strict=True)
    values = min((found for c in columns if len(found := set(c)) > 1), key=len, default=set[str]())
    return len(values), sum(any(s in value for s in _SEPARATORS) for value in values)


def _first_line(text: str) -> str:
    return text.lstrip().partition("\n")[0]


def _read(text: str, separator: str, skipped: int) -> _Reading:
    """Reads a text with one separator; a table of tabs without quotes where these do not pair."""
    reading = _quoted(text, separator, skipped)
    if separator != "\t" or '"' not in text:
        return reading
    plain = _plain(text, separator, skipped)
    # Where quotes are no more than characters, two far apart would swallow the rows between them.
    if not plain.fault and (reading.fault or len(reading.table.rows) < len(plain.table.rows)):
        note = "quotes are read as characters, as they do not pair"
        return _Reading(Table(plain.table.header, plain.table.rows, plain.table.lines, (note,)))
    return reading


def _quoted(text: str, separator: str, skipped: int) -> _Reading:
    csv.field_size_limit(_LONGEST_FIELD)
    one = re.escape(separator)
    # "a, b" in the header says that blanks after separators are no part of fields.
    spaced = bool(re.match(rf"[^\n{one}]*(?:[{one}] [^\n{one}]*)+\r?\n", text))
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=spaced
    )
    found: list[tuple[int, list[str]]] = []
    first, several = 1, list[tuple[int, int]]()
    try:
        for fields in reader:
            found.append((first + skipped, fields))
            if reader.line_num > first:
                several.append((first, reader.line_num))
            first = reader.line_num + 1
    except csv.Error as error:
        fault = (
            f"line {first + skipped}: its quotes do not pair ({error}). Write a quote inside of quotes"
            " twice."
        )
        return _Reading(_table(found), fault)
    reading = _checked(found, separator)
    if reading.fault or not several:
        return reading
    return _Reading(reading.table, _swallowed(text, separator, reading.table, several, skipped))


def _swallowed(
    text: str,
    separator: str,
    table: Table,
    several: Sequence[tuple[int, int]],
    skipped: int,
) -> str | None:
    """Returns where a text in quotes is several rows, each of which ends as the rows around it do.

    Args:
        text: of the table.
        separator: of its fields.
        table: as it reads with quotes.
        several: first and last line of every record of several lines.
        skipped: lines before the text.
    """
    within = {first + skipped for first, _ in several}
    usual: list[set[str]] = []
    for column in zip(
        *(r for r, k in zip(table.rows, table.lines, strict=True) if k not in within), strict=True
    ):
        counts = Counter(value.strip() for value in column)
        usual.append({value for value, count in counts.items() if value and count > 1})
    lines = io.StringIO(text, newline="").readlines()
    for first, last in several:
        rows = [line.rstrip("\r\n").split(separator) for line in lines[first - 1 : last]]
        if any(len(row) != len(table.header) for row in rows):
            continue
        for k, values in enumerate(usual):
            if all(row[k].strip() in values for row in rows):
                return (
                    f"line {first + skipped}: its quote ends in line {last + skipped} only, and each"
                    " line between looks like a row. Write a quote inside of quotes twice, and leave out"
                    " one that has no other."
                )
    return None


def _plain(text: str, separator: str, skipped: int) -> _Reading:
    lines = text.replace("\r\n", "\n").split("\n")
    found = [(k, line.split(separator)) for k, line in enumerate(lines, 1 + skipped)]
    return _checked(found, separator)


def _table(found: Sequence[tuple[int, list[str]]]) -> Table:
    begin = next((k for k, (_, fields) in enumerate(found) if not _is_blank(fields)), len(found))
    header = [name.strip() for name in found[begin][1]] if begin < len(found) else []
    # An empty line is an empty cell where there is one column, and no row where there are several.
    rows = [
        (line, [""] * len(header) if _is_blank(fields) else fields)
        for line, fields in found[begin + 1 :]
        if len(header) == 1 or len(fields) > 1 or any(fields)
    ]
    return Table(header, [fields for _, fields in rows], [line for line, _ in rows])


def _checked(found: Sequence[tuple[int, list[str]]], separator: str) -> _Reading:
    table = _table(found)
    width = len(table.header)
    for line, fields in zip(table.lines, table.rows, strict=True):
        if len(fields) != width:
            more = len(fields) > width
            cure = (
                f"Put a text that has {_SEPARATORS[separator]} in it into double quotes"
                if more
                else "Add what is missing"
            )
            fault = (
                f"line {line}: has {counted(len(fields), 'field')}, but the header has {width}"
                f" ({', '.join(table.header)[:100]}). {cure}, or mend that line."
            )
            return _Reading(table, fault)
    return _Reading(table)


def check_names(path: Path, table: Table) -> None:
    """Checks that no two columns have one name, and that none without a name holds anything.

    The first may: there pandas and R write the numbers of rows.

    Raises:
        IntertrainError: two columns have one name, or a row has a value under none.
    """
    for k, name in enumerate(table.header):
        if name and name in table.header[:k]:
            raise IntertrainError(
                f"{str(path)!r} has two columns {name!r}. Rename or remove one of them."
            )
        for line, row in zip(table.lines, table.rows, strict=True):
            if not name and k and row[k].strip():
                raise IntertrainError(
                    f"{str(path)!r}, line {line}: has {row[k][:40]!r} in a column without a name. Put a"
                    " text that has separators in it into double quotes, or name the column."
                )
