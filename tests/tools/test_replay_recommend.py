"""A slice of the replays: truths spread as true gains do, and a search without noise finds the best."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from intertrain_jax.recommendation.decide import Rules

MODELS, TARGETS = 40, 4


@pytest.fixture(scope="module")
def tools() -> Iterator[tuple[ModuleType, ModuleType]]:
    """Both scripts as modules."""
    folder = str(Path(__file__).resolve().parents[2] / "tools")
    sys.path.insert(0, folder)
    yield import_module("replay_truths"), import_module("replay_recommend")
    sys.path.remove(folder)


def board(truths: ModuleType, noise: float) -> tuple[Any, np.ndarray]:
    """Returns a leaderboard of one noisy run each, and the true gains."""
    rng = np.random.default_rng(3)
    probe = rng.normal(50, 10, MODELS)
    x = (probe - probe.mean()) / probe.std()
    gains = 0.5 * x[:, None] + rng.standard_normal((MODELS, TARGETS))
    seen = gains + noise * rng.standard_normal(gains.shape)
    names = tuple(f"t{t}" for t in range(TARGETS))
    level = np.full(TARGETS, noise)
    runs = [truths.Noise.of(noise * norm.ppf((np.arange(20) + 0.5) / 20))] * TARGETS
    return truths.Board(names, seen, probe, runs, level, level, [2000] * TARGETS), gains


def test_truths_spread_as_true_gains_do(tools: tuple[ModuleType, ModuleType]) -> None:
    """Residuals of noisy gains are too wide, those shrunk to their expectations too narrow."""
    truths, _ = tools
    noisy, gains = board(truths, 1.0)
    spread = [
        found.std()
        for found in (noisy.gains, gains, truths.truths(noisy), truths.truths(noisy, expected=True))
    ]
    assert spread[0] > spread[2] > spread[3]
    assert spread[2] == pytest.approx(spread[1], rel=0.12)


def test_truths_with_noise_spread_as_what_was_published(
    tools: tuple[ModuleType, ModuleType],
) -> None:
    """Above the median too, where a run of twenty collapses: its noise is none of the other nineteen.

    Normal noise of the same standard deviation hides all that models differ by.
    """
    truths, _ = tools
    rng = np.random.default_rng(5)
    seeds = np.concatenate([0.3 * norm.ppf((np.arange(19) + 0.5) / 19), [-9.0]])
    noise = truths.Noise.of(seeds)
    like, gains = board(truths, 0.3)
    probe = np.tile(like.probe, 8)
    gains = np.tile(0.5 * (like.probe - 50)[:, None] / 10, (8, TARGETS))
    gains = gains + rng.standard_normal(gains.shape)
    made = truths.published(
        replace(like, gains=gains, probe=probe, runs=[noise] * TARGETS), gains, seed=4
    )
    found = truths.reproduced(made, truths.truths(made)).mean()
    assert found.between(0.85, 1.15).all()
    narrow = truths.reproduced(made, truths.truths(made, expected=True)).mean()
    assert narrow["upper"] < found["upper"]
    flat = truths.reproduced(made, truths.lines_of(made)).mean()
    assert flat["upper"] < 0.7
    normal = replace(
        made, runs=[truths.Noise.of(seeds.std() * norm.ppf((np.arange(20) + 0.5) / 20))] * 4
    )
    assert truths.reproduced(normal, truths.truths(normal)).mean()["upper"] > 1.3


def test_noise_is_that_of_the_seeds(tools: tuple[ModuleType, ModuleType]) -> None:
    """Draws have mean 0 and the seeds' variance, collapses as often as they do, and never repeat."""
    truths, _ = tools
    seeds = np.array([*np.linspace(80, 81, 19), 60.0])
    noise = truths.Noise.of(seeds)
    drawn = noise.draw((20_000,), np.random.default_rng(0))
    assert drawn.mean() == pytest.approx(0.0, abs=0.15)
    assert drawn.std() == pytest.approx(seeds.std(), rel=0.03)
    assert (drawn < -10).mean() == pytest.approx(1 / 20, abs=0.01)
    assert len(np.unique(drawn)) == len(drawn)
    grid = np.linspace(-30, 10, 4001)
    density = noise.density(grid)
    share = density[grid < -10].sum() / density.sum()
    assert share == pytest.approx(1 / 20, abs=0.005)


def test_sizes_are_the_fewest_examples_of_which_all_accuracies_are_shares(
    tools: tuple[ModuleType, ModuleType],
) -> None:
    truths, _ = tools
    assert truths.fewest_examples(pd.Series([40 / 71, 31 / 71])) == 71


def test_a_search_without_noise_that_may_try_all_loses_nothing(
    tools: tuple[ModuleType, ModuleType],
) -> None:
    """Every case has models and draws of its own; with a budget for all, the best is chosen."""
    truths, replays = tools
    noisy, gains = board(truths, 0.01)
    made = truths.cases(noisy, gains, 2, 6, 0)
    for case in made[:2]:
        assert case.target not in case.past.names and case.drawn.shape == (2, 7, truths.SEEDS)
        assert (np.diff(case.x_RxM, axis=1) <= 0).all()
        played = replays.replay(case, Rules(price=-1.0, budget=7 * truths.SEEDS), (6,))
        assert played["when"].tolist() == ["6", "6", "end", "end"]
        assert played["regret"][2:].max() < 0.05 and (played["regret"] >= 0).all()
        assert (played["runs"][2:] == 7 * truths.SEEDS).all()
        whole = replace(case, drawn=case.drawn.round(1))
        assert replays.best_seen(whole, 6).max() < 0.2


def test_figures_are_means_over_replays_with_an_interval_over_targets(
    tools: tuple[ModuleType, ModuleType],
) -> None:
    """Replays of one target are no independent ones: of two targets the interval reaches both."""
    _, replays = tools
    found = replays.Figures("s")
    table = pd.DataFrame({"target": ["a"] * 3 + ["b"], "lost": [1.0, 1.0, np.nan, 4.0]})
    found.add("f", table, "lost")
    found.add("none", table[:0], "lost")
    assert found.rows == [
        {"scenario": "s", "figure": "f", "value": 2.0, "low": 1.0, "high": 4.0, "replays": 3}
    ]
