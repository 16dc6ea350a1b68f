"""Tokenizers that give the same tokens share one tokenisation; only a few are held at a time."""

from __future__ import annotations

import gc
import json
import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.protocol import Protocol, TextProtocol
from intertrain_jax.data import text, tokens
from intertrain_jax.data.encoded import SPLITS
from intertrain_jax.data.load import Rows, TaskData, encode_task
from intertrain_jax.data.task import Task
from intertrain_jax.data.text import tokenizer_fingerprint, vocabulary_fingerprint
from intertrain_jax.data.tokens import Tokenisations
from tests.experiments import write_tokenizer

WORDS = ("[UNK]", "[PAD]", "good", "bad", "film", "dish", "very")
LOWER = {"type": "Lowercase"}
TEXTS = {
    "train": ["good film", "bad film", "very good dish", "very bad dish"],
    "validation": ["bad dish", "good dish"],
    "test": ["very very good film", "film"],
}


def data_of(name: str = "toy", labels: tuple[str, ...] = ("no", "yes"), **texts: Any) -> TaskData:
    """Returns a task of a few texts, some of them replaced."""
    splits = {
        split: Rows([(one,) for one in rows], [k % 2 for k in range(len(rows))])
        for split, rows in {**TEXTS, **texts}.items()
    }
    return TaskData(Task(name, name, ("{text}",), labels=labels), splits, name, {})


def tokenisations(
    tmp_path: Path, *tasks: TaskData, protocol: Protocol | None = None
) -> Tokenisations:
    """Returns the tasks, in no tokens yet."""
    by_name = {task.task.name: task for task in tasks or (data_of(),)}
    return Tokenisations(by_name, protocol or Protocol(max_length=8), str(tmp_path / "cache"))


def tokenizer(folder: Path, words: tuple[str, ...] = WORDS, **changes: Any) -> Path:
    """Writes a word tokenizer, some parts of its file replaced."""
    write_tokenizer(folder, words)
    content = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    (folder / "tokenizer.json").write_text(json.dumps({**content, **changes}), "utf-8")
    return folder


def test_equal_tokenizers_of_different_files_share_an_id(tmp_path: Path) -> None:
    first = tokenizer(tmp_path / "first")
    # It lowers letters, of which the examples have none.
    other = tokenizer(tmp_path / "other", normalizer=LOWER)
    assert tokenizer_fingerprint(first) != tokenizer_fingerprint(other)
    found = tokenisations(tmp_path)
    assert found.id_of(first) == found.id_of(other)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("which", ["first", "last"])
def test_one_example_of_any_split_tells_tokenizers_apart(
    tmp_path: Path, split: str, which: str
) -> None:
    plain = tokenizer(tmp_path / "plain")
    lower = tokenizer(tmp_path / "lower", normalizer=LOWER)
    rows = list(TEXTS[split])
    rows[0 if which == "first" else -1] = "GOOD film"
    found = tokenisations(tmp_path, data_of("other"), data_of(**{split: rows}))
    assert found.id_of(plain) != found.id_of(lower)


def test_other_words_are_other_tokens_even_where_no_example_has_them(tmp_path: Path) -> None:
    found = tokenisations(tmp_path)
    ids = {
        found.id_of(tokenizer(tmp_path / "a", WORDS)),
        found.id_of(tokenizer(tmp_path / "b", (*WORDS, "never"))),
        found.id_of(tokenizer(tmp_path / "c", (*WORDS[:2], "bad", "good", *WORDS[4:]))),
    }
    assert len(ids) == 3


def test_answers_tell_tokenizers_apart_where_models_answer(tmp_path: Path) -> None:
    plain, lower = tokenizer(tmp_path / "a"), tokenizer(tmp_path / "b", normalizer=LOWER)
    task = data_of(labels=("Good", "bad"))
    answering = Protocol(max_length=8, head="inherit", text=TextProtocol(labels="name"))
    found = tokenisations(tmp_path, task, protocol=answering)
    assert found.id_of(plain) != found.id_of(lower)
    # Good is no word of the plain one.
    assert found.task(found.id_of(plain), "toy").answers == ((0,), (3,))
    found = tokenisations(tmp_path, task)
    assert found.id_of(plain) == found.id_of(lower)


