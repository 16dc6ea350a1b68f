"""Base model and target apart: errors of refits, shuffles within targets, halves that share nothing."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.claims.additive import (
    ADDITIVE,
    halves,
    left_out,
    main_less_interaction,
    p_of_columns,
)
from intertrain_jax.claims.evidence import evidence
from tests.claims.planted import TEN, World, designs, judged, planted

RNG = np.random.default_rng(0)
ROWS, COLUMNS = 2.0 * RNG.normal(size=(10, 1)), 2.0 * RNG.normal(size=8)
WORLD = World(targets=8, seeds=2, noise=0.5)
SIGNS = list(product([-1.0, 1.0], repeat=6))


def runs_of(gains: np.ndarray, world: World = WORLD, seed: int = 0) -> pd.DataFrame:
    return planted(np.random.default_rng(seed), world, designs(TEN), gains)


def test_errors_of_cells_left_out_are_those_of_refits() -> None:
    rng = np.random.default_rng(1)
    gains = pd.DataFrame(ROWS + COLUMNS + rng.normal(size=(10, 8)))
    gains = gains.mask(rng.random(gains.shape) < 0.2)
    values, errors = gains.to_numpy(), []
    for i, j in np.argwhere(gains.notna().to_numpy()):
        without = values.copy()
        without[i, j] = np.nan
        at = np.argwhere(np.isfinite(without))
        design = np.concatenate([np.eye(10)[at[:, 0]], np.eye(8)[at[:, 1]]], axis=1)
        fit = np.linalg.lstsq(design, without[np.isfinite(without)], rcond=None)[0]
        base, target = np.nanmean(without[i]), np.nanmean(without[:, j])
        predictions = np.array([np.nanmean(without), base, target, fit[i] + fit[10 + j]])
        errors.append(np.square(values[i, j] - predictions))
    found = left_out(gains)
    assert (found.constant, found.base, found.target, found.additive) == pytest.approx(
        np.mean(errors, axis=0)
    )


def test_both_effects_show_and_interactions_alone_are_the_contrary() -> None:
    found = judged(ADDITIVE, runs_of(ROWS + COLUMNS))
    assert found.verdict == "shows"
    assert found.numbers["left_out_additive"] < found.numbers["left_out_base"] / 2
    assert "n: 10 base models, 8 targets, 2 seeds, 160 runs." in found.found
    crossed = 0.2 * (ROWS + COLUMNS) + 3.0 * np.random.default_rng(2).normal(size=(10, 8))
    assert judged(ADDITIVE, runs_of(crossed)).verdict == "shows the contrary"


def test_one_effect_alone_is_not_both() -> None:
    first = judged(ADDITIVE, runs_of(ROWS + 0.0 * COLUMNS))
    second = judged(ADDITIVE, runs_of(0.0 * ROWS + COLUMNS))
    assert (first.verdict, second.verdict) == ("cannot tell", "cannot tell")
    assert first.numbers["p_base"] < 0.025 < first.numbers["p_target"]
    assert second.numbers["p_target"] < 0.025 < second.numbers["p_base"]


def test_the_pretrained_models_noise_is_no_effect_of_targets() -> None:
    """All gains of a target share it, so that an analysis of variance is sure of targets that differ."""
    runs = runs_of(ROWS + 0.0 * COLUMNS, seed=3)
    luck = 8.0 * np.random.default_rng(4).normal(size=(8, 2))
    plain = runs["base"] == "PT"
    place = runs["target"].str[1:].astype(int), runs["seed"]
    runs.loc[plain, "score"] += luck[place][plain]
    assert p_of_columns(*halves(evidence(runs, None).matrix)) > 0.05


def test_a_source_models_luck_is_no_effect_of_its_source() -> None:
    """All gains of a source under one seed share it, however many targets there are."""
    lucky = runs_of(0.0 * ROWS + COLUMNS, World(targets=8, seeds=2, noise=0.1, source_luck=3.0))
    first, second = halves(evidence(lucky, None).matrix)
    assert p_of_columns(first.T, second.T) > 0.05


def test_probabilities_are_those_of_all_signs() -> None:
    rng = np.random.default_rng(5)
    first, second = (pd.DataFrame(rng.normal(size=(4, 6))) for _ in range(2))

    def apart(half: pd.DataFrame, rows: slice) -> np.ndarray:
        means = half.iloc[rows].mean().to_numpy()
        return np.asarray(means - means.mean())

    top, rest = slice(None, 2), slice(2, None)
    products = apart(first, top) * apart(second, rest) + apart(second, top) * apart(first, rest)
    sums = [sum(p * s for p, s in zip(products, signs, strict=True)) for signs in SIGNS]
    assert p_of_columns(first, second) == pytest.approx(
        np.mean([total >= products.sum() - 1e-12 for total in sums])
    )


def test_variances_of_halves_are_without_their_noise() -> None:
    rng = np.random.default_rng(6)
    crossed = rng.normal(size=(10, 8))
    crossed -= crossed.mean(axis=1, keepdims=True)
    crossed -= crossed.mean(axis=0)
    true = ROWS + COLUMNS + crossed * (63.0 / np.square(crossed).sum()) ** 0.5
    first, second = (pd.DataFrame(true + 3.0 * rng.normal(size=true.shape)) for _ in range(2))
    quiet = main_less_interaction(pd.DataFrame(true), pd.DataFrame(true))
    noisy = main_less_interaction(first, second)
    assert quiet.mean == pytest.approx(ROWS.var(ddof=1) + COLUMNS.var(ddof=1) - 1.225)
    assert noisy.low < quiet.mean < noisy.high


def test_one_seed_or_few_targets_are_not_computed() -> None:
    one = judged(ADDITIVE, runs_of(ROWS + COLUMNS).query("seed == 0"))
    assert one.verdict.startswith("not computed: what differs truly cannot be told")
    few = judged(ADDITIVE, runs_of(ROWS + COLUMNS).query("target < 't03'"))
    assert few.verdict.endswith("6 base models on 6 targets are needed, there are 10 on 3")
