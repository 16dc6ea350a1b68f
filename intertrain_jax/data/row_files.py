"""Reads one file of rows: JSON and JSON lines, separated fields, Parquet, and what `datasets` saves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.formats import check_is_itself, parse_json, read_json, read_text
from intertrain_jax.data.delimited import check_names, read_delimited

Row = dict[str, Any]
DISK_STATE = "state.json"  # of a folder that `save_to_disk` wrote


@dataclass(frozen=True)
class RawSplit:
    """The rows of one official split, and where they were read.

    Attributes:
        rows: columns by name.
        origin: a file or a hub split, for error messages.
        lines: where each row begins in its file; None where there are no lines.
        blank_is_missing: whether an empty text is how the format writes that there is none.
        class_names: column → names of its ids, where the file has such.
        notes: what was found out about the file, a sentence each; free of paths.
        parts: the files, where they are several.
    """

    rows: list[Row]
    origin: str
    lines: Sequence[int] | None = field(default=None, compare=False, repr=False)
    blank_is_missing: bool = field(default=False, compare=False)
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    parts: tuple[RawSplit, ...] = field(default=(), compare=False, repr=False)

    def place(self, number: int) -> tuple[str, str]:
        """Returns where a row, counted from 1, is, and what to do about it."""
        for part in self.parts:
            if number <= len(part.rows):
                return part.place(number)
            number -= len(part.rows)
        where = "" if self.lines is None else f" (line {self.lines[number - 1]})"
        return f"{self.origin!r}, row {number}", f"Mend that row{where}"


def read_rows(path: Path, blank_rows: bool = False) -> RawSplit:
    """Reads a file of rows, or a folder that `Dataset.save_to_disk` wrote.

    Args:
        path: of either.
        blank_rows: whether lines of a table without any value are rows too.

    Raises:
        IntertrainError: naming file and line, if it is not what its name says.
    """
    if path.is_dir():
        return _read_saved(path)
    reader = READERS.get(suffix_of(path.name) or "")
    if reader is None:
        raise IntertrainError(
            f"{str(path)!r} has an unknown format; known are {', '.join(SUFFIXES)}. Convert it, or let"
            " its name end so if it is one of these."
        )
    return _read_fields(path, blank_rows) if reader is _read_fields else reader(path)


def suffix_of(name: str) -> str | None:
    """Returns the suffix of a file of rows, in lower case; None if it is none."""
    folded = name.casefold()
    return next((suffix for suffix in SUFFIXES if folded.endswith(suffix)), None)


def joined(parts: Sequence[RawSplit], origin: str) -> RawSplit:
    """Returns the rows of files that are one split, in their order."""
    if len(parts) == 1:
        return parts[0]
    return RawSplit(
        [row for part in parts for row in part.rows],
        origin,
        None,
        parts[0].blank_is_missing,
        parts[0].class_names,
        tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        tuple(parts),
    )


def _read_fields(path: Path, blank_rows: bool = False) -> RawSplit:
    table = read_delimited(path, blank_rows)
    check_names(path, table)
    rows = [dict(zip(table.header, fields, strict=True)) for fields in table.rows]
    return RawSplit(rows, str(path), table.lines, True, notes=table.notes)


def _read_lines(path: Path) -> RawSplit:
    text, encoding = read_text(path)
    notes = _encoding_note(path, encoding)
    rows = _whole_list(text)
    return _of_lines(path, text, notes) if rows is None else RawSplit(rows, str(path), notes=notes)


def _whole_list(text: str) -> list[Row] | None:
    """Returns the rows of a file of lines that is one list of objects, None if it is not."""
    if not text.startswith("["):
        return None
    try:
        content = parse_json(text, "")
    except IntertrainError:
        return None
    return _as_rows(content) if isinstance(content, list) else None


def _of_lines(path: Path, text: str, notes: tuple[str, ...]) -> RawSplit:
    rows: list[Row] = []
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{str(path)!r}, line {number}"
        row = _parse_line(line, place)
        if not isinstance(row, dict):
            raise IntertrainError(
                f"{place}: must be a JSON object with one key per column, is a"
                f" {type(row).__name__}. Mend that line."
            )
        rows.append(row)
        lines.append(number)
    return RawSplit(rows, str(path), lines, notes=notes)


def _parse_line(line: str, place: str) -> Any:
    try:
        return parse_json(line, place)
    except IntertrainError as error:
        cause = error.__cause__
        if isinstance(cause, json.JSONDecodeError):  # its line and column are of this line alone
            raise IntertrainError(
                f"{place}: not valid JSON ({cause.msg}). Mend that line."
            ) from cause
        raise


def _encoding_note(path: Path, encoding: str | None) -> tuple[str, ...]:
    return () if encoding is None else (f"{path.name} is not UTF-8 and is read as {encoding}",)


def _read_document(path: Path) -> RawSplit:
    """Reads a .json file: a list of objects, columns, either below "data", or JSON lines."""
    text, encoding = read_text(path)
    notes = _encoding_note(path, encoding)
    first = text.strip().partition("\n")[0].strip()
    if first.startswith("{") and first.endswith("}") and text.strip() != first:
        return _of_lines(path, text, notes)
    rows = _as_rows(parse_json(text, repr(str(path))))
    if rows is None:
        raise IntertrainError(
            f"{str(path)!r} must hold a list of objects with one key per column, such an object a line,"
            ' or {"data": [...]}. Convert it.'
        )
    return RawSplit(rows, str(path), notes=notes)


def _as_rows(content: Any) -> list[Row] | None:
    """Returns the rows of a document, None if it has none in a shape that is known."""
    if isinstance(content, list):
        return content if all(isinstance(row, dict) for row in content) else None
    if not isinstance(content, dict):
        return None
    data = content.get("data")
    names = content.get("columns")
    if isinstance(data, list) and isinstance(names, list):  # as pandas writes it, orient="split"
        whole = all(isinstance(row, list) and len(row) == len(names) for row in data)
        return [dict(zip(names, row, strict=True)) for row in data] if whole else None
    if isinstance(data, list) and data and isinstance(data[0], dict):
        return _as_rows(data)
    columns = list(content.values())
    if columns and all(isinstance(column, dict) for column in columns):
        if _are_rows(content):  # pandas, orient="index"
            return columns
        if any(column.keys() != columns[0].keys() for column in columns):
            return _only_list(content)
        columns = [list(column.values()) for column in columns]  # pandas, orient="columns"
    if columns and all(isinstance(column, list) for column in columns):
        if len({len(column) for column in columns}) > 1:
            return None
        return [dict(zip(content, row, strict=True)) for row in zip(*columns, strict=True)]
    return _only_list(content) or [content]


def _are_rows(content: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether objects below keys are rows rather than columns: more of them, or under numbers."""
    inner = list(dict.fromkeys(key for value in content.values() for key in value))
    outer_numbers, inner_numbers = (all(key.isdigit() for key in keys) for keys in (content, inner))
    if outer_numbers != inner_numbers:
        return outer_numbers
    return len(content) > max(1, len(inner))


