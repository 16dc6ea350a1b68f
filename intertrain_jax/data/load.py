"""Loads a task: rows from where they are, the split policy, checked labels, and then tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError, cache_root, nearest
from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.config.protocol import TextProtocol
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.data.rows import RawSplit, at_hand, read_splits
from intertrain_jax.data.splits import cut_ends, shuffled
from intertrain_jax.data.task import Task, render, slots
from intertrain_jax.data.text import encode_rows, encode_texts

Example = tuple[tuple[str, ...], float]


@dataclass(frozen=True)
class Rows:
    """The examples of one split.

    Attributes:
        texts: one or two texts per example.
        labels: class ids, or regression targets.
    """

    texts: list[tuple[str, ...]]
    labels: list[float]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class TaskData:
    """A task's examples, split as the protocol says.

    Attributes:
        task: what they are of.
        splits: "train", "validation" and "test".
        fingerprint: hash of texts, labels and split assignment.
        origin: where they came from, with the number of rows.
    """

    task: Task
    splits: dict[str, Rows]
    fingerprint: str
    origin: dict[str, Any]


def is_local(task: Task, data: DataConfig) -> bool:
    """Whether a task can be loaded without a network."""
    return at_hand(task, data.data_dir)


def load_task(task: Task, data: DataConfig) -> TaskData:
    """Reads a task's rows, checks them, and splits them.

    Args:
        task: what to load.
        data: data directory, and limits of rows per split.

    Raises:
        IntertrainError: a split, column or label is not as the task says.
    """
    policy = task.splits
    names = [name for name in (policy.train, policy.validation, policy.test) if name]
    raw, origin = read_splits(task, names, data.data_dir)
    read = {name: _examples(task, raw[name]) for name in names}
    train: list[Example] = read[policy.train]
    # The test rows go first: what validates is cut from what is left to train on.
    if policy.test is None:
        train, test = cut_ends(_mixed(train))
    else:
        test = read[policy.test]
    if policy.validation is None:
        train, validation = _cut_validation(train)
    else:
        validation = read[policy.validation]
    parts = {"train": train, "validation": validation, "test": test}
    for name, part in parts.items():
        if not part:
            raise IntertrainError(
                f"task {task.name!r}: its {name} split is empty, and must have at least one row."
                " Add rows, or leave the task out."
            )
    if data.validation_size is not None:
        parts["validation"] = _mixed(parts["validation"])[: data.validation_size]
    if data.limit is not None:
        parts = {name: _mixed(part)[: data.limit] for name, part in parts.items()}
    splits = {
        name: Rows([texts for texts, _ in part], [label for _, label in part])
        for name, part in parts.items()
    }
    counts = {name: len(rows) for name, rows in splits.items()}
    return TaskData(task, splits, _fingerprint(task, splits), {**origin, "rows": counts})


def encode_task(
    data: TaskData,
    tokenizer: Path,
    max_length: int,
    cache_dir: str | None = None,
    text: TextProtocol | None = None,
    cached: bool = True,
) -> EncodedTask:
    """Tokenises a task, or takes its tokens from the cache.

    Args:
        data: the task's examples.
        tokenizer: directory with the tokenizer's files.
        max_length: tokens of an input, special tokens included; longer ones are cut.
        cache_dir: root of the caches; None for the default.
        text: how a text-to-text model reads and answers; None for a classifier.
        cached: whether to look for the tokens in the cache, and to leave them there.

    Raises:
        IntertrainError: a text-to-text model would have to answer with numbers, two labels have one
            text, or a template has a slot for a text that is not there.
    """
    task = data.task
    cache = cache_root(cache_dir) / "tokens" if cached else None

    splits = {
        name: encode_rows(
            rows.texts if text is None else _joined(task, rows.texts, text),
            rows.labels,
            task.regression,
            tokenizer,
            max_length,
            cache,
        )
        for name, rows in data.splits.items()
    }
    return EncodedTask(
        name=task.name,
        num_classes=1 if task.regression else len(task.labels),
        regression=task.regression,
        metric=task.metric,
        label_names=task.labels,
        fingerprint=data.fingerprint,
        origin=data.origin,
        answers=_answers(task, text, tokenizer),
        **splits,
    )


def _joined(task: Task, texts: list[tuple[str, ...]], text: TextProtocol) -> list[tuple[str, ...]]:
    """Returns the one text that a text-to-text model reads of every example."""
    template = text.templates.get(task.name)
    if template is None:
        return [(text.separator.join(parts),) for parts in texts]
    known = [str(i) for i in range(len(task.texts))]
    strange = [slot for slot in slots(template) if slot not in known]
    if strange:
        raise IntertrainError(
            f"config key 'protocol.text.templates.{task.name}' may have the slots"
            f" {', '.join('{' + slot + '}' for slot in known)}, got {'{' + strange[0] + '}'}."
            " Correct the template."
        )
    return [(render(template, dict(zip(known, parts, strict=True))),) for parts in texts]


def _answers(task: Task, text: TextProtocol | None, tokenizer: Path) -> tuple[tuple[int, ...], ...]:
    """Returns the token ids of every label's text, checked that they differ; none for classifiers."""
    if text is None or text.decision == "classify":
        return ()
    if task.regression:
        raise IntertrainError(
            f"task {task.name!r}: a text-to-text model answers with the text of a label, and this"
            " task's labels are numbers. Leave the task out."
        )
    texts = task.labels if text.labels == "name" else tuple(map(str, range(len(task.labels))))
    answers = encode_texts(texts, tokenizer)
    for i, answer in enumerate(answers):
        if answer in answers[:i]:
            twin = texts[answers.index(answer)]
            raise IntertrainError(
                f"task {task.name!r}: the labels' texts must differ for the model's tokenizer, but"
                f" {twin!r} and {texts[i]!r} are the same tokens. Set protocol.text.labels=id."
            )
    return answers


