"""Statements of the quickstart language: their logic is exact, and they are said as meant."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.data.quickstart import lexicon as lx
from intertrain_jax.data.quickstart import statements as st


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


S = st.Statement
LOGIC = [
    (S(lx.ALL, "dog", "run"), S(lx.SOME, "dog", "run"), "entailment"),
    (S(lx.ALL, "dog", "run"), S(lx.ALL, "poodle", "run"), "entailment"),
    (S(lx.ALL, "poodle", "run"), S(lx.ALL, "dog", "run"), "neutral"),
    (S(lx.ALL, "poodle", "run"), S(lx.SOME, "animal", "move"), "entailment"),
    (S(lx.SOME, "dog", "run"), S(lx.SOME, "poodle", "run"), "neutral"),
    (S(lx.SOME, "poodle", "run"), S(lx.NO, "dog", "move"), "contradiction"),
    (S(lx.NO, "dog", "move"), S(lx.NO, "poodle", "run"), "entailment"),
    (S(lx.NO, "dog", "run"), S(lx.NO, "dog", "move"), "neutral"),
    (S(lx.NO, "dog", "move"), S(lx.ALL, "dog", "rest"), "neutral"),
    (S(lx.ALL, "dog", "move"), S(lx.SOME, "dog", "sleep"), "contradiction"),
    (S(lx.SOME, "dog", "sleep"), S(lx.NOT_ALL, "dog", "run"), "entailment"),
    (S(lx.NOT_ALL, "dog", "run"), S(lx.ALL, "dog", "run"), "contradiction"),
    (S(lx.NOT_ALL, "dog", "run"), S(lx.SOME, "dog", "run"), "neutral"),
    (S(lx.NOT_ALL, "poodle", "run"), S(lx.NOT_ALL, "dog", "run"), "entailment"),
    (S(lx.ALL, "dog", "run", "in the park"), S(lx.ALL, "dog", "run"), "entailment"),
    (S(lx.ALL, "dog", "run", "in the park"), S(lx.ALL, "dog", "move", "outside"), "entailment"),
    (S(lx.ALL, "dog", "run", "outside"), S(lx.SOME, "dog", "run", "inside"), "contradiction"),
    (S(lx.NO, "dog", "run"), S(lx.NO, "dog", "run", "in the park"), "entailment"),
    (S(lx.NO, "dog", "run", "in the park"), S(lx.NO, "dog", "run"), "neutral"),
    (S(lx.ALL, "dog", "run"), S(lx.ALL, "cat", "run"), "neutral"),
]


@pytest.mark.parametrize(("premise", "hypothesis", "expected"), LOGIC)
def test_the_logic_of_statements(
    premise: st.Statement, hypothesis: st.Statement, expected: st.Relation
) -> None:
    assert st.relation(premise, hypothesis) == expected


def test_contradiction_goes_both_ways_and_entailment_composes() -> None:
    draw = rng()
    for _ in range(300):
        a = st.random_statement(draw)
        b = st.related_statement(draw, a)
        c = st.related_statement(draw, b)
        assert st.relation(a, a) == "entailment"
        if st.relation(a, b) == "contradiction":
            assert st.relation(b, a) == "contradiction"
        if st.relation(a, b) == st.relation(b, c) == "entailment":
            assert st.relation(a, c) == "entailment"


def test_statements_are_said_as_they_are_meant() -> None:
    said = {st.say(rng(seed), S(lx.NOT_ALL, "pony", "doze", "inside")) for seed in range(20)}
    assert said == {"not all ponies doze inside", "not every pony dozes inside"}
    said = {st.say_there_is(rng(seed), S(lx.ALL, "coach", "run")) for seed in range(20)}
    assert said == {
        "there is no coach that does not run",
        "there are no coaches that do not run",
    }


@pytest.mark.parametrize("wanted", st.RELATIONS)
def test_pairs_have_the_relation_that_is_asked_for(wanted: st.Relation) -> None:
    draw = rng(1)
    for _ in range(20):
        first, second = st.statement_pair(draw, lambda found: found == wanted)
        assert first != second and st.relation(first, second) == wanted


def test_a_taxonomy_is_walked_up_and_down() -> None:
    assert st.ancestors("poodle") == ("poodle", "dog", "animal")
    assert set(st.children("dog")) == {"poodle", "beagle", "terrier"}
    assert st.children("poodle") == ()
