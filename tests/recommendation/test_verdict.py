"""Tests of what is said at the end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from intertrain_jax.recommendation.decide import Rules, smallest_gain
from intertrain_jax.recommendation.prior import read_past
from intertrain_jax.recommendation.search import Search
from intertrain_jax.recommendation.verdict import Interval, Verdict, gain_on_test, verdict_of

NAMES = ["base", *(f"org/m{k}" for k in range(6))]
SCORES = {-1: 80.0, 0: 84.0, 1: 81.0, 2: 80.5, 3: 79.0, 4: 78.0, 5: 77.0}


def ended(shift: float = 0.0, budget: int = 10, broken: int | None = None) -> Search:
    """Returns a search over six models of which the first is 4 points better, less a shift."""

    def outcome(model: int, seed: int) -> float | str:
        if model == broken:
            return "It is gone."
        return SCORES[model] + 0.2 * (-1) ** seed - (shift if model >= 0 else 0.0)

    search = Search(np.linspace(1, -1, 6), Rules(budget=budget), read_past(), 1000)
    assert search.advance(outcome) == []
    return search


def verdict(search: Search, examples: int = 1000) -> Verdict:
    tests = {model: [SCORES[model] + 1.0] for model in SCORES}
    return verdict_of(search, NAMES, tests, examples, 600.0)


def test_the_clearly_best_model_is_chosen_with_its_gain() -> None:
    found = verdict(ended())
    assert found.name == "org/m0"
    assert found.gain.low < 4.0 < found.gain.high
    assert 2.0 < found.gain.value < 4.5
    assert found.test is not None
    assert found.test.value == pytest.approx(4.0)
    said = "\n".join(found.lines)
    assert "Start from org/m0." in said
    assert "on test: +4.00 points" in said
    assert f"{found.runs} runs, 10 min" in said
    assert "stopped because" in said


def test_the_pretrained_model_is_chosen_where_none_is_better() -> None:
    found = verdict(ended(shift=9.0))
    assert (found.model, found.name, found.test) == (-1, "base", None)
    assert found.lines[0].startswith("Start from the pretrained model, base: none of the")
    assert found.content["model"] == "PT"


def test_expected_loss_is_what_draws_of_another_kind_say() -> None:
    """With fresh draws of the mixture; a model that cannot be used is no loss."""
    for search in (ended(), ended(shift=3.0), ended(broken=1)):
        post, rng = search.found, np.random.default_rng(9)
        draws = []
        for _ in range(20_000):
            k = rng.choice(len(post.share), p=post.share)
            draws.append(rng.normal(post.mean_KxM[k], post.sd_KxM[k]))
        gains = np.array(draws)
        gains[:, ~search.usable] = -np.inf
        best = np.maximum(gains.max(axis=1), 0.0)
        own = gains[:, search.choice] if search.choice >= 0 else 0.0
        error = (best - own).std() / np.sqrt(4000)
        assert verdict(search).loss == pytest.approx((best - own).mean(), abs=4 * error + 1e-9)


def test_what_all_would_have_cost() -> None:
    """Every candidate as often as the chosen one, and the pretrained model as often as it was run."""
    search = ended(broken=5)
    found = verdict(search)
    usable = 5 if 5 in search.problems else 6
    assert found.all_runs == search.count(-1) + usable * search.count(0)
    assert found.tried + found.untried == usable


def test_where_all_were_tried_none_is_left() -> None:
    search = ended(budget=30)
    everything = set(range(6))

    def outcome(model: int, seed: int) -> float:
        return SCORES[model] + 0.2 * (-1) ** seed

    wide = Search(np.linspace(1, -1, 6), Rules(price=0.0, budget=30), read_past(), 1000)
    assert wide.advance(outcome) == []
    assert {t.model for t in wide.taken} >= everything
    found = verdict(wide)
    assert (found.untried, found.p_untried) == (0, 0.0)
    assert not any("not tried" in line for line in found.lines)
    assert search.count(0) >= 2


def test_a_gain_on_test_is_less_certain_with_fewer_examples_and_seeds() -> None:
    """The half width is 1.96 √(σ²(1/n + 1/n₀) + 1000/N)."""
    one = gain_on_test([84.0, 86.0], [80.0], 1000, 0.5)
    assert one.value == pytest.approx(5.0)
    assert one.high - one.value == pytest.approx(1.96 * np.sqrt(0.25 * 1.5 + 1.0))
    assert gain_on_test([84.0, 86.0], [80.0], 100, 0.5).low < one.low
    assert gain_on_test([84.0], [80.0], 1000, 0.5).high - 4.0 > one.high - 5.0


def test_what_was_not_shown_to_be_better_is_said_so() -> None:
    found, clear, unclear = verdict(ended()), Interval(2.0, 1.0, 3.0), Interval(2.0, -1.0, 5.0)
    for test, gain, says in (
        (clear, clear, None),
        (clear, unclear, None),
        (unclear, clear, "Test does not show that it is better"),
        (unclear, unclear, "Neither shows that it is better"),
    ):
        said = "\n".join(replace(found, test=test, gain=gain).lines)
        assert ("that it is better than the pretrained" in said) == (says is not None)
        assert says is None or says in said


def test_what_is_marked_and_what_cannot_be_known_is_said() -> None:
    found = verdict(ended())
    marked = replace(found, seen=("my/data",), detectable=smallest_gain(56, 1.0))
    said = "\n".join(marked.lines)
    assert "It has trained on my/data" in said
    assert "cannot be known with this test set: the smallest that it can show is 8.3 points" in said
    assert "--test" in said
    for test, known in (
        (Interval(9.0, 1.0, 17.0), True),
        (Interval(9.0, 0.9, 17.1), False),
        (None, False),
    ):
        large = replace(marked, gain=Interval(9.0, 6.0, 12.0), test=test)
        assert "cannot be known with this test set" in "\n".join(large.lines)
        assert ("is larger, and is shown." in "\n".join(large.lines)) == known, "only test shows it"
    known = replace(found, detectable=smallest_gain(10_000, 1.0))
    assert "cannot be known" not in "\n".join(known.lines)
    assert str(Interval(1.0, -0.5, 2.5)) == "+1.00 points, 95 % interval -0.50 to +2.50"
