"""Loads a task: rows from where they are, the split policy, checked labels, and then tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError, cache_root, counted
from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.config.protocol import TextProtocol
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.data.examples import Example, Found, check_columns, read_examples
from intertrain_jax.data.labels import has_labels, number_of, with_labels
from intertrain_jax.data.row_files import RawSplit
from intertrain_jax.data.rows import at_hand, read_splits, splits_of
from intertrain_jax.data.splits import cut_ends, cut_stratified, shuffled
from intertrain_jax.data.task import Splits, Task, render, slots
from intertrain_jax.data.text import encode_rows, encode_texts


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


def load_task(
    task: Task, data: DataConfig, errors: list[IntertrainError] | None = None
) -> TaskData:
    """Reads a task's rows, checks them, and splits them.

    Args:
        task: what to load.
        data: data directory, and limits of rows per split.
        errors: where given, wrong rows are left out, and what is wrong with them is added to it.

    Returns:
        The examples; the task has its names of labels, and what was found out about the data is in the
        origin's "notes".

    Raises:
        IntertrainError: a split, column or label is not as the task says.
    """
    there = None if task.splits else splits_of(task, data.data_dir)
    policy, made = _policy(task, there)
    raw, origin = read_splits(task, _names(policy), data.data_dir)
    silent = False
    if there is not None and "test" in raw and _is_silent(task, raw["test"]):
        silent = True  # as of competitions, and on the hub
        policy, made = _policy(task, there - {"test"})
        del raw["test"]
    names = _names(policy)
    for split in raw.values():
        check_columns(task, split)
    task, note = with_labels(task, list(raw.values()))
    found = Found(errors=errors)
    read = {name: read_examples(task, raw[name], found) for name in names}
    if found.unlabelled:
        _check_no_class(task, raw[policy.train], read[policy.train])
    parts = _split(task, policy, made, read)
    for name, part in parts.items():
        if not part:
            raise IntertrainError(
                f"task {task.name!r}: its {name} split is empty, and must have at least one row."
                " Add rows, or leave the task out."
            )
    if task.splits is None:
        _check_alike(task, parts, made)
    for name, size in (("validation", data.validation_size), ("test", data.test_size)):
        if size is not None:
            parts[name] = _mixed(parts[name])[:size]
    if data.limit is not None:
        parts = {name: _mixed(part)[: data.limit] for name, part in parts.items()}
    splits = {
        name: Rows([texts for texts, _ in part], [label for _, label in part])
        for name, part in parts.items()
    }
    if found.unlabelled or origin["kind"] == "hub":
        origin["unlabelled_rows"] = found.unlabelled
    notes = [said for split in raw.values() for said in split.notes] + found.notes()
    notes += ["test has no labels and is left out"] if silent else []
    if more := sorted((there or frozenset()) - {"train", "validation", "test"}):
        notes.append(f"{', '.join(more)} not read: splits are train, validation and test")
    notes += [note] if note else []
    notes += [f"{' and '.join(made)} made of train, with its shares of classes"] if made else []
    if notes:
        origin["notes"] = list(dict.fromkeys(notes))
    counts = {name: len(rows) for name, rows in splits.items()}
    return TaskData(task, splits, _fingerprint(task, splits), {**origin, "rows": counts})


def _is_silent(task: Task, test: RawSplit) -> bool:
    """Whether a test split has texts and says of none what it is."""
    if not test.rows or has_labels(task, test):
        return False
    have = {str(name).strip().casefold() for name in test.rows[0] if name != task.label}
    texts = [column for column in task.columns if column != task.label]
    return task.label.casefold() not in have and all(text in test.rows[0] for text in texts)


def _check_alike(task: Task, parts: Mapping[str, Sequence[Example]], made: Sequence[str]) -> None:
    """Checks that splits which were not made of train can be told apart by what is learnt of it."""
    known = {label for _, label in parts["train"]}
    for name in [split for split in ("validation", "test") if split not in made]:
        labels = {label for _, label in parts[name]}
        if task.regression and len(labels) < 2:
            raise IntertrainError(
                f"task {task.name!r}: all {len(parts[name])} rows of its {name} split have the label"
                f" {labels.pop():g}, and numbers that do not differ have no rank correlation. Add rows"
                " with others."
            )
        if not task.regression and not labels & known:
            theirs = ", ".join(task.labels[int(label)] for label in sorted(labels)[:5])
            ours = ", ".join(task.labels[int(label)] for label in sorted(known)[:5])
            raise IntertrainError(
                f"task {task.name!r}: none of the {len(parts[name]):,} rows of its {name} split has a"
                f" label that train has: there are {theirs}, in train {ours}. Write labels alike."
            )


def _check_no_class(task: Task, raw: RawSplit, train: Sequence[Example]) -> None:
    """Checks that −1 says "no label" in the rows to train on: else one class has none."""
    without = sum(number_of(row.get(task.label)) == -1.0 for row in raw.rows)
    have = {label for _, label in train}
    lacking = [name for k, name in enumerate(task.labels) if k not in have]
    if without and lacking:
        raise IntertrainError(
            f"task {task.name!r}: {raw.origin!r} has {counted(without, 'row')} with label -1, which says"
            f" that there is none, but no row of class {lacking[0]!r}. If -1 is a class, declare the"
            " labels as the numbers that the file has, such as ['-1', '1'], or else remove these rows."
        )


def _policy(task: Task, there: Set[str] | None) -> tuple[Splits, tuple[str, ...]]:
    """Returns which splits a task reads, and which of validation and test are made by class.

    Args:
        task: perhaps says so itself.
        there: the splits that there are; None where they are not known.
    """
    if task.splits is not None:
        return task.splits, ()
    if there is None or ("validation" in there and "test" not in there):
        return Splits(), ()
    missing = tuple(name for name in ("validation", "test") if name not in there)
    return Splits("train", *(None if n in missing else n for n in ("validation", "test"))), missing


def _names(policy: Splits) -> list[str]:
    return [name for name in (policy.train, policy.validation, policy.test) if name]


def _split(
    task: Task, policy: Splits, made: Sequence[str], read: Mapping[str, list[Example]]
) -> dict[str, list[Example]]:
    """Returns train, validation and test; what is not read is cut from train."""
    train = read[policy.train]

    def cut(train: list[Example]) -> tuple[list[Example], list[Example]]:
        labels = None if task.regression else [label for _, label in train]
        rest, held_out = cut_stratified(labels, len(train))
        return [train[i] for i in rest], [train[i] for i in held_out]

    # The test rows go first: what validates is cut from what is left to train on.
    if policy.test is not None:
        test = read[policy.test]
    else:
        train, test = cut(train) if "test" in made else cut_ends(_mixed(train))
    if policy.validation is not None:
        validation = read[policy.validation]
    else:
        train, validation = cut(train) if "validation" in made else _cut_validation(train)
    return {"train": train, "validation": validation, "test": test}


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


def _fingerprint(task: Task, splits: dict[str, Rows]) -> str:
    """Hashes what decides a score: metric, labels, and every example in its place."""
    digest = hashlib.sha256(json.dumps([task.metric, len(task.labels)]).encode())
    for name in ("train", "validation", "test"):
        digest.update(name.encode())
        for texts, label in zip(splits[name].texts, splits[name].labels, strict=True):
            digest.update(json.dumps([texts, float(label)]).encode())
    return digest.hexdigest()[:16]
