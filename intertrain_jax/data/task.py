"""What a task is: where its rows come from, how they read, and how they are split and scored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Metric = Literal["accuracy", "spearman"]
_SLOT = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class HubDataset:
    """A dataset repository on the hub.

    Attributes:
        path: repository, "owner/name".
        config: configuration of it, where there are several.
        revision: commit to use; None where none is known, which means the newest.
        renames: hub column → the name that the task's templates use, where they differ.
        splits: the task's split → the hub's, where they differ; several are joined by "+".
    """

    path: str
    config: str | None = None
    revision: str | None = None
    renames: Mapping[str, str] = field(default_factory=dict)
    splits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Splits:
    """Which official splits a task uses (design of the protocol: test = official validation).

    Attributes:
        train: official split to train on.
        validation: official split; None cuts min(1000, 10 %) off the two ends of train.
        test: official split; None cuts min(1000, 10 %) off train first.
    """

    train: str = "train"
    validation: str | None = None
    test: str | None = "validation"


@dataclass(frozen=True)
class Task:
    """A dataset with text, labels, splits and a metric; it can be a source or a target.

    Attributes:
        name: unique; also its folder in a data directory.
        title: for people.
        texts: one or two templates such as "{premise}"; slots name columns.
        label: label column.
        labels: label names by id; empty for a regression, and where they are those that occur, sorted.
        metric: "accuracy" or "spearman".
        splits: official splits in use; None takes those that are there, and makes the others of train.
        groups: groups that it belongs to.
        hub: where it is on the hub; None if nowhere.
        file: one file that holds all rows (a user's own task), or a folder with one per split.
        test_file: a file of the rows to test on, beside `file`.
        site_column: its column in the tables of the public site.
        note: what a reader must know (rendering, replacement of a withdrawn set).
    """

    name: str
    title: str
    texts: tuple[str, ...]
    label: str = "label"
    labels: tuple[str, ...] = ()
    metric: Metric = "accuracy"
    splits: Splits | None = Splits()
    groups: tuple[str, ...] = ()
    hub: HubDataset | None = None
    file: str | None = None
    test_file: str | None = None
    site_column: str | None = None
    note: str = ""

    @property
    def regression(self) -> bool:
        """Whether labels are numbers to predict rather than classes."""
        return self.metric == "spearman"

    @property
    def named_texts(self) -> tuple[str, ...]:
        """Its texts as options name them: a column that is one as it is, or else the template."""
        bare = [_SLOT.fullmatch(text) for text in self.texts]
        return tuple(
            text if match is None else match[1]
            for text, match in zip(self.texts, bare, strict=True)
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that its templates and its label need."""
        named = [slot for text in self.texts for slot in slots(text)]
        return tuple(dict.fromkeys((*named, self.label)))


def slots(template: str) -> list[str]:
    """Returns the names in a template's slots, in order."""
    return _SLOT.findall(template)


def columns_named(text: str) -> list[str]:
    """Returns the columns that an option for a text names: those in its slots, or itself."""
    return slots(text) or [text]


def render(template: str, row: Mapping[str, object]) -> str:
    """Fills a template's slots from a row; nothing else in it has a meaning."""
    return _SLOT.sub(lambda match: str(row[match.group(1)]), template)
