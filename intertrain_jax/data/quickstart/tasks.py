"""The quickstart tasks, made by a seeded grammar: some help each other, one teaches a shortcut.

What finetuning on one of them does to another follows from what they share:

- `entailment` is large, and `claims`, with few examples, needs the same reading of quantifiers,
  negation and kinds in other words: what the first teaches, the second can use.
- `reviews` is large, and `dishes` judges other things with few examples. Both need negation.
- `mentions` asks whether a word of praise occurs at all, negated or not. A model that learns this
  shortcut learns to overlook negation, which is what `dishes` with its few examples lives on.
- `agreement` asks whether the verb agrees with its subject, which nothing else needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.data.quickstart import grammar as gr
from intertrain_jax.data.quickstart import lexicon as lx
from intertrain_jax.data.quickstart import statements as st
from intertrain_jax.data.task import Splits, Task

GROUP = "quickstart"
VALIDATION_SIZE, TEST_SIZE = 100, 400
_PRAISE = frozenset((*lx.PRAISE, *lx.PLEASED, *lx.FILMS.praise, *lx.DISHES.praise))
_PAIR, _SINGLE = ("premise", "hypothesis"), ("text",)

Texts = tuple[str, ...]
Make = Callable[[np.random.Generator, int], Texts]


@dataclass(frozen=True)
class _Recipe:
    """How a task is made.

    Attributes:
        title: for people.
        labels: label names by id.
        columns: text columns.
        train_size: rows to train on.
        make: draws the texts of an example with the given label id.
    """

    title: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    train_size: int
    make: Make


def _entailment(rng: np.random.Generator, label: int) -> Texts:
    premise, hypothesis = st.statement_pair(rng, lambda relation: relation == st.RELATIONS[label])
    return st.say(rng, premise), st.say(rng, hypothesis)


def _claims(rng: np.random.Generator, label: int) -> Texts:
    refuted = label == 1
    evidence, claim = st.statement_pair(
        rng, lambda relation: (relation == "contradiction") == refuted
    )
    return st.say(rng, evidence), st.say_there_is(rng, claim)


def _reviews(rng: np.random.Generator, label: int) -> Texts:
    return (gr.review(rng, lx.FILMS, label == 1),)


def _dishes(rng: np.random.Generator, label: int) -> Texts:
    return (gr.review(rng, lx.DISHES, label == 1),)


def _mentions(rng: np.random.Generator, label: int) -> Texts:
    while True:
        text = gr.review(rng, gr.choose(rng, lx.DOMAINS), gr.chance(rng, 0.5))
        if _PRAISE.isdisjoint(text.split()) == (label == 0):
            return (text,)


def _agreement(rng: np.random.Generator, label: int) -> Texts:
    return (gr.sentence(rng, agrees=label == 1),)


_RECIPES: dict[str, _Recipe] = {
    "entailment": _Recipe(
        "What a statement says about another (generated)", st.RELATIONS, _PAIR, 600, _entailment
    ),
    "claims": _Recipe(
        "Claims that the evidence refutes (generated, few examples)",
        ("not refuted", "refuted"),
        _PAIR,
        160,
        _claims,
    ),
    "reviews": _Recipe(
        "Opinions about films (generated)", ("negative", "positive"), _SINGLE, 600, _reviews
    ),
    "dishes": _Recipe(
        "Opinions about dishes (generated, few examples)",
        ("negative", "positive"),
        _SINGLE,
        64,
        _dishes,
    ),
    "mentions": _Recipe(
        "Whether praise is mentioned, even if denied (generated)",
        ("no praise", "praise"),
        _SINGLE,
        600,
        _mentions,
    ),
    "agreement": _Recipe(
        "Whether verb and subject agree (generated)", ("broken", "fine"), _SINGLE, 600, _agreement
    ),
}

TASK_NAMES: tuple[str, ...] = tuple(_RECIPES)


def quickstart_tasks() -> tuple[Task, ...]:
    """Returns the declarations of the quickstart tasks."""
    return tuple(
        Task(
            name=name,
            title=recipe.title,
            texts=tuple(f"{{{column}}}" for column in recipe.columns),
            labels=recipe.labels,
            splits=Splits(train="train", validation="validation", test="test"),
            groups=(GROUP,),
        )
        for name, recipe in _RECIPES.items()
    )


def generate(name: str) -> dict[str, dict[str, list[str] | list[int]]]:
    """Generates a quickstart task, the same on every call and machine.

    Args:
        name: one of `TASK_NAMES`.

    Returns:
        Split ("train", "validation", "test") → column → values; column "label" holds label ids,
        which are balanced. No text (or pair of texts) occurs twice, in one split or across splits.

    Raises:
        IntertrainError: if there is no such task.
    """
    if name not in _RECIPES:
        raise IntertrainError(
            f"quickstart task {name!r} does not exist; there are {', '.join(TASK_NAMES)}."
            f"{nearest(name, TASK_NAMES)}"
        )
    recipe = _RECIPES[name]
    seed = int.from_bytes(sha256(f"{GROUP}/{name}".encode()).digest()[:8], "big")
    rng = np.random.Generator(np.random.Philox(seed))
    seen: set[Texts] = set()

    def draw(size: int) -> dict[str, list[str] | list[int]]:
        rows: list[Texts] = []
        labels = [row % len(recipe.labels) for row in range(size)]
        while len(rows) < size:
            texts = recipe.make(rng, labels[len(rows)])
            if texts not in seen:
                seen.add(texts)
                rows.append(texts)
        texts_by_column = {
            column: [row[i] for row in rows] for i, column in enumerate(recipe.columns)
        }
        return {**texts_by_column, "label": labels}

    # The test rows come first, so that changing the size of the others leaves them as they are.
    splits = {"test": draw(TEST_SIZE), "validation": draw(VALIDATION_SIZE)}
    return {"train": draw(recipe.train_size), **splits}