def _only_list(content: Mapping[str, Any]) -> list[Row] | None:
    """Returns the one list of objects that there is at any depth, None if there is none or more."""
    found: list[list[Row]] = []
    below: list[Any] = [content]
    while below:
        value = below.pop()
        if isinstance(value, dict):
            below += value.values()
        elif isinstance(value, list) and len(value) > 1 and all(isinstance(x, dict) for x in value):
            found.append(value)
    return found[0] if len(found) == 1 else None


def _read_parquet(path: Path) -> RawSplit:
    import pyarrow.parquet

    check_is_itself(path, parquet=True)
    with _arrow_errors(path):
        _check_once(pyarrow.parquet.read_schema(path).names, path)
        return _of_table(pyarrow.parquet.read_table(path), path)


def _read_saved(folder: Path) -> RawSplit:
    """Reads what `Dataset.save_to_disk` wrote: Arrow streams that a state file names, in order."""
    import pyarrow

    try:
        names = [
            Path(entry["filename"]).name for entry in read_json(folder / DISK_STATE)["_data_files"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise IntertrainError(
            f"{str(folder / DISK_STATE)!r} names no data files. Save the data set again."
        ) from error
    with _arrow_errors(folder):
        tables = []
        for name in names:
            check_is_itself(folder / name)
            with pyarrow.memory_map(str(folder / name)) as file:
                tables.append(pyarrow.ipc.open_stream(file).read_all())
        return _of_table(pyarrow.concat_tables(tables), folder)


@contextmanager
def _arrow_errors(path: Path) -> Iterator[None]:
    """Turns what Arrow raises into one line that names the file."""
    import pyarrow

    try:
        yield
    except (
        *(pyarrow.ArrowException, OSError, ValueError, MemoryError, LookupError),
        ArithmeticError,  # a date that Python has none of
    ) as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise IntertrainError(
            f"{str(path)!r} cannot be read ({said}). Mend or replace the file."
        ) from error


def _check_once(names: Sequence[str], path: Path) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise IntertrainError(
            f"{str(path)!r} has two columns {twice[0]!r}. Rename or remove one of them."
        )


def _of_table(table: Any, path: Path) -> RawSplit:
    import pyarrow

    _check_once(table.column_names, path)
    for place, field_ in enumerate(table.schema):
        if pyarrow.types.is_decimal(field_.type):  # databases write whole numbers so
            column = table.column(place).cast(pyarrow.float64(), safe=False)
            table = table.set_column(place, field_.name, column)
    return RawSplit(table.to_pylist(), str(path), class_names=_class_names(table.schema.metadata))


def _class_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, tuple[str, ...]]:
    """Returns the names of ids by column, as `datasets` leaves them in the files that it writes."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {
            column: tuple(map(str, feature["names"]))
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}  # a file of somebody else


READERS: dict[str, Callable[[Path], RawSplit]] = {
    ".jsonl": _read_lines,
    ".jsonl.gz": _read_lines,
    ".ndjson": _read_lines,
    ".ndjson.gz": _read_lines,
    ".json": _read_document,
    ".json.gz": _read_document,
    ".csv": _read_fields,
    ".csv.gz": _read_fields,
    ".tsv": _read_fields,
    ".tsv.gz": _read_fields,
    ".parquet": _read_parquet,
}
SUFFIXES = tuple(READERS)
