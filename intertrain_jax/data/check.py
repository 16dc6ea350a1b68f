"""Looks a task's data over: sizes, label counts, lengths, and texts that train and test share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.data.load import load_task
from intertrain_jax.data.task import Task


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
    """

    task: Task
    origin: dict[str, Any]
    fingerprint: str
    splits: tuple[SplitReport, ...]


def check_task(task: Task, data: DataConfig) -> TaskReport:
    """Loads a task as a grid would, and describes it.

    Raises:
        IntertrainError: its data are not as the task says.
    """
    loaded = load_task(task, data)
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
