"""Statements of the quickstart language and their logic, computed from its taxonomies.

Whether a statement entails or contradicts another is decided by looking at every small world, so
the labels of tasks made from it are exact: learning them takes quantifiers, negation and kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.data.quickstart import lexicon as lx
from intertrain_jax.data.quickstart.grammar import chance, choose, join, plural, third_person

Relation = Literal["entailment", "neutral", "contradiction"]
RELATIONS: tuple[Relation, ...] = ("entailment", "neutral", "contradiction")


@dataclass(frozen=True)
class Statement:
    """That all, some, no or not all of a kind do something somewhere ("" = no place mentioned)."""

    quantifier: str
    noun: str
    verb: str
    place: str = lx.ANYWHERE


def ancestors(word: str) -> tuple[str, ...]:
    """Returns the word and everything above it, nearest first."""
    chain = [word]
    while (parent := lx.PARENTS[chain[-1]]) is not None:
        chain.append(parent)
    return tuple(chain)


def children(word: str) -> tuple[str, ...]:
    """Returns what lies directly below the word."""
    return tuple(child for child, parent in lx.PARENTS.items() if parent == word)


@cache
def _patterns(first: str, second: str, words: tuple[str, ...]) -> frozenset[tuple[bool, bool]]:
    """Returns how a thing can stand to two words: (falls under the first, under the second)."""
    chains = [ancestors(word) for word in words]
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

    def exists(side: int, doing: bool) -> NDArray[np.bool_]:
        wanted = [kind[side] and deed[side] is doing for kind, deed in sorts]
        return np.asarray(worlds[:, wanted].any(axis=1))

    def holds(quantifier: str, side: int) -> NDArray[np.bool_]:
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
    place = choose(rng, lx.PLACES) if chance(rng, 0.5) else lx.ANYWHERE
    return Statement(
        choose(rng, tuple(lx.QUANTIFIERS)),
        choose(rng, lx.NOUNS),
        choose(rng, lx.VERBS),
        place,
    )


def _neighbour(rng: np.random.Generator, word: str) -> str:
    """Returns a word close by: a parent, a child, a sibling, or (at the top) another top."""
    parent = lx.PARENTS[word]
    peers = next(words for words in (lx.NOUNS, lx.VERBS, lx.PLACES) if word in words)
    siblings = tuple(peer for peer in peers if lx.PARENTS[peer] == parent and peer != word)
    groups = [g for g in ((parent,) if parent else (), children(word), siblings) if g]
    return choose(rng, choose(rng, groups))


def related_statement(rng: np.random.Generator, statement: Statement) -> Statement:
    """Returns a statement with at most one word changed, and perhaps another quantifier."""
    noun, verb, place = statement.noun, statement.verb, statement.place
    quantifier = choose(rng, tuple(lx.QUANTIFIERS)) if chance(rng, 0.7) else statement.quantifier
    part = choose(rng, ("none", "none", "none", "noun", "verb", "place"))
    if part == "noun":
        noun = _neighbour(rng, noun)
    elif part == "verb":
        verb = _neighbour(rng, verb)
    elif part == "place" and place == lx.ANYWHERE:
        place = choose(rng, lx.PLACES)
    elif part == "place":
        place = lx.ANYWHERE if chance(rng, 0.4) else _neighbour(rng, place)
    return Statement(quantifier, noun, verb, place)


def statement_pair(
    rng: np.random.Generator, accept: Callable[[Relation], bool]
) -> tuple[Statement, Statement]:
    """Returns two different statements of which the relation is accepted."""
    while True:
        first = random_statement(rng)
        second = related_statement(rng, first)
        if first != second and accept(relation(first, second)):
            return first, second


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