def _cut_validation(train: list[Example]) -> tuple[list[Example], list[Example]]:
    """Cuts the ends off a train split; off its mixed rows where the ends would hold a whole class.

    Some sets are ordered by class, and what is validated on must be trained on.
    """
    rest, held_out = cut_ends(train)
    if {label for _, label in held_out} <= {label for _, label in rest}:
        return rest, held_out
    return cut_ends(_mixed(train))


def _mixed(examples: Sequence[Example]) -> list[Example]:
    """Returns examples in one fixed shuffled order: files are often ordered by class."""
    return [examples[i] for i in shuffled(len(examples))]


def _examples(task: Task, raw: RawSplit) -> list[Example]:
    if not raw.rows:
        raise IntertrainError(
            f"task {task.name!r}: {raw.origin!r} has no rows, and must have at least one."
            " Add rows, or leave the task out."
        )
    missing = [column for column in task.columns if column not in raw.rows[0]]
    if missing:
        have = list(raw.rows[0])
        raise IntertrainError(
            f"task {task.name!r}: {raw.origin!r} has no column {missing[0]!r}, it has"
            f" {', '.join(map(repr, have))}.{nearest(missing[0], have)} Rename the column, or name"
            " it in the task."
        )
    known = {name: i for i, name in enumerate(task.labels)}
    examples = []
    for number, row in enumerate(raw.rows, 1):
        absent = [column for column in task.columns if row.get(column) is None]
        if absent:
            raise IntertrainError(
                f"task {task.name!r}: {raw.origin!r}, row {number} has no value in column"
                f" {absent[0]!r}. Mend that row."
            )
        texts = tuple(render(template, row) for template in task.texts)
        examples.append((texts, _label(task, row[task.label], known, raw.origin, number)))
    return examples


def _label(task: Task, value: Any, known: dict[str, int], origin: str, number: int) -> float:
    """Reads a label: a number for a regression, else a class id or a label name."""
    if isinstance(value, str) and value in known:
        return known[value]
    try:
        label = float(value)
    except (TypeError, ValueError):
        label = float("nan")
    if task.regression and label == label:
        return label
    if label.is_integer() and 0 <= label < len(task.labels):
        return int(label)
    if task.regression:
        rule = "labels are numbers"
    else:
        names = ", ".join(f"{i} {name}" for i, name in enumerate(task.labels[:30]))
        rule = f"labels are {names}"
    raise IntertrainError(
        f"task {task.name!r}: {origin!r}, row {number} has label {value!r}, but its {rule}."
        " Mend that row, or the task's labels."
    )


def _fingerprint(task: Task, splits: dict[str, Rows]) -> str:
    """Hashes what decides a score: metric, labels, and every example in its place."""
    digest = hashlib.sha256(json.dumps([task.metric, len(task.labels)]).encode())
    for name in ("train", "validation", "test"):
        digest.update(name.encode())
        for texts, label in zip(splits[name].texts, splits[name].labels, strict=True):
            digest.update(json.dumps([texts, float(label)]).encode())
    return digest.hexdigest()[:16]
