"""Reads tables of separated fields as people have them: the content says what separates."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.config.formats import read_text

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# Excel's way to say what separates, before the header.
_SAID = re.compile(r'"?sep=([,;\t|])"?\r?\n')
# The csv module refuses fields of more than 131,072 characters unless told otherwise.
_JSON = re.compile(r'\s*(?:\{\s*"|\[\s*[\[{"])')
_LONGEST_FIELD = 2**31 - 1


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        header: names of the columns, blanks around them taken off.
        rows: as many fields each as the header has; lines without any value are no rows.
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


def read_delimited(path: Path) -> Table:
    """Reads a table whose first line names its columns.

    Of commas, semicolons, tabs and bars, that is the separator which the header has and with which every
    row has as many fields as the header; the one of the file's name where several are.

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
    separator = (whole or wide or tried)[0]
    reading = readings[separator]
    if reading.fault:
        raise IntertrainError(f"{str(path)!r}, {reading.fault}")
    table = reading.table
    notes = [] if encoding is None else [f"{path.name} is not UTF-8 and is read as {encoding}"]
    if separator != usual:
        notes.append(f"{path.name}: columns are separated by {_SEPARATORS[separator]}")
    notes += [f"{path.name}: {note}" for note in table.notes]
    return Table(table.header, table.rows, table.lines, tuple(notes), encoding)


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
    first = 1
    try:
        for fields in reader:
            found.append((first + skipped, fields))
            first = reader.line_num + 1
    except csv.Error as error:
        fault = (
            f"line {first + skipped}: its quotes do not pair ({error}). Write a quote inside of quotes"
            " twice."
        )
        return _Reading(_table(found), fault)
    return _checked(found, separator)


def _plain(text: str, separator: str, skipped: int) -> _Reading:
    lines = text.replace("\r\n", "\n").split("\n")
    found = [(k, line.split(separator)) for k, line in enumerate(lines, 1 + skipped) if line]
    return _checked(found, separator)


def _table(found: Sequence[tuple[int, list[str]]]) -> Table:
    whole = [(line, fields) for line, fields in found if any(field.strip() for field in fields)]
    header = [name.strip() for name in whole[0][1]] if whole else []
    return Table(header, [fields for _, fields in whole[1:]], [line for line, _ in whole[1:]])


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
