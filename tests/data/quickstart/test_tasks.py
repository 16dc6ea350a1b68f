"""The quickstart tasks, their language and the shipped encoder: fixed, balanced, labels exact."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import intertrain_jax.data
from intertrain_jax.base import IntertrainError
from intertrain_jax.data.quickstart import grammar as gr
from intertrain_jax.data.quickstart import lexicon as lx
from intertrain_jax.data.quickstart.tasks import TASK_NAMES, generate, quickstart_tasks
from intertrain_jax.models.hf.weights import load_checkpoint

MODEL = Path(intertrain_jax.data.__file__).parent / "quickstart" / "encoder"
TASKS = {task.name: task for task in quickstart_tasks()}


def texts_of(name: str, split: str) -> list[tuple[str, ...]]:
    columns = generate(name)[split]
    return list(zip(*[columns[c] for c in TASKS[name].columns if c != "label"], strict=True))


def test_there_are_at_least_five_tasks_in_one_group() -> None:
    assert tuple(TASKS) == TASK_NAMES
    assert len(TASK_NAMES) >= 5
    assert all(task.groups == ("quickstart",) for task in TASKS.values())


@pytest.mark.parametrize("name", TASK_NAMES)
def test_a_task_is_the_same_every_time_balanced_and_without_repetition(name: str) -> None:
    first, task = generate(name), TASKS[name]
    assert first == generate(name)
    assert set(first) == {"train", "validation", "test"}
    everything: list[tuple[str, ...]] = []
    for split, columns in first.items():
        assert set(columns) == set(task.columns)
        counts = np.bincount(np.asarray(columns["label"]), minlength=len(task.labels))
        assert len(counts) == len(task.labels)
        assert counts.max() - counts.min() <= 1
        everything += texts_of(name, split)
    assert len(set(everything)) == len(everything)


def test_tasks_differ_from_each_other() -> None:
    assert not set(texts_of("reviews", "train")) & set(texts_of("dishes", "test"))
    assert not set(texts_of("entailment", "train")) & set(texts_of("claims", "test"))


def test_an_unknown_task_is_named_with_what_there_is() -> None:
    with pytest.raises(IntertrainError, match=r"'dish' does not exist.*Did you mean 'dishes'"):
        generate("dish")


def verdict(clause: str) -> bool:
    """Reads an opinion of one clause: praise that is not denied, or blame that is."""
    words = set(clause.split())
    good = {*lx.PRAISE, *lx.PLEASED, *lx.FILMS.praise, *lx.DISHES.praise}
    bad = {*lx.BLAME, *lx.DISPLEASED, *lx.FILMS.blame, *lx.DISHES.blame}
    assert bool(words & good) is not bool(words & bad)
    return bool(words & good) is words.isdisjoint({"not", "never", "nobody"})


@pytest.mark.parametrize("name", ["reviews", "dishes"])
def test_opinions_have_the_label_that_their_words_give(name: str) -> None:
    for split, columns in generate(name).items():
        for text, label in zip(columns["text"], columns["label"], strict=True):
            first, _, second = text.partition(" but ")
            decides = second or text.split(" although ")[0].split(" and ")[0]
            assert verdict(decides) is (label == 1), (split, text)
            if second:
                assert verdict(first) is (label == 0), (split, text)


def test_mentions_ignores_negation() -> None:
    columns = generate("mentions")["test"]
    good = {*lx.PRAISE, *lx.PLEASED, *lx.FILMS.praise, *lx.DISHES.praise}
    found = [int(not good.isdisjoint(text.split())) for text in columns["text"]]
    assert found == columns["label"]
    denied = [text for text in columns["text"] if {"not", "never", "nobody"} & set(text.split())]
    assert len(denied) > 100


def test_agreement_is_broken_exactly_where_the_label_says() -> None:
    columns = generate("agreement")["test"]
    singular = {gr.third_person(verb) for verb in (*lx.VERBS, *lx.TRANSITIVE)} | {"does"}
    verbs = {*lx.VERBS, *lx.TRANSITIVE, *singular, "do"}
    plurals = {gr.plural(noun) for noun in lx.NOUNS}
    for text, label in zip(columns["text"], columns["label"], strict=True):
        words = text.split()
        many = words[1] in plurals
        agreeing = [word for word in words[2:] if word in verbs]
        # Of a relative clause's verb and the main verb only the latter can be wrong.
        main = agreeing[1] if words[2] == "that" else agreeing[0]
        assert (main not in singular) is (many is (label == 1)), text


def test_the_shipped_encoder_is_small_and_loads() -> None:
    assert (MODEL / "model.safetensors").stat().st_size <= 3.0e6
    checkpoint = load_checkpoint("quickstart")
    assert checkpoint.config.family == "roberta"
    assert not checkpoint.report.initialised
    assert checkpoint.config.vocab_size == len(gr.vocabulary()) + 5


def test_every_word_of_every_task_is_in_the_vocabulary() -> None:
    known = set(json.loads((MODEL / "tokenizer.json").read_text())["model"]["vocab"])
    assert set(gr.vocabulary()) <= known
    for name in TASK_NAMES:
        for split in ("train", "validation", "test"):
            words = {w for row in texts_of(name, split) for text in row for w in text.split()}
            assert words <= known, (name, words - known)


def test_the_tokenizer_loads_in_transformers_and_frames_pairs() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    names = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    assert tokenizer.convert_tokens_to_ids(list(names)) == list(range(5))
    ids = tokenizer("Some dogs run", "no cat sits")["input_ids"]
    words = tokenizer.convert_ids_to_tokens(ids)
    assert " ".join(words) == "<s> some dogs run </s> </s> no cat sits </s>"
    longest = max(
        len(tokenizer(*row)["input_ids"]) for name in TASK_NAMES for row in texts_of(name, "test")
    )
    assert longest <= 32


def test_the_shipped_t5_is_small_loads_and_reads_every_word() -> None:
    directory = MODEL.parent / "t5"
    assert (directory / "model.safetensors").stat().st_size <= 3.0e6
    checkpoint = load_checkpoint("quickstart-t5")
    assert checkpoint.config.family == "t5" and checkpoint.head is not None
    assert not checkpoint.report.ignored
    known = json.loads((directory / "tokenizer.json").read_text())["model"]["vocab"]
    assert {*gr.vocabulary(), *map(str, range(10))} <= known.keys()
    assert len(known) == checkpoint.config.vocab_size


def test_the_t5s_tokenizer_joins_pairs_and_ends_texts() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODEL.parent / "t5")
    for text, framed in (
        ("Some dogs run <SEP> no cat sits", "some dogs run <SEP> no cat sits </s>"),
        ("2", "2 </s>"),
    ):
        ids = tokenizer(text)["input_ids"]
        assert " ".join(tokenizer.convert_ids_to_tokens(ids)) == framed
