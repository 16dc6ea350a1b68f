"""Turns rows into examples: texts rendered, labels read, and whatever is neither named by its row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Number

from intertrain_jax.base import IntertrainError, counted, nearest
from intertrain_jax.data.labels import LabelReader, NoLabelError, is_missing
from intertrain_jax.data.row_files import RawSplit, Row
from intertrain_jax.data.task import Task, render, slots

Example = tuple[tuple[str, ...], float]
# How tables of text write that a cell has no value; "None" and "null" are words that people write too.
NO_VALUE = ("nan", "NaN", "NaT", "<NA>", "\\N")
_PERHAPS_NONE = ("None", "null", "NULL")


@dataclass(frozen=True)
class _Place:
    """A row, for errors."""

    task: Task
    raw: RawSplit
    number: int

    def error(self, what: str, more: str = "") -> IntertrainError:
        """Returns the error of that row."""
        where, cure = self.raw.place(self.number)
        end = "" if what.endswith("?") else "."
        return IntertrainError(f"task {self.task.name!r}: {where} {what}{end} {cure}{more}.")


@dataclass
class Found:
    """What of the rows is not as it looks: counts for the record.

    Attributes:
        unlabelled: rows left out, as their label is −1.
        numbers: column of texts → values that are numbers.
        blank: column of texts → values that are empty.
        none: texts that are only a word for "no value".
        errors: where it is a list, rows that are wrong are left out, and why is gathered here; None
            makes the first one an error.
    """

    unlabelled: int = 0
    numbers: Counter[str] = field(default_factory=Counter)
    blank: Counter[str] = field(default_factory=Counter)
    none: Counter[str] = field(default_factory=Counter)
    errors: list[IntertrainError] | None = None

    def notes(self) -> list[str]:
        """Returns the counts as sentences."""
        said = []
        if self.unlabelled:
            said.append(f"{counted(self.unlabelled, 'row')} without a label (-1) left out")
        for counts, what in (
            (self.numbers, "numbers, which are read as text"),
            (self.blank, "empty texts"),
            (self.none, "texts that are only the word None or null, which are read as text"),
        ):
            said += [
                f"{counted(n, 'row')} with {what}, in column {name!r}" for name, n in counts.items()
            ]
        return said


def read_examples(task: Task, raw: RawSplit, found: Found) -> list[Example]:
    """Returns the examples of a split, and counts what was found in it.

    Args:
        task: with its names of labels.
        raw: the rows.
        found: is added to.

    Raises:
        IntertrainError: naming file and row, if a text or a label is missing or is none.
    """
    check_columns(task, raw)
    reader = LabelReader(task)
    columns = list(dict.fromkeys(slot for text in task.texts for slot in slots(text)))
    examples = []
    for number, row in enumerate(raw.rows, 1):
        try:
            examples.append(_example(_Place(task, raw, number), row, reader, columns, found))
        except NoLabelError:
            found.unlabelled += 1
        except IntertrainError as error:
            if found.errors is None:
                raise
            found.errors.append(error)
    if not examples and not found.errors:
        raise IntertrainError(
            f"task {task.name!r}: {raw.origin!r} has no row with a label, all {len(raw.rows)} are -1."
            " Take another split, as this one's labels are not public."
        )
    return examples


def _example(
    place: _Place, row: Row, reader: LabelReader, columns: Sequence[str], found: Found
) -> Example:
    """Returns one row as an example.

    Raises:
        IntertrainError: something is wrong with it.
        NoLabelError: it says that it has no label.
    """
    task, raw = place.task, place.raw
    value = row.get(task.label)
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        raise place.error(f"has no value in column {task.label!r}")
    if isinstance(value, str) and (broken := half_character(value)) is not None:
        raise place.error(f"in column {task.label!r} {broken}")
    try:
        label = reader.read(value)
    except NoLabelError:
        raise
    except ValueError as error:
        said = f"has label {_shown(value)}, but its {str(error).removesuffix('.')}"
        raise place.error(said, ", or the task's labels") from error
    for column in columns:
        _check_text(place, column, row, raw.blank_is_missing, found)
    if raw.blank_is_missing:
        _check_blank(place, task, row)
    texts = tuple(render(template, row) for template in task.texts)
    _check_whole(place, texts)
    return texts, label


def check_columns(task: Task, raw: RawSplit) -> None:
    """Checks that a split has rows, and the columns that a task reads."""
    if not raw.rows:
        raise IntertrainError(
            f"task {task.name!r}: {raw.origin!r} has no rows, and must have at least one."
            " Add rows, or leave the task out."
        )
    missing = [column for column in task.columns if column not in raw.rows[0]]
    if missing:
        have = [str(column) for column in raw.rows[0]]
        listed = ", ".join(map(repr, have))[:500] or "none"
        raise IntertrainError(
            f"task {task.name!r}: {raw.origin!r} has no column {missing[0]!r}, it has"
            f" {listed}.{nearest(missing[0], have)} Rename the column, or name it in the task."
        )


def _check_text(place: _Place, column: str, row: Row, from_table: bool, found: Found) -> None:
    value = row.get(column)
    if is_missing(value):
        raise place.error(f"has no value in column {column!r}")
    if isinstance(value, str):
        if not value.strip():
            found.blank[column] += 1
        elif from_table and value in NO_VALUE:
            raise place.error(f"has no value in column {column!r}, only the word {value!r}")
        elif from_table and value in _PERHAPS_NONE:
            found.none[column] += 1
    elif isinstance(value, Number):
        found.numbers[column] += 1
    else:
        raise place.error(
            f"holds a {type(value).__name__} in column {column!r}, and must hold text"
        )


def _check_blank(place: _Place, task: Task, row: Row) -> None:
    """Checks that every text has something of a table's row in it: an empty cell is no value."""
    for template in task.texts:
        names = slots(template)
        if not any(str(row[name]).strip() for name in names):
            raise place.error(f"has no value in column {names[0]!r}")


def _check_whole(place: _Place, texts: tuple[str, ...]) -> None:
    for text in texts:
        broken = half_character(text)
        if broken is not None:
            raise place.error(broken)


def half_character(text: str) -> str | None:
    """Returns what is wrong with a text that no tokenizer reads; None where nothing is."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return (
            f"has half a character, {text[error.start]!r} (a lone surrogate), after"
            f" {counted(error.start, 'character')} of its text, which nothing reads"
        )
    return None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
