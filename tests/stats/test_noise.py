"""Noise: planted variances are found, and the 20-seed file is reproduced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.stats.noise import fit_noise
from tests.stats.noisy import STD, long, read_twenty_seeds, scores


@pytest.fixture
def twenty_seeds(published: Path) -> pd.DataFrame:
    """Scores of RoBERTa on 36 targets over 20 seeds."""
    return read_twenty_seeds(published)


def test_the_twenty_seeds_are_reproduced(twenty_seeds: pd.DataFrame) -> None:
    noise = fit_noise(twenty_seeds)
    raw = {target.target: target.raw for target in noise.targets}
    assert len(raw) == 36 and {target.df for target in noise.targets} == {19}
    assert noise.average_std == pytest.approx(0.36, abs=5e-3)
    assert raw["copa"] == pytest.approx(5.9, abs=0.05)
    assert raw["cb"] == pytest.approx(4.2, abs=0.05)
    # Targets are about independent: their sum explains the average's spread.
    assert noise.average_low < noise.independent_std < noise.average_high
    for target in noise.targets:
        low, high = sorted((target.raw, noise.prior_std))
        assert low <= target.std <= high
    assert noise.prior_df < 4


def test_planted_variances_are_pooled_over_models() -> None:
    rng = np.random.default_rng(0)
    noise = fit_noise(scores(70 + 5 * rng.normal(size=(101, 8)), 4, rng))
    assert [target.raw for target in noise.targets] == pytest.approx(list(STD), rel=0.1)
    assert {(target.n, target.df) for target in noise.targets} == {(404, 303)}
    assert noise.independent_std == pytest.approx(np.sqrt(np.square(STD).sum()) / 8, rel=0.05)
    assert noise.average_low < noise.independent_std < noise.average_high


def test_few_seeds_are_shrunk_and_that_helps() -> None:
    rng = np.random.default_rng(1)
    raw_error, error = [], []
    for _ in range(60):
        true = np.exp(0.5 * rng.normal(size=12))
        values = true[:, None] * rng.normal(size=(1, 12, 3))
        noise = fit_noise(long(values, ["PT"], [f"t{j:02}" for j in range(12)]))
        raw_error += [np.log(t.raw / s) for t, s in zip(noise.targets, true, strict=True)]
        error += [np.log(t.std / s) for t, s in zip(noise.targets, true, strict=True)]
        assert all(target.std_df >= target.df for target in noise.targets)
    assert np.var(error) < 0.6 * np.var(raw_error)


def test_a_target_of_one_seed_has_the_common_noise() -> None:
    rng = np.random.default_rng(2)
    table = scores(np.full((3, 8), 70.0), 5, rng)
    table = table[(table["target"] != "t3") | (table["seed"] == 0)]
    noise = fit_noise(table)
    target = noise.targets[3]
    assert (target.target, target.n, target.df) == ("t3", 0, 0)
    assert np.isnan(target.raw)
    assert (target.std, target.std_df) == pytest.approx((noise.prior_std, noise.prior_df))
    assert np.isnan(noise.average_std) and noise.average_df == 0 and noise.common.std == 0


def test_a_target_that_never_varies_is_shrunk_too() -> None:
    table = scores(np.full((2, 8), 70.0), 5, np.random.default_rng(3))
    table.loc[table["target"] == "t0", "score"] = 63.46
    noise = fit_noise(table)
    assert noise.targets[0].raw == 0 and 0 < noise.targets[0].std < noise.prior_std


def test_what_all_targets_of_a_seed_share_is_seen() -> None:
    rng = np.random.default_rng(4)
    table = scores(np.full((40, 8), 70.0), 5, rng)
    shift = {key: 1.5 * rng.normal() for key in table.groupby(["base", "seed"]).groups}
    table["score"] += [shift[key] for key in zip(table["base"], table["seed"], strict=True)]
    noise = fit_noise(table)
    # The targets' own variances hold the shared part as well, an eighth of which is in their mean.
    assert noise.common.std == pytest.approx(1.5 * np.sqrt(7 / 8), rel=0.15)
    assert noise.average_df == 160


def test_bad_scores_are_one_line() -> None:
    table = scores(np.full((2, 8), 70.0), 1, np.random.default_rng(5))
    with pytest.raises(IntertrainError, match="no base model has two seeds"):
        fit_noise(table)
    with pytest.raises(IntertrainError, match=r"\(PT, t0, 0\) is there twice"):
        fit_noise(pd.concat([table, table]))
