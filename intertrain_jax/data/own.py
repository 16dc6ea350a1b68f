"""Makes a task of a person's own data: which columns are texts and labels is guessed, and said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.formats import is_file
from intertrain_jax.data.columns import Column, columns_of, pair_of
from intertrain_jax.data.guess import guess_label, longest_text, names_for
from intertrain_jax.data.own_place import Place, place_of
from intertrain_jax.data.own_rows import (
    check_fit,
    check_header,
    check_labels,
    check_test,
    check_texts,
)
from intertrain_jax.data.row_files import RawSplit
from intertrain_jax.data.rows import read_splits, splits_of
from intertrain_jax.data.task import Task, columns_named, slots

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class OwnTask:
    """A person's data as a task.

    Attributes:
        entry: as a configuration's `tasks` has it.
        said: what was guessed, a sentence each with the option that changes it.
    """

    entry: dict[str, Any]
    said: tuple[str, ...]


def own_task(
    target: str | Path | pd.DataFrame,
    *,
    test: str | Path | pd.DataFrame | None = None,
    text: str | None = None,
    text2: str | None = None,
    label: str | None = None,
) -> OwnTask:
    """Returns the task that a file, a folder of splits, a dataset of the hub or a DataFrame is.

    Args:
        target: CSV, TSV, JSON, JSONL, Parquet, a folder, "owner/name" or "owner/name:config" on the
            hub, or rows.
        test: a further file, or rows, that is only tested on.
        text, text2: a column of texts, or columns in braces such as "{subject}: {body}"; None is a
            guess by content.
        label: column; None is a guess.

    Raises:
        IntertrainError: it is not there or cannot be read, a column is missing or cannot be guessed, or
            rows lack what they must have.
    """
    place = place_of(target, test)
    # Names of a DataFrame's columns may be numbers.
    text, text2, label = (None if x is None else str(x) for x in (text, text2, label))
    rows = _rows(place)
    raw = rows["train"]
    for split in rows.values():
        check_header(split)
    columns = columns_of(raw)
    given = [template for template in (text, text2) if template is not None]
    labels = [] if label is None else [label]
    for option, names in (("text", _named(text)), ("text2", _named(text2)), ("label", labels)):
        for name in names:
            if name not in columns:
                raise IntertrainError(
                    f"{raw.origin!r} has no column {name!r}, it has"
                    f" {', '.join(map(repr, columns))[:400]}.{nearest(name, columns)}"
                    f" Correct --{option}."
                )
    check_fit(raw)
    said: list[str] = []
    if label is None:
        taken = {name for template in given for name in _named(template)}
        rest = {name: column for name, column in columns.items() if name not in taken}
        label, why = guess_label(raw, rest)
        said.append(f"labels are in column {label!r}, {why} (--label names another)")
    if text is not None and text == text2:
        raise IntertrainError(
            f"{raw.origin!r}: the two texts of a pair must differ, but both are {text!r}. Leave --text2"
            " out, or name another."
        )
    if label in (*_named(text), *_named(text2)):
        raise IntertrainError(
            f"{raw.origin!r}: column {label!r} cannot be texts and labels. Correct --text or --label."
        )
    about = check_labels(raw, columns[label], said)
    said += [
        f"column {name!r} looks like names of splits and is not read: all rows are split anew. A folder"
        " with a file per split keeps them"
        for name, column in columns.items()
        if column.kind == "split" and name != label and is_file(Path(place.file or ""))
    ]
    texts = _texts(raw, columns, label, given, text is None, said)
    entry: dict[str, Any] = {
        "name": place.name,
        "texts": [text if slots(text) else f"{{{text}}}" for text in texts],
        "label": label,
        **about,
    }
    check_texts(raw, [_named(template) for template in texts])
    entry.update(place.entry)
    if place.test_file is not None:
        check_test(rows["test"], [*(n for t in texts for n in _named(t)), label])
    return OwnTask(entry, tuple(said))


def _rows(place: Place) -> dict[str, RawSplit]:
    """Returns the rows to train on, and those to validate or test on that are files of their own."""
    stub = Task(
        place.name,
        place.name,
        ("{text}",),
        splits=None,
        hub=place.hub,
        file=place.file,
        test_file=place.test_file,
    )
    there = frozenset[str]() if place.hub is not None else splits_of(stub, None) or frozenset()
    further = [name for name in ("validation", "test") if name in there]
    return read_splits(stub, ["train", *further], None)[0]


def _named(template: str | None) -> list[str]:
    """Returns the columns that an option names."""
    return [] if template is None else columns_named(template)


def _texts(
    raw: RawSplit,
    columns: Mapping[str, Column],
    label: str,
    given: Sequence[str],
    guess_first: bool,
    said: list[str],
) -> list[str]:
    """Returns one or two columns of texts, or templates, and says what was guessed.

    Args:
        raw: the rows.
        columns: of them.
        label: column of labels.
        given: what the options name.
        guess_first: whether the first is to be guessed.
        said: is added to.
    """
    if not guess_first:
        return list(given)
    taken = {label, *names_for(raw, columns, label), *(n for t in given for n in _named(t))}
    able = {name: column for name, column in columns.items() if name not in taken}
    half = len(raw.rows) / 2
    texts = {n: column for n, column in able.items() if column.is_text and column.count >= half}
    whole = {name: column for name, column in able.items() if column.first_missing is None}
    pair = None if given else pair_of(whole)
    if pair is not None:
        found, why = list(pair), f"texts are pairs, {pair[0]!r} and {pair[1]!r}, by their names"
        option = "--text and --text2 name others, --text alone reads one"
    else:
        name, reason = longest_text(raw, texts, able, label)
        found, why = [name], f"texts are in column {name!r}, {reason}"
        option = "--text names another"
    unused = [name for name in texts if name not in found]
    more = f"; not read: {', '.join(map(repr, unused))[:120]}" if unused else ""
    second = ", --text2 a second one" if unused and pair is None and not given else ""
    said.append(f"{why} ({option}{second}{more})")
    return [*found, *given]
