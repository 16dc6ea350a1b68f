"""Sentences of the quickstart language and what they mean: statements, agreement and opinions.

A sentence is a text of lower-case words. What a statement entails is computed from the taxonomies by
checking every small world (`relation`); what an opinion says follows from how it was built. So labels
are exact, and learning them needs quantifiers, negation, agreement and the taxonomy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar

import numpy as np

from intertrain_jax.data import lexicon as lx

Relation = Literal["entailment", "neutral", "contradiction"]
T = TypeVar("T")


def choose(rng: np.random.Generator, items: Sequence[T]) -> T:
    """Returns one of `items`, all equally likely."""
    return items[int(rng.integers(len(items)))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Returns True with the given probability."""
    return bool(rng.random() < probability)


def plural(noun: str) -> str:
    """Returns the plural of a noun of the language."""
    return noun + "es" if noun.endswith("ch") else noun + "s"


def third_person(verb: str) -> str:
    """Returns the form of a verb that agrees with a singular."""
    return verb + "es" if verb.endswith("ch") else verb + "s"


def join(*parts: str) -> str:
    """Joins the parts that are not empty with single spaces."""
    return " ".join(part for part in parts if part)


# --- Statements: a quantifier, a noun, a verb and perhaps a place -----------------------------------


@dataclass(frozen=True)
class Statement:
    """That all, some, no or not all of a kind do something somewhere ("" = no place mentioned)."""

    quantifier: str
    noun: str
    verb: str
    place: str = lx.ANYWHERE


def ancestors(word: str, taxonomy: Mapping[str, str | None]) -> tuple[str, ...]:
    """Returns the word and everything above it, nearest first."""
    chain = [word]
    while (parent := taxonomy[chain[-1]]) is not None:
        chain.append(parent)
    return tuple(chain)


def children(word: str, taxonomy: Mapping[str, str | None]) -> tuple[str, ...]:
    """Returns what lies directly below the word."""
    return tuple(child for child, parent in taxonomy.items() if parent == word)


def _patterns(
    first: str, second: str, taxonomy: Mapping[str, str | None]
) -> frozenset[tuple[bool, bool]]:
    """Returns how a thing can stand to two words: (falls under the first, under the second)."""
    chains = [ancestors(word, taxonomy) for word in taxonomy]
    return frozenset(
        (first in (*chain, lx.ANYWHERE), second in (*chain, lx.ANYWHERE)) for chain in chains
    )


@cache
def _relation(
    kinds: frozenset[tuple[bool, bool]],
    deeds: frozenset[tuple[bool, bool]],
    premise: str,
    hypothesis: str,
) -> Relation:
    """Decides a relation in all worlds: every set of sorts of things that may exist."""
    sorts = [(kind, deed) for kind in sorted(kinds) for deed in sorted(deeds) if any(kind)]
    worlds = (np.arange(2 ** len(sorts))[:, None] >> np.arange(len(sorts))) & 1 > 0

    def exists(side: int, doing: bool) -> np.ndarray:
        wanted = [kind[side] and deed[side] is doing for kind, deed in sorts]
        return np.asarray(worlds[:, wanted].any(axis=1))

    def holds(quantifier: str, side: int) -> np.ndarray:
        doers, others = exists(side, True), exists(side, False)
        truth = {lx.ALL: ~others, lx.SOME: doers, lx.NO: ~doers, lx.NOT_ALL: others}
        return np.asarray(truth[quantifier])

    # Both nouns are taken to have instances, as speakers do.
    sensible = np.ones(len(worlds), dtype=bool)
    for side in (0, 1):
        sensible &= exists(side, True) | exists(side, False)
    outcomes = holds(hypothesis, 1)[sensible & holds(premise, 0)]
    if outcomes.all():
        return "entailment"
    return "neutral" if outcomes.any() else "contradiction"


def relation(premise: Statement, hypothesis: Statement) -> Relation:
    """Returns what the premise says about the hypothesis, given the taxonomies."""
    kinds = _patterns(premise.noun, hypothesis.noun, lx.NOUNS)
    # One can also do neither: the verbs of the language are not all that can be done.
    verbs = _patterns(premise.verb, hypothesis.verb, lx.VERBS) | {(False, False)}
    places = _patterns(premise.place, hypothesis.place, lx.PLACES)
    deeds = frozenset((v1 and p1, v2 and p2) for v1, v2 in verbs for p1, p2 in places)
    return _relation(kinds, deeds, premise.quantifier, hypothesis.quantifier)


def random_statement(rng: np.random.Generator) -> Statement:
    """Returns a statement with any quantifier, noun, verb and place."""
    place = choose(rng, tuple(lx.PLACES)) if chance(rng, 0.5) else lx.ANYWHERE
    return Statement(
        choose(rng, tuple(lx.QUANTIFIERS)),
        choose(rng, tuple(lx.NOUNS)),
        choose(rng, tuple(lx.VERBS)),
        place,
    )


def _neighbour(rng: np.random.Generator, word: str, taxonomy: Mapping[str, str | None]) -> str:
    """Returns a word close by: a parent, a child, a sibling, or (at the top) another top."""
    parent = taxonomy[word]
    siblings = tuple(w for w, p in taxonomy.items() if p == parent and w != word)
    groups = [g for g in ((parent,) if parent else (), children(word, taxonomy), siblings) if g]
    return choose(rng, choose(rng, groups))


