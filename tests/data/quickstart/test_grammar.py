"""Sentences of the quickstart language: forms of words, agreement, verdicts of reviews."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.data.quickstart import grammar as gr
from intertrain_jax.data.quickstart import lexicon as lx


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_words_have_their_forms() -> None:
    assert [gr.plural(noun) for noun in ("pony", "boy", "coach", "dog")] == [
        "ponies",
        "boys",
        "coaches",
        "dogs",
    ]
    assert [gr.third_person(verb) for verb in ("watch", "run")] == ["watches", "runs"]
    assert gr.join("the", "", "dog") == "the dog"


def test_a_predicate_agrees_with_its_subject() -> None:
    draw = rng()
    singular = {gr.third_person(verb) for verb in (*lx.VERBS, *lx.TRANSITIVE)} | {"does"}
    for many in (True, False):
        firsts = {gr.predicate(draw, many).split()[0] for _ in range(200)}
        assert not firsts & singular if many else firsts <= singular


def test_a_noun_phrase_has_the_number_that_is_asked_for() -> None:
    draw, plurals = rng(), {gr.plural(noun) for noun in lx.NOUNS}
    for many in (True, False):
        for clause in (True, False):
            nouns = {gr.noun_phrase(draw, many, clause).split()[1] for _ in range(100)}
            assert nouns <= plurals if many else nouns <= set(lx.NOUNS)


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("negated", [True, False])
def test_an_opinion_is_said_directly_or_by_denying_its_opposite(
    positive: bool, negated: bool
) -> None:
    draw = rng()
    good = {*lx.PRAISE, *lx.PLEASED, *lx.FILMS.praise}
    for _ in range(100):
        words = set(gr.opinion(draw, lx.FILMS, positive, negated).split())
        assert bool(words & {"not", "never", "nobody"}) is negated
        assert bool(words & good) is (positive is not negated)


def test_every_word_of_a_sentence_is_in_the_vocabulary() -> None:
    draw, known = rng(), set(gr.vocabulary())
    for _ in range(300):
        domain = gr.choose(draw, lx.DOMAINS)
        texts = (
            gr.sentence(draw, gr.chance(draw, 0.5)),
            gr.review(draw, domain, gr.chance(draw, 0.5)),
            gr.consequence(draw, gr.chance(draw, 0.5)),
        )
        assert {word for text in texts for word in text.split()} <= known
    assert set(gr.telling_words()) <= known
