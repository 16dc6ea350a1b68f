"""Looks a task's data over: sizes, label counts, lengths, and texts that train and test share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.data.load import load_task
from intertrain_jax.data.task import Task

_SHOWN = 20  # wrong rows of one task


@dataclass(frozen=True)
class SplitReport:
    """What is in a split.

    Attributes:
        name: "train", "validation" or "test".
        rows: examples.
        labels: label name → examples; empty for a regression.
        mean_words: words per example, over all of its texts.
        most_words: of the longest example.
        also_in_train: examples whose texts are in the train split too.
    """

    name: str
    rows: int
    labels: dict[str, int]
    mean_words: float
    most_words: int
    also_in_train: int


@dataclass(frozen=True)
class TaskReport:
    """What `tasks check` has found.

    Attributes:
        task: what was checked.
        origin: where its data came from.
        fingerprint: of its data.
        splits: in the order train, validation, test.
        problems: what is wrong with the data, a line each; the rest is empty then.
    """

    task: Task
    origin: dict[str, Any]
    fingerprint: str
    splits: tuple[SplitReport, ...]
    problems: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """What was found, or what is wrong, in words."""
        if self.problems:
            shown = [f"error: {problem}" for problem in self.problems[:_SHOWN]]
            more = len(self.problems) - len(shown)
            rest = f"error: task {self.task.name!r}: {more:,} more rows are wrong."
            return [*shown, rest] if more else shown
        origin = ", ".join(
            f"{key} {value}" for key, value in self.origin.items() if key not in ("rows", "notes")
        )
        said = [f"{self.task.name} ({origin}; fingerprint {self.fingerprint})"]
        said += [f"  note: {note}" for note in self.origin.get("notes", ())]
        for split in self.splits:
            line = (
                f"  {split.name}: {split.rows:,} rows, {split.mean_words:.0f} words on average,"
                f" at most {split.most_words}"
            )
            if split.also_in_train:
                line += f"; {split.also_in_train} of them also in train"
            said.append(line)
            if split.labels:
                counts = ", ".join(f"{label} {count:,}" for label, count in split.labels.items())
                said.append(f"    {counts}")
        return said


def check_task(task: Task, data: DataConfig) -> TaskReport:
    """Loads a task as a grid would, and describes it, or everything that is wrong with it."""
    errors: list[IntertrainError] = []
    try:
        loaded = load_task(task, data, errors)
    except IntertrainError as error:
        # Of a split all of whose rows are wrong, that it is empty is no news.
        errors = errors or [error]
    if errors:
        return TaskReport(task, {}, "", (), tuple(str(error) for error in errors))
    train = set(loaded.splits["train"].texts)
    reports = []
    for name, rows in loaded.splits.items():
        counts = Counter(rows.labels)
        words = [sum(len(text.split()) for text in texts) for texts in rows.texts]
        reports.append(
            SplitReport(
                name,
                len(rows),
                {label: counts[i] for i, label in enumerate(loaded.task.labels)},
                sum(words) / len(words),
                max(words),
                0 if name == "train" else sum(texts in train for texts in rows.texts),
            )
        )
    return TaskReport(loaded.task, loaded.origin, loaded.fingerprint, tuple(reports))
