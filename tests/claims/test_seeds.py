"""Seeds of a source: a planted spread is found beside noise, and its score's correlation is judged."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.claims.seeds import SEEDS_DIFFER, SOURCE_SCORE, spread_of
from tests.claims.planted import World, designs, judged, planted


def runs_of(luck: float, seeds: int = 20, **world: float) -> pd.DataFrame:
    made = World(**({"targets": 8, "interaction": 0.0} | world), seeds=seeds, source_luck=luck)
    return planted(np.random.default_rng(0), made, designs(["mnli"]), np.zeros((1, 1)))


def with_source_score(runs: pd.DataFrame, score: np.ndarray) -> pd.DataFrame:
    plain = runs[runs["base"] == "PT"].drop_duplicates("seed").copy()
    return pd.concat([runs, plain.assign(target="mnli", score=score[plain["seed"]])])


def test_a_planted_spread_is_shown_and_noise_is_not() -> None:
    found = judged(SEEDS_DIFFER, runs_of(1.0))
    assert found.verdict == "shows"
    assert found.numbers["std_of_models"] == pytest.approx(1.0, abs=0.45)
    assert found.numbers["std_of_finetuning"] == pytest.approx(1.0 / 8**0.5, rel=0.25)
    assert "of 20 mnli models" in found.found
    assert judged(SEEDS_DIFFER, runs_of(0.0)).verdict == "cannot tell"


def test_the_ratio_is_that_of_an_analysis_of_variance() -> None:
    rng = np.random.default_rng(1)
    scores = pd.DataFrame(rng.normal(size=(6, 5)) + rng.normal(size=(6, 1)) + 10.0 * np.arange(5))
    found = spread_of(scores)
    residuals = scores.sub(scores.mean(axis=1), axis=0) - scores.mean() + scores.to_numpy().mean()
    error = np.square(residuals).to_numpy().sum() / 20
    assert found.ratio == pytest.approx(5 * scores.mean(axis=1).var() / error)
    assert found.low < found.ratio < found.high
    # Noise that differs by target leaves fewer degrees of freedom than 20.
    assert found.low >= found.ratio / stats.f.ppf(0.975, 5, 4)


def test_the_source_score_is_set_beside_the_average() -> None:
    runs = runs_of(2.0, noise=0.3)
    mine = runs[runs["base"] == "mnli"].groupby("seed")["score"].mean().to_numpy()
    same = judged(SOURCE_SCORE, with_source_score(runs, mine))
    assert same.verdict == "shows the contrary" and same.numbers["spearman"] == pytest.approx(1.0)
    noise = np.random.default_rng(3).normal(size=20)
    apart = judged(SOURCE_SCORE, with_source_score(runs, noise))
    expected = stats.spearmanr(noise, mine).statistic
    assert apart.numbers["spearman"] == pytest.approx(expected)
    assert apart.verdict == "cannot tell" and apart.numbers["targets"] == 8


def test_the_source_itself_is_no_target_here() -> None:
    runs = with_source_score(runs_of(1.0), np.arange(20.0))
    own = runs[runs["base"] == "mnli"].drop_duplicates("seed").assign(target="mnli", score=99.0)
    assert judged(SEEDS_DIFFER, pd.concat([runs, own])).numbers["targets"] == 8


def test_few_seeds_and_no_source_score_are_not_computed() -> None:
    few = judged(SEEDS_DIFFER, runs_of(1.0, seeds=4))
    assert few.verdict == "not computed: no source has models of 5 seeds"
    without = judged(SOURCE_SCORE, runs_of(1.0))
    assert "the scores of mnli models on mnli itself are not there" in without.verdict


def test_the_part_with_the_most_seeds_is_judged() -> None:
    """A grid trains the same source on more examples, under few seeds."""
    grid = runs_of(1.0, seeds=6).assign(part="grid", source_size=9000)
    found = judged(SEEDS_DIFFER, pd.concat([grid, runs_of(1.0)]))
    assert found.numbers["seeds"] == 20
