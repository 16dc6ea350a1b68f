"""A search takes the same decisions from the same runs, whenever and in whatever order they come."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.recommendation.decide import PRETRAINED, Rules
from intertrain_jax.recommendation.prior import read_past
from intertrain_jax.recommendation.search import SEEDS, Outcome, Search

MODELS = 7
PAST = read_past()
Key = tuple[int, int]


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, dict[Key, float | str]]:
    """Returns scores of a ranking, and the outcome of every run; some models fail."""
    x = np.sort(rng.standard_normal(MODELS))[::-1]
    gains = rng.normal(0.5, 1.0) + rng.normal(0.5, 1.0) * x + rng.normal(0, 1, MODELS)
    noise = rng.choice([0.2, 1.0, 3.0])
    table: dict[Key, float | str] = {}
    for model in range(-1, MODELS):
        gain = 0.0 if model < 0 else gains[model]
        for seed in range(SEEDS):
            table[model, seed] = 80.0 + gain + noise * rng.standard_normal()
            if model >= 0 and rng.random() < 0.05:
                table[model, seed] = "It diverged."
    return x, table


def play(
    x: np.ndarray, rules: Rules, table: dict[Key, float | str], known: dict[Key, float | str]
) -> tuple[Search, int]:
    """Plays until the end, doing what is asked for; returns the search and how often it asked."""
    search = Search(x, rules, PAST, 400)
    rounds = 0

    def outcome(model: int, seed: int) -> Outcome:
        return known.get((model, seed))

    while True:
        wanted = search.advance(outcome)
        if not wanted:
            return search, rounds
        rounds += 1
        assert all(key not in known for key in wanted[:1])
        known |= {key: table[key] for key in wanted}


def story(search: Search) -> tuple[object, ...]:
    return search.taken, search.problems, search.why, search.choice


def test_any_order_of_arrival_gives_the_same_decisions() -> None:
    """One process after another takes over what was done, with some runs that nobody asked for."""
    rng = np.random.default_rng(5)
    failed = 0
    for _ in range(20):
        x, table = drawn(rng)
        rules = Rules(budget=int(rng.integers(2, 14)), price=float(rng.choice([0.0, 0.1, 0.4])))
        whole, _ = play(x, rules, table, {})
        failed += bool(whole.problems)
        keys = list(table)
        for _ in range(2):
            # A kill leaves any part of the runs, in any order, and others' runs beside them.
            rng.shuffle(keys)
            some = {tuple(key): table[tuple(key)] for key in keys[: rng.integers(len(keys))]}
            again, _ = play(x, rules, table, some)
            assert story(again) == story(whole)
    assert failed > 2, "failures are among the cases"


def test_a_search_that_goes_on_is_the_one_that_was_never_stopped() -> None:
    """Killed after every single run, and begun anew each time with the records there are."""
    rng = np.random.default_rng(3)
    x, table = drawn(rng)
    rules = Rules(budget=9, price=0.0)
    whole, _ = play(x, rules, table, {})
    known: dict[Key, float | str] = {}

    def outcome(model: int, seed: int) -> Outcome:
        return known.get((model, seed))

    while wanted := Search(x, rules, PAST, 400).advance(outcome):
        last = wanted[-1]
        known[last] = table[last]  # the last one ended first
    again, _ = play(x, rules, table, known)
    assert story(again) == story(whole)
    assert len(known) == len(again.taken) + len(again.problems), "no run was done for nothing"


def test_runs_asked_for_together_are_all_taken_in() -> None:
    """What is asked for side by side is needed whatever the first of it gives."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        x, table = drawn(rng)
        table = {key: 80.0 + rng.normal(0, 2) for key in table}
        rules = Rules(budget=int(rng.integers(2, 12)))
        known: dict[Key, float | str] = {}
        search, _ = play(x, rules, table, known)
        assert {(t.model, t.seed) for t in search.taken} == set(known)
        assert len(search.taken) <= rules.budget


def test_the_first_ones_are_asked_for_at_once() -> None:
    search = Search(np.linspace(1, -1, MODELS), Rules(), PAST, 400)
    first = search.advance(lambda model, seed: None)
    assert first == [(PRETRAINED, 0), (0, 0), (1, 0), (2, 0), (3, 0)]
    small = Search(np.linspace(1, -1, MODELS), Rules(budget=3), PAST, 400)
    assert small.advance(lambda model, seed: None) == [(PRETRAINED, 0), (0, 0), (1, 0)]


def test_a_model_that_fails_is_not_chosen_and_another_takes_its_place() -> None:
    """Also where its second run fails after a first one that was the best of all."""
    scores = {-1: 80.0, 0: 95.0, 1: 84.0, 2: 79.0, 3: 79.0, 4: 79.0, 5: 79.0, 6: 79.0}

    def outcome(model: int, seed: int) -> Outcome:
        return "It diverged." if (model, seed) == (0, 1) else scores[model] + 0.1 * seed

    search = Search(np.linspace(1, -1, MODELS), Rules(), PAST, 400)
    assert search.advance(outcome) == []
    assert search.problems == {0: "It diverged."}
    assert search.choice == 1
    assert search.tried[:2].tolist() == [False, True]
    assert 4 in {taken.model for taken in search.taken}, (
        "the fifth of the ranking is of the first four"
    )


def test_reasons_and_ends_are_said() -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(1.5, -1.5, MODELS)
    table = {(m, s): 80.0 + rng.normal(0, 0.3) for m in range(-1, MODELS) for s in range(SEEDS)}
    search, _ = play(x, Rules(budget=30, price=0.05), dict(table), {})
    assert search.why.endswith("its price is 0.05")
    assert search.taken[0].why == "gains are over it"
    assert any("number 1 of the ranking" in taken.why for taken in search.taken)
    assert any("better half" in taken.why for taken in search.taken)
    ended, _ = play(x, Rules(budget=6, price=0.0), dict(table), {})
    assert ended.why == "the budget of 6 runs is spent"
    none = Search(x, Rules(), PAST, 400)
    assert none.advance(lambda m, s: 80.0 + 0.1 * s if m < 0 else "It is gone.") == []
    assert none.why == "no model of the ranking can be used"
    assert none.choice == PRETRAINED
    with pytest.raises(
        IntertrainError, match=r"pretrained model must train .* It diverged\. .*--pre"
    ):
        Search(x, Rules(), PAST, 400).advance(lambda m, s: "It diverged.")


def test_a_small_validation_split_makes_the_noise_no_smaller_than_its_own() -> None:
    """Two runs that agree to the digit are not certain: σ is at least the binomial error."""
    for rows, regression, least in ((100, False, 4.0), (400, False, 2.0), (400, True, 5.0)):
        search = Search(np.zeros(1), Rules(), PAST, rows, regression)
        search.advance(lambda m, s: 80.0)
        assert search.found.noise == pytest.approx(least, rel=0.01) or search.found.noise > least
