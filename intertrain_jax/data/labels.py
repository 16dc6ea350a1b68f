"""What a label column means: names before ids, the same value the same class whatever its type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isfinite, isnan
from typing import Any
from unicodedata import category, normalize

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.data.row_files import RawSplit
from intertrain_jax.data.task import Task

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[-+]?\d{1,400}", re.ASCII)
_TRUTH = {"false": 0.0, "true": 1.0}
# Above this a regression's float32 is infinite.
_LARGEST = 3e38
# More classes than this are a text or a number that was taken for a label.
_MOST_CLASSES = 1000


class NoLabelError(Exception):
    """A row's label is −1, which says that its annotators agreed on none."""


class LabelReader:
    """Reads the labels of one task.

    A value that is a name of a label is that label. Names that are numbers or truth values are names
    of these values in every format: 1, 1.0 and "1" are the label "1". Where no name is a number,
    whole numbers are ids, and true and false are 1 and 0.

    Args:
        task: has its names of labels, or is a regression.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._by_name = {name: i for i, name in enumerate(task.labels)}
        numbers = [number_of(name) for name in task.labels]
        self._are_ids = not any(number is not None for number in numbers)
        self._ids = range(len(numbers))
        self._by_number = {
            number: i
            for i, number in enumerate(numbers)
            if number is not None and numbers.count(number) == 1
        }

    def read(self, value: Any) -> float:
        """Returns a class id, or a regression's number.

        Raises:
            NoLabelError: it says that there is none.
            ValueError: it is no label of the task; the message is the rule.
        """
        number = number_of(value)
        if self._task.regression:
            if number is None or abs(number) > _LARGEST:
                raise ValueError("labels are numbers.")
            return number
        if isinstance(value, str) and value.strip() in self._by_name:
            return self._by_name[value.strip()]
        if (name := name_of(value)) in self._by_name:
            return self._by_name[name]
        if number in self._by_number:
            return self._by_number[number]
        if self._are_ids and number in self._ids:
            return int(number or 0)
        if number == -1:
            raise NoLabelError
        raise ValueError(self._rule(value))

    def _rule(self, value: Any) -> str:
        names = self._task.labels
        known = ", ".join(f"{i} {name}" for i, name in enumerate(names[:30]))
        close = nearest(value, names) if isinstance(value, str) else ""
        no_ids = "" if self._are_ids else ", and numbers are names, no ids"
        return f"labels are {known}{no_ids}.{close}"


def number_of(value: Any) -> float | None:
    """Returns the finite number that a value is or says, truth values being 1 and 0; None if none."""
    if isinstance(value, str):
        text = value.strip()
        if text.casefold() in _TRUTH:
            return _TRUTH[text.casefold()]
        if not _NUMBER.fullmatch(text):
            return None
        value = text
    elif not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def folded(name: str) -> str:
    """Returns a name without what does not tell labels apart: case, blanks, marks that nobody sees."""
    seen = "".join(c for c in normalize("NFKC", name) if category(c) != "Cf")
    return " ".join(seen.casefold().split())


def is_missing(value: Any) -> bool:
    """Whether a cell has no value: null, or not a number, as tables have it."""
    return value is None or (isinstance(value, float) and isnan(value))


def has_labels(task: Task, split: RawSplit) -> bool:
    """Whether any row of a split says what it is, rather than nothing or −1."""
    none = None if task.regression or "-1" in task.labels else -1.0
    values = (row.get(task.label) for row in split.rows)
    return any(
        not is_missing(value) and str(value).strip() and (none is None or number_of(value) != none)
        for value in values
    )


def with_labels(task: Task, raw: Sequence[RawSplit]) -> tuple[Task, str | None]:
    """Returns a task with its names of labels, and how they were found where it declares none.

    They are those that the files name by id, else the values of the label column, in sorted order.

    Args:
        task: perhaps without names.
        raw: every split that it reads.

    Raises:
        IntertrainError: the values are no labels of a classification, or the files name their ids in
            another order than the task.
    """
    if task.regression:
        return task, None
    stored = {split.class_names[task.label] for split in raw if task.label in split.class_names}
    if task.labels:
        for names in stored:
            _check_order(task, names)
        return task, None
    values = [row[task.label] for split in raw for row in split.rows if task.label in row]
    values = [value for value in values if not is_missing(value) and str(value).strip()]
    if len(stored) == 1 and all(isinstance(value, int) for value in values):
        (names,) = stored
        return replace(task, labels=names), f"labels are as the files name them: {_listed(names)}"
    names = _sorted_names(task, values)
    return replace(task, labels=names), f"labels are in sorted order: {_listed(names)}"


def _check_order(task: Task, stored: tuple[str, ...]) -> None:
    """Checks ids against the names that their file has for them."""
    ours = [name.casefold() for name in task.labels]
    theirs = [name.casefold() for name in stored]
    if ours != theirs and sorted(ours) == sorted(theirs):
        raise IntertrainError(
            f"task {task.name!r}: its labels are {_listed(task.labels)}, but its files say that they are"
            f" {_listed(stored)}. Declare them in the order of the files."
        )


def _sorted_names(task: Task, values: Iterable[Any]) -> tuple[str, ...]:
    names: dict[str, float | None] = {}
    for value in values:
        if not isinstance(value, str | int | float):
            raise IntertrainError(
                f"task {task.name!r}: its label column {task.label!r} holds a {type(value).__name__},"
                " and must hold names or ids. Name another column: label."
            )
        names.setdefault(name_of(value), number_of(value))
        if len(names) > _MOST_CLASSES:
            break
    seen: dict[str, str] = {}
    for name in names:
        twin = seen.setdefault(folded(name), name)
        if twin != name:
            raise IntertrainError(
                f"task {task.name!r}: its labels {twin!r} and {name!r} are the same but for case,"
                " blanks, marks that nobody sees or how accents are written. Make them one, or declare"
                " the labels."
            )
    if are_truth_values(names):
        return tuple(_TRUTH)
    twins = same_number(names)
    if twins is not None:
        raise IntertrainError(
            f"task {task.name!r}: its labels {twins[0]!r} and {twins[1]!r} are one value. Write one of"
            " them throughout, or declare the labels."
        )
    known = [number for number in names.values() if number is not None]
    numbers = len(known) == len(names)
    if not numbers:
        names.pop("-1", None)  # beside words it is no class
    if -1.0 in known and numbers and len(names) > 1:
        raise IntertrainError(
            f"task {task.name!r}: label -1 can be a class or say that there is none. Declare the labels,"
            " with '-1' among them or without."
        )
    fractions = numbers and not all(number.is_integer() for number in known)
    if not 2 <= len(names) <= _MOST_CLASSES or fractions:
        have = ", ".join(list(names)[:3])
        count = f"more than {_MOST_CLASSES:,}" if len(names) > _MOST_CLASSES else len(names)
        raise IntertrainError(
            f"task {task.name!r}: its label column {task.label!r} must hold 2 to {_MOST_CLASSES:,} names"
            f" or ids, holds {count} values ({have}, ...). Name another column (label), or for numbers"
            " metric: spearman."
        )
    if numbers:
        return tuple(sorted(names, key=lambda name: number_of(name) or 0.0))
    return tuple(sorted(names))


def are_truth_values(names: Iterable[str]) -> bool:
    """Whether names are true and false in both of their writings: words here, 1 and 0 there."""
    known = set(names)
    words = known & _TRUTH.keys()
    return bool(words) and known <= {*_TRUTH, "0", "1"} and len({*map(number_of, known)}) == 2


def same_number(names: Iterable[str]) -> tuple[str, str] | None:
    """Returns two names that are one number, as "01" and "1" among numbers alone.

    Beside words, "01" and "1" are codes, but "true" and "1" are not. True and false that are words here
    and numbers there are no twins.
    """
    known = list(names)
    numbers = {name: number_of(name) for name in known}
    alone = None not in numbers.values()
    seen: dict[float, str] = {}
    for name, number in numbers.items() if not are_truth_values(known) else ():
        if number is None:
            continue
        # Of more digits than a float has, no two are one.
        twin = seen.setdefault(int(name) if _WHOLE.fullmatch(name) else number, name)
        if twin != name and (alone or {twin, name} & _TRUTH.keys()):
            return twin, name
    return None


def name_of(value: Any) -> str:
    """Returns a label's name, the same for one value in every format."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).strip()
    if text.casefold() in _TRUTH:
        return text.casefold()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return text.removesuffix(".0") if re.fullmatch(r"-?\d+\.0", text) else text


def _listed(names: Sequence[str]) -> str:
    text = ", ".join(f"{i} {name}" for i, name in enumerate(names[:20]))
    return text if len(names) <= 20 else f"{text}, ..."
