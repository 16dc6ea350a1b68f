"""Tests of what to run next, and of stopping."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.recommendation.decide import (
    PRETRAINED,
    STOP,
    Rules,
    Step,
    assess,
    choice,
    knowledge_gradient,
    next_step,
    smallest_gain,
    worth_of_base,
)
from intertrain_jax.recommendation.prior import prior_of, read_past

NAN = np.nan
PRIOR = prior_of(read_past())
MODELS, SEEDS = 8, 4
X = np.linspace(1.5, -1.5, MODELS)


def _step(scores: np.ndarray, rules: Rules) -> Step:
    found = assess(scores, X, PRIOR, 0.6, 0.3)
    return next_step(scores, X, found, rules, np.ones(MODELS, bool))


def _play(
    draws: np.ndarray, rules: Rules, scores: np.ndarray | None = None
) -> list[tuple[int, int]]:
    """Returns (model, seed) of every run until it stops."""
    scores = np.full_like(draws, NAN) if scores is None else scores.copy()
    done = []
    while int(_step(scores, rules).model) != STOP:
        model = int(_step(scores, rules).model)
        seed = int(np.isfinite(scores[model + 1]).sum())
        scores[model + 1, seed] = draws[model + 1, seed]
        done.append((model, seed))
    return done


def _draws(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    truth = 80 + np.concatenate([[0], 0.5 + 0.8 * X])
    return truth[:, None] + 0.5 * rng.standard_normal((MODELS + 1, SEEDS))


@pytest.mark.parametrize("tried", [(True, True, True), (True, False, True), (False, False, False)])
def test_knowledge_gradient_is_what_draws_say(tried: tuple[bool, ...]) -> None:
    """The expected rise of what is chosen, of models that have run, agrees with simulated runs."""
    mean, sd, noise = np.array([0.4, 0.6, -0.5]), np.array([0.4, 0.9, 1.5]), 0.8
    rng, had = np.random.default_rng(0), np.where(tried, mean, -np.inf)
    for n in (1, 4):
        got = knowledge_gradient(mean, sd, np.array(noise), n, tried=np.array(tried))
        for m in range(3):
            gain = mean[m] + sd[m] * rng.standard_normal(400_000)
            seen = gain + noise / np.sqrt(n) * rng.standard_normal(400_000)
            after = mean[m] + sd[m] ** 2 / (sd[m] ** 2 + noise**2 / n) * (seen - mean[m])
            other = max(0.0, np.delete(had, m).max())
            rise = np.maximum(after, other).mean() - max(0.0, had.max())
            assert got[m] == pytest.approx(rise, abs=0.005)


def test_runs_of_the_pretrained_model_are_worth_most_where_nobody_knows_which_is_better() -> None:
    """What they move is every gain at once: the rise of the better of 0 and the best gain, by draws."""
    scores = np.full((3, SEEDS), NAN)
    scores[0, 0], scores[1, :2], scores[2, 0] = 80.0, (80.1, 80.3), 79.0
    found = assess(scores, np.zeros(2), PRIOR, 0.6, 0.3)
    tried = np.array([True, True])
    v2, noise2 = found.base_sd**2, found.noise**2
    moves = np.random.default_rng(0).standard_normal(400_000)
    best = found.mean.max()
    rises = [
        (np.maximum(best + v2 / np.sqrt(v2 + noise2 / n) * moves, 0).mean() - max(best, 0)) / n
        for n in (1, 2, 4)
    ]
    assert worth_of_base(found, tried) == pytest.approx(max(rises), abs=0.003)
    scores[1, :2] += 9.0
    assert worth_of_base(assess(scores, np.zeros(2), PRIOR, 0.6, 0.3), tried) < 1e-6


def test_the_opening_is_baseline_then_the_four_best_then_second_seeds() -> None:
    """The order of the stages, and that second seeds go to the better half."""
    played = _play(_draws(), Rules(price=0.0, budget=9))
    assert played[:5] == [(model, 0) for model in (PRETRAINED, 0, 1, 2, 3)]
    seen = _draws()[1:5, 0]
    assert [seed for _, seed in played[5:7]] == [1, 1] and len(played) == 9
    assert {model for model, _ in played[5:7]} == {*np.argsort(-seen)[:2].tolist()}


def test_any_beginning_of_a_search_goes_on_as_the_search_did() -> None:
    """Decisions are a function of the runs: killed after any of them, the same runs follow."""
    draws, rules = _draws(3), Rules(price=0.02, budget=12)
    whole = _play(draws, rules)
    for cut in range(len(whole)):
        scores = np.full_like(draws, NAN)
        for model, seed in reversed(whole[:cut]):
            scores[model + 1, seed] = draws[model + 1, seed]
        assert _play(draws, rules, scores) == whole[cut:]


def test_a_high_price_stops_after_the_opening_and_the_budget_bounds() -> None:
    """No run beyond the opening is worth a thousand points; three runs are three."""
    assert len(_play(_draws(), Rules(price=1000.0, budget=40))) == 1 + 4 + 2
    assert len(_play(_draws(), Rules(price=0.0, budget=3))) == 3


def test_models_that_cannot_be_run_are_passed_over() -> None:
    """The first of the ranking is unusable: the next ones are the four best."""
    scores = np.full((MODELS + 1, SEEDS), NAN)
    scores[0, :3] = 80.0
    found = assess(scores, X, PRIOR, 0.6)
    usable = np.arange(MODELS) > 0
    assert int(next_step(scores, X, found, Rules(), usable).model) == 1


def test_the_choice_is_the_largest_mean_not_the_best_score() -> None:
    """One lucky seed loses against two good ones; where all lose, the pretrained model is chosen."""
    scores = np.full((MODELS + 1, SEEDS), NAN)
    scores[0, :3] = [80.0, 80.2, 79.8]
    scores[1, :3] = [82.0, 82.1, 81.9]
    scores[8, :1] = 82.1
    tried = np.isfinite(scores[1:]).any(axis=-1)
    assert int(choice(assess(scores, X, PRIOR, 0.6, 0.3), tried)) == 0
    scores[1, :3], scores[8, 0] = 76.0, 75.0
    assert int(choice(assess(scores, X, PRIOR, 0.6, 0.3), tried)) == PRETRAINED


def test_the_smallest_gain_of_a_test_set() -> None:
    """A hundred examples show no gain of one point; as many as are asked for just do."""
    small = smallest_gain(100, 1.0)
    assert not small.known
    assert small.gain == pytest.approx(6.2, abs=0.1)
    assert smallest_gain(small.examples, 1.0).known
    assert not smallest_gain(small.examples - 50, 1.0).known
