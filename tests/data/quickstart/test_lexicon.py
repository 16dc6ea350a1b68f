"""The words of the quickstart language: taxonomies without cycles, and words with one meaning."""

from __future__ import annotations

from itertools import combinations

from intertrain_jax.data.quickstart import lexicon as lx


def test_every_parent_is_a_word_of_the_same_taxonomy_and_stands_before_its_children() -> None:
    assert set(lx.PARENTS) == {*lx.NOUNS, *lx.VERBS, *lx.PLACES}
    assert len(lx.PARENTS) == len(lx.NOUNS) + len(lx.VERBS) + len(lx.PLACES)
    for words in (lx.NOUNS, lx.VERBS, lx.PLACES):
        for place, word in enumerate(words):
            parent = lx.PARENTS[word]
            assert parent is None or parent in words[:place], word


def test_a_word_says_praise_or_blame_never_both_and_no_domain_shares_its_own() -> None:
    sets = [lx.PRAISE, lx.BLAME, lx.PLEASED, lx.DISPLEASED]
    for domain in lx.DOMAINS:
        sets += [domain.praise, domain.blame]
    for first, second in combinations(sets, 2):
        assert not set(first) & set(second)
    things = [thing for domain in lx.DOMAINS for thing in domain.things]
    assert len(set(things)) == len(things)


def test_every_quantifier_can_be_said_of_one_and_of_many() -> None:
    assert set(lx.QUANTIFIERS) == {lx.ALL, lx.SOME, lx.NO, lx.NOT_ALL}
    for forms in lx.QUANTIFIERS.values():
        assert {many for _, many in forms} == {True, False}
