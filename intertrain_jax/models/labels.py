"""What a checkpoint calls its classes, and which of a task's labels they are: heads differ in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Names of one label, as models on the hub have them; the first stands for all.
_SYNONYMS = (
    ("entailment", "entail", "entails", "entailed", "e"),
    ("contradiction", "contradict", "contradicts", "contradictory", "contradicted", "c"),
    ("neutral", "neither", "n", "neu"),
    ("positive", "pos", "p"),
    ("negative", "neg"),
    ("hate", "hateful", "hate speech", "hatespeech"),
    ("irony", "ironic", "sarcasm", "sarcastic"),
    ("offensive", "off", "offense", "offence"),
    ("equivalent", "paraphrase", "duplicate", "same", "similar"),
    ("acceptable", "grammatical", "correct"),
    ("true", "yes"),
    ("false", "no"),
    ("favor", "favour", "in favor", "in favour", "support", "supports"),
    ("against", "oppose", "opposes"),
    ("world", "world news"),
    ("sports", "sport"),
    ("sci tech", "science technology", "science and technology", "tech", "technology"),
)
_CANONICAL = {name: names[0] for names in _SYNONYMS for name in names}
_NEGATED = re.compile(r"(?:not|non|no|un|in|dis)\s*(?=\S)")
# Words that name no label, around a number that does.
_NUMBERED = re.compile(r"(?:label|class|category|star|stars|id|l|c)?\s*(\d+)\s*(?:stars?)?")

_UNNAMED = "its head does not name its classes: they are taken in the task's order"
# "none" is no negation of "e".
_SHORTEST_NEGATED = 3


@dataclass(frozen=True)
class LabelMatch:
    """Which row of a head is which of a task's labels.

    Attributes:
        order: for every label of the task, the row.
        note: one line for the record, where the names do not say it all; None where they do.
    """

    order: tuple[int, ...]
    note: str | None = None


def class_names(hf_config: Mapping[str, Any], num_classes: int) -> tuple[str, ...] | None:
    """Returns what config.json calls the classes, in the order of the head's rows.

    Args:
        hf_config: content of config.json; `id2label`, or else `label2id`, has the names.
        num_classes: rows of the head.

    Returns:
        The names, words rather than numbers; None where the file does not name just so many.
    """
    table, numbers = hf_config.get("id2label"), hf_config.get("label2id")
    names = None
    if isinstance(table, Mapping | list):
        pairs = enumerate(table) if isinstance(table, list) else table.items()
        names = _in_order(pairs, num_classes)
    if isinstance(numbers, Mapping) and (names is None or _numbers(names) is not None):
        # "LABEL_0" says nothing, and the other way round a file may have words.
        other = _in_order(((number, name) for name, number in numbers.items()), num_classes)
        if table is None or (other is not None and _numbers(other) is None):
            return other
    return names


def _in_order(pairs: Iterable[tuple[Any, Any]], num_classes: int) -> tuple[str, ...] | None:
    """Returns the names of numbers from 0 on; None where they are others, or not just so many."""
    found = {}
    for key, name in pairs:
        if not re.fullmatch(r"\d{1,6}", str(key)):
            return None
        found[int(key)] = str(name)
    if sorted(found) != list(range(num_classes)):
        return None
    return tuple(found[i] for i in range(num_classes))


def match_labels(names: Sequence[str] | None, labels: Sequence[str]) -> LabelMatch:
    """Finds out which row of a head is which of a task's labels, by their names.

    Names match as they are, without case and punctuation, as known synonyms, or by their numbers
    ("LABEL_2", "3 stars"). Where one name is left over on each side, they are each other's.

    Args:
        names: of the head's rows; None where nobody has named them.
        labels: of the task, as many.
    """
    straight = tuple(range(len(labels)))
    if names is None:
        return LabelMatch(straight, _UNNAMED)
    for key, left in ((_folded, 0), (_meaning, 0), (_meaning, 1)):
        order = _paired([*map(key, names)], [*map(key, labels)], left)
        if order is not None:
            return _noted(order, names)
    numbers = _numbers(names)
    if numbers == [*straight]:
        return LabelMatch(straight, _UNNAMED)
    for wanted in (_numbers(labels), [*straight]):
        if numbers is not None and wanted is not None and sorted(numbers) == sorted(wanted):
            return _noted(tuple(numbers.index(number) for number in wanted), names)
    return LabelMatch(
        straight,
        f"the classes of its head ({', '.join(names)}) are not the task's ({', '.join(labels)}): they"
        " are taken in their order",
    )


def _noted(order: tuple[int, ...], names: Sequence[str]) -> LabelMatch:
    if list(order) == sorted(order):
        return LabelMatch(order)
    return LabelMatch(
        order, f"its head has its classes in the order {', '.join(names)}: put into the task's"
    )


def _paired(names: list[str], labels: list[str], left: int) -> tuple[int, ...] | None:
    """Returns for every label its name's place; None where more than `left` of them have none."""
    if len(set(names)) < len(names) or len(set(labels)) < len(labels) or len(names) != len(labels):
        return None
    strangers = [i for i, name in enumerate(names) if name not in labels]
    # A pair is found by what is left over only where others are found by their names.
    if len(strangers) > left or (strangers and len(names) < 3):
        return None
    return tuple(names.index(label) if label in names else strangers[0] for label in labels)


def _folded(name: str) -> str:
    """Returns a name without case, punctuation and the word "label"."""
    return " ".join(re.findall(r"\w+", name.casefold().replace("_", " ")))


def _meaning(name: str) -> str:
    """Returns the first synonym of a name, also of what follows a negation."""
    folded = _folded(name)
    if folded in _CANONICAL:
        return _CANONICAL[folded]
    negation = _NEGATED.match(folded)
    rest = folded[negation.end() :] if negation else ""
    apart = negation is not None and negation[0].endswith(" ")
    if apart or (len(rest) >= _SHORTEST_NEGATED and rest in _CANONICAL):
        return f"not {_CANONICAL.get(rest, rest)}"
    return folded


def _numbers(names: Sequence[str]) -> list[int] | None:
    """Returns the numbers in names that say nothing else; None where they do."""
    found = [_NUMBERED.fullmatch(_folded(name)) for name in names]
    return [int(match[1]) for match in found if match] if all(found) else None