def related_statement(rng: np.random.Generator, statement: Statement, edits: int) -> Statement:
    """Returns a statement that changes at most so many words of the given one, and its quantifier."""
    quantifier = choose(rng, tuple(lx.QUANTIFIERS)) if chance(rng, 0.7) else statement.quantifier
    noun, verb, place = statement.noun, statement.verb, statement.place
    for part in rng.permutation(3)[: int(rng.integers(0, edits + 1))]:
        if part == 0:
            noun = _neighbour(rng, noun, lx.NOUNS)
        elif part == 1:
            verb = _neighbour(rng, verb, lx.VERBS)
        elif place == lx.ANYWHERE:
            place = choose(rng, tuple(lx.PLACES))
        else:
            place = lx.ANYWHERE if chance(rng, 0.4) else _neighbour(rng, place, lx.PLACES)
    return Statement(quantifier, noun, verb, place)


def say(rng: np.random.Generator, statement: Statement) -> str:
    """Returns a sentence for the statement: "not every poodle sleeps in the garden"."""
    determiner, many = choose(rng, lx.QUANTIFIERS[statement.quantifier])
    noun = plural(statement.noun) if many else statement.noun
    verb = statement.verb if many else third_person(statement.verb)
    return join(determiner, noun, verb, statement.place)


def say_there_is(rng: np.random.Generator, statement: Statement) -> str:
    """Returns an existential sentence for it: "there is a poodle that does not sleep inside"."""
    noun, verb, place = statement.noun, statement.verb, statement.place
    many = chance(rng, 0.5)
    be, noun = ("are", plural(noun)) if many else ("is", noun)
    determiner = "some" if many else "a"
    if statement.quantifier in (lx.NO, lx.ALL):
        determiner = "no"
    if statement.quantifier in (lx.ALL, lx.NOT_ALL):
        verb = join("do not" if many else "does not", verb)
    elif not many:
        verb = third_person(verb)
    return join("there", be, determiner, noun, "that", verb, place)


# --- Plain sentences: agreement over relative clauses -----------------------------------------------


def noun_phrase(rng: np.random.Generator, many: bool, clause: bool) -> str:
    """Returns a noun phrase of the given number, with a relative clause or a place if asked."""
    noun = choose(rng, tuple(lx.NOUNS))
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
    verb = choose(rng, lx.TRANSITIVE if transitive else tuple(lx.VERBS))
    rest = noun_phrase(rng, chance(rng, 0.5), False) if transitive else ""
    if not transitive and chance(rng, 0.6):
        rest = choose(rng, lx.ADVERBS) if chance(rng, 0.5) else choose(rng, tuple(lx.PLACES))
    if chance(rng, 0.25):
        return join("do not" if many else "does not", verb, rest)
    return join(verb if many else third_person(verb), rest)


def sentence(rng: np.random.Generator) -> str:
    """Returns a grammatical sentence: "the dogs that follow a boy do not sleep"."""
    many = chance(rng, 0.5)
    return join(noun_phrase(rng, many, chance(rng, 0.6)), predicate(rng, many))


def broken_sentence(rng: np.random.Generator) -> str:
    """Returns a sentence whose main verb does not agree with its subject."""
    many = chance(rng, 0.5)
    return join(noun_phrase(rng, many, chance(rng, 0.6)), predicate(rng, not many))


# --- Opinions: polarity, negation and contrast ------------------------------------------------------


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


def polar_words() -> tuple[str, ...]:
    """Returns the words that carry an opinion or a conclusion."""
    words = [*lx.CONCLUSIONS.values(), *lx.PRAISE, *lx.BLAME, *lx.PLEASED, *lx.DISPLEASED]
    for domain in (lx.FILMS, lx.DISHES):
        words += [*domain.praise, *domain.blame]
    for _, good, bad in lx.CONSEQUENCES:
        words += [*good, *bad]
    return tuple(words)


# Words that sentences are held together with, beside those of the lexicon.
_FUNCTION_WORDS = "there is are that do does not no never but although and nobody found the was some a"


def vocabulary() -> tuple[str, ...]:
    """Returns every word of the language, sorted."""
    words: set[str] = set(_FUNCTION_WORDS.split())
    for noun in lx.NOUNS:
        words |= {noun, plural(noun)}
    for verb in (*lx.VERBS, *lx.TRANSITIVE):
        words |= {verb, third_person(verb)}
    for domain in (lx.FILMS, lx.DISHES):
        words |= {*domain.things, *domain.praise, *domain.blame}
    phrases = [form for forms in lx.QUANTIFIERS.values() for form, _ in forms]
    phrases += lx.PLACES
    for start, good, bad in lx.CONSEQUENCES:
        phrases += [start, *good, *bad]
    for phrase in phrases:
        words |= set(phrase.split())
    lists = (lx.PRAISE, lx.BLAME, lx.DEGREES, lx.PLEASED, lx.DISPLEASED, lx.PEOPLE, lx.ATTRIBUTES)
    for items in (*lists, tuple(lx.CONCLUSIONS.values()), lx.ADVERBS, lx.SINGULAR_DETERMINERS, lx.PLURAL_DETERMINERS):
        words |= set(items)
    return tuple(sorted(words))
