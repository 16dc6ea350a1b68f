"""Sentences of the quickstart language: agreement over relative clauses, and opinions.

A sentence is a text of lower-case words. Statements, which have a meaning, are in `statements`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from intertrain_jax.data.quickstart import lexicon as lx

T = TypeVar("T")


def choose(rng: np.random.Generator, items: Sequence[T]) -> T:
    """Returns one of `items`, all equally likely."""
    return items[int(rng.integers(len(items)))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Returns True with the given probability."""
    return bool(rng.random() < probability)


def plural(noun: str) -> str:
    """Returns the plural of a noun of the language."""
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "es" if noun.endswith("ch") else noun + "s"


def third_person(verb: str) -> str:
    """Returns the form of a verb that agrees with a singular."""
    return verb + "es" if verb.endswith("ch") else verb + "s"


def join(*parts: str) -> str:
    """Joins the parts that are not empty with single spaces."""
    return " ".join(part for part in parts if part)


def noun_phrase(rng: np.random.Generator, many: bool, clause: bool) -> str:
    """Returns a noun phrase of the given number, with a relative clause or a place if asked."""
    noun = choose(rng, lx.NOUNS)
    determiner = choose(rng, lx.PLURAL_DETERMINERS if many else lx.SINGULAR_DETERMINERS)
    phrase = join(determiner, plural(noun) if many else noun)
    if not clause:
        return phrase
    if chance(rng, 0.4):
        return join(phrase, choose(rng, lx.ATTRIBUTES), noun_phrase(rng, chance(rng, 0.5), False))
    verb = choose(rng, lx.TRANSITIVE)
    verb = verb if many else third_person(verb)
    return join(phrase, "that", verb, noun_phrase(rng, chance(rng, 0.5), False))


def predicate(rng: np.random.Generator, many: bool) -> str:
    """Returns a verb phrase that agrees with a subject of the given number."""
    transitive = chance(rng, 0.5)
    verb = choose(rng, lx.TRANSITIVE if transitive else lx.VERBS)
    rest = noun_phrase(rng, chance(rng, 0.5), False) if transitive else ""
    if not transitive and chance(rng, 0.6):
        rest = choose(rng, lx.ADVERBS) if chance(rng, 0.5) else choose(rng, lx.PLACES)
    if chance(rng, 0.25):
        return join("do not" if many else "does not", verb, rest)
    return join(verb if many else third_person(verb), rest)


def sentence(rng: np.random.Generator, agrees: bool = True) -> str:
    """Returns a plain sentence whose main verb agrees with its subject, or does not.

    For example "the dogs that follow a boy do not sleep".
    """
    many = chance(rng, 0.5)
    return join(noun_phrase(rng, many, chance(rng, 0.6)), predicate(rng, many is agrees))


def opinion(rng: np.random.Generator, domain: lx.Domain, positive: bool, negated: bool) -> str:
    """Returns one clause that praises or blames a thing, directly or by negating the opposite."""
    thing, use_praise = choose(rng, domain.things), positive is not negated
    if chance(rng, 0.3):
        verb = choose(rng, lx.PLEASED if use_praise else lx.DISPLEASED)
        return join(choose(rng, lx.PEOPLE), "never" if negated else "", verb, "the", thing)
    shared, own = (lx.PRAISE, domain.praise) if use_praise else (lx.BLAME, domain.blame)
    word = choose(rng, own if chance(rng, 0.6) else shared)
    degree = choose(rng, lx.DEGREES) if chance(rng, 0.3) else ""
    if chance(rng, 0.3):
        finder = "nobody" if negated else choose(rng, lx.PEOPLE)
        return join(finder, "found the", thing, degree, word)
    return join("the", thing, "was", "not" if negated else "", degree, word)


def review(
    rng: np.random.Generator,
    domain: lx.Domain,
    positive: bool,
    negation: float = 0.35,
    contrast: float = 0.4,
) -> str:
    """Returns an opinion, or two of which the one that carries the verdict decides.

    Args:
        rng: source of randomness.
        domain: what it is about.
        positive: the verdict.
        negation: share of clauses that say it by negating the opposite.
        contrast: share of reviews with a second clause ("but", "although", "and").
    """
    verdict = opinion(rng, domain, positive, chance(rng, negation))
    if not chance(rng, contrast):
        return verdict
    link = choose(rng, ("but", "although", "and"))
    other = opinion(rng, domain, positive is (link == "and"), chance(rng, negation))
    return join(other, link, verdict) if link == "but" else join(verdict, link, other)


def consequence(rng: np.random.Generator, positive: bool) -> str:
    """Returns what follows from an opinion: "it made me happy"."""
    start, good, bad = choose(rng, lx.CONSEQUENCES)
    return join(start, choose(rng, good if positive else bad))


def telling_words() -> tuple[str, ...]:
    """Returns the words that carry an opinion or a conclusion."""
    words = [*lx.CONCLUSIONS.values(), *lx.PRAISE, *lx.BLAME, *lx.PLEASED, *lx.DISPLEASED]
    for domain in lx.DOMAINS:
        words += [*domain.praise, *domain.blame]
    for _, good, bad in lx.CONSEQUENCES:
        words += [*good, *bad]
    return tuple(words)


# Words that sentences are held together with, beside those of the lexicon.
_FUNCTION_WORDS = "there is are that do does not no never but although and nobody found was some a"


def vocabulary() -> tuple[str, ...]:
    """Returns every word of the language, sorted."""
    phrases = [_FUNCTION_WORDS, *telling_words(), *lx.PLACES, *lx.DEGREES, *lx.PEOPLE]
    phrases += [*lx.ATTRIBUTES, *lx.ADVERBS, *lx.SINGULAR_DETERMINERS, *lx.PLURAL_DETERMINERS]
    for noun in lx.NOUNS:
        phrases += [noun, plural(noun)]
    for verb in (*lx.VERBS, *lx.TRANSITIVE):
        phrases += [verb, third_person(verb)]
    for domain in lx.DOMAINS:
        phrases += domain.things
    for forms in lx.QUANTIFIERS.values():
        phrases += [form for form, _ in forms]
    phrases += [start for start, _, _ in lx.CONSEQUENCES]
    return tuple(sorted({word for phrase in phrases for word in phrase.split()}))