def test_large_tasks_are_compared_on_examples_all_over_each_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_COMPARED", 8)
    monkeypatch.setattr(tokens, "_COMPARED_PER_TASK", 2)
    plain, lower = tokenizer(tmp_path / "a"), tokenizer(tmp_path / "b", normalizer=LOWER)

    def agree(where: int, tasks: int) -> bool:
        rows = ["good film"] * 40
        rows[where] = "GOOD film"
        more = [data_of(f"more {k}") for k in range(tasks - 1)]
        found = tokenisations(tmp_path, data_of(train=rows), *more)
        return found.id_of(plain) == found.id_of(lower)

    assert [agree(k, 1) for k in (0, 4, 5, 35, 39)] == [False, True, False, False, True]
    # Of many tasks fewer each, but never below the least.
    assert [agree(k, 9) for k in (0, 5, 20)] == [False, True, False]


def test_a_task_is_tokenised_once_for_all_that_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = tokenizer(tmp_path / "a"), tokenizer(tmp_path / "b", normalizer=LOWER)
    found = tokenisations(tmp_path)
    one = found.id_of(first)
    assert not (tmp_path / "cache").exists(), "comparing leaves nothing behind"
    expected = encode_task(data_of(), first, 8, str(tmp_path / "elsewhere"))
    task = found.task(one, "toy")
    for split in SPLITS:
        ours, theirs = getattr(task, split), getattr(expected, split)
        np.testing.assert_array_equal(ours.tokens, theirs.tokens)
        np.testing.assert_array_equal(ours.offsets, theirs.offsets)
    assert found.id_of(other) == one

    def never(*arguments: object) -> None:
        raise AssertionError("tokenised twice")

    monkeypatch.setattr(text, "_tokenise", never)
    np.testing.assert_array_equal(found.task(one, "toy").test.tokens, task.test.tokens)


def test_the_largest_token_is_that_of_any_split_of_any_task(tmp_path: Path) -> None:
    folder = tokenizer(tmp_path / "a")
    rare = {split: ["good"] for split in SPLITS}
    for split in SPLITS:
        tasks = data_of("plain", **rare), data_of("toy", **{**rare, split: ["good", "dish bad"]})
        found = tokenisations(tmp_path, *tasks)
        assert found.largest(found.id_of(folder)) == WORDS.index("dish")
    found = tokenisations(tmp_path, data_of(**rare))
    assert found.largest(found.id_of(folder)) == WORDS.index("good")


def test_ids_follow_the_content_of_files_that_change(tmp_path: Path) -> None:
    folder, found = tokenizer(tmp_path / "a"), tokenisations(tmp_path)
    file = folder / "tokenizer.json"
    before = found.id_of(folder), tokenizer_fingerprint(folder), vocabulary_fingerprint(folder)
    old, stat = file.read_bytes(), file.stat()
    # As many bytes as before, a moment later.
    file.write_bytes(old.replace(b'"dish"', b'"soup"'))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**6))
    changed = found.id_of(folder), tokenizer_fingerprint(folder), vocabulary_fingerprint(folder)
    assert all(ours != theirs for ours, theirs in zip(changed, before, strict=True))
    # At the same time, but longer.
    file.write_bytes(old.replace(b'"dish"', b'"dinner"'))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert found.id_of(folder) not in (before[0], changed[0])
    file.write_bytes(old)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 2 * 10**6))
    again = found.id_of(folder), tokenizer_fingerprint(folder), vocabulary_fingerprint(folder)
    assert again == before
    file.unlink()
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(IntertrainError, match="has no tokenizer"):
        found.id_of(folder)


def test_tokenizers_that_were_read_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[weakref.ref[Any]] = []
    load = transformers.AutoTokenizer.from_pretrained

    def noted(*arguments: Any, **options: Any) -> Any:
        made = load(*arguments, **options)
        read.append(weakref.ref(made))
        return made

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", noted)
    found, many = tokenisations(tmp_path), 12
    folders = [tokenizer(tmp_path / f"{k}", (*WORDS, f"own {k}")) for k in range(many)]
    ids = [found.id_of(folder) for folder in folders]
    assert len(set(ids)) == many == len(read), "each was read once"
    gc.collect()
    alive = [k for k, reference in enumerate(read) if reference() is not None]
    assert alive == list(range(many))[-text._TOKENIZERS_HELD :]
    # What is known of them stays, and none is read again for it.
    assert [found.id_of(folder) for folder in folders] == ids and len(read) == many
    # Their tokens are still to be had.
    assert found.largest(ids[0]) == WORDS.index("very")
