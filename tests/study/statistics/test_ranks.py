"""Ranks by average gain: over seeds where they are known, else over targets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.stats.average_draws import DRAWS
from intertrain_jax.stats.averages import average_gains
from intertrain_jax.study.statistics.ranks import RANKS
from tests.stats.studies import (
    computed,
    matrix_of,
    matrix_study,
    planted_scores,
    random_gains,
    study_of,
)


def test_over_seeds_they_rest_on_the_draws_of_the_noise(tmp_path: Path) -> None:
    result = computed(RANKS, study_of(planted_scores(), tmp_path))
    found, draws = result.statistics["ranks"], result.statistics["average_gain_draws"]
    assert found.basis == "seeds" and found.averages is draws.draws
    assert [m.base for m in found.table.models] == ["m0", "m1", "m2", "m3", "m4"]
    assert [m.rank for m in found.table.models] == [1, 2, 3, 4, 5]
    # One point apart, with an error of about 0.1: all are told apart.
    assert found.table.groups == 5
    assert found.table.models[0].best > 0.95
    share = (draws.draws.rank(axis=1, ascending=False)["m3"] <= 3).mean()
    assert found.table.models[3].top3 == pytest.approx(share)


def test_without_seeds_they_are_uncertain_by_targets() -> None:
    gains = random_gains(3, 40)
    gains.loc["m0"] += 3.0
    # m1 and m2 differ by nothing but noise, and by little.
    gains.loc["m2"] = gains.loc["m1"] + np.random.default_rng(5).standard_normal(40)
    gains.loc["m2"] -= (gains.loc["m2"] - gains.loc["m1"]).mean() - 0.01
    result = computed(RANKS, matrix_study(gains))
    assert result.statistics["ranks"].basis == "targets"
    best = result.models().set_index("base")
    assert best.loc["m0", "best"] == 1.0
    assert best.loc["m0", "groups"] == "1"
    assert set(best.loc["m1", "groups"].split()) & set(best.loc["m2", "groups"].split())
    drawn = result.statistics["ranks"].averages
    expected = average_gains(gains, "common").series()
    np.testing.assert_allclose(drawn.mean(), expected[drawn.columns], atol=0.1)
    # The best is drawn back to the others: the winner's curse.
    assert drawn["m0"].mean() < expected["m0"]
    # Differences of two models have the standard error of two residual means.
    residual = average_gains(gains, "common").residual_std
    spread = (drawn["m2"] - drawn["m1"]).std()
    assert spread == pytest.approx(residual * np.sqrt(2 / 40), rel=0.2)


def test_what_a_target_gives_to_all_models_alike_moves_no_rank() -> None:
    gains = random_gains(4, 8)
    moved, missing = gains + np.linspace(-40, 40, 8), gains > 0.6
    assert missing.sum(axis=1).nunique() > 2, "models lack different targets"
    for first, second in ((gains, moved), (gains.mask(missing), moved.mask(missing))):
        before, after = (
            computed(RANKS, matrix_study(g)).statistics["ranks"] for g in (first, second)
        )
        assert [(m.base, m.rank) for m in before.table.models] == [
            (m.base, m.rank) for m in after.table.models
        ]
        for one in (before, after):
            apart = one.averages.sub(one.averages["m0"], axis=0).drop(columns="m0")
            spread = before.averages.sub(before.averages["m0"], axis=0)[apart.columns].std()
            np.testing.assert_allclose(apart.std(), spread, atol=1e-9)
            # Draws are between the averages and their mean, whichever cells are missing.
            averages = pd.Series({m.base: m.score for m in one.table.models})
            middle = (averages - averages["m0"])[apart.columns]
            assert (np.sign(apart.mean()) == np.sign(middle)).all()
            assert (apart.mean().abs() < middle.abs() + 0.1 * spread).all()


def test_the_summary_has_the_table_and_what_its_uncertainty_is_of() -> None:
    found = computed(RANKS, matrix_study(random_gains(3, 5))).statistics["ranks"]
    plain = RANKS.plain(found)
    assert list(plain) == ["basis", "draws", "groups", "models", "unranked"]
    assert plain["basis"] == "targets" and plain["draws"] == DRAWS
    assert [m["base"] for m in plain["models"]] == [m.base for m in found.table.models]


def test_what_is_lacking() -> None:
    few = computed(RANKS, matrix_study(random_gains(3, 2)))
    assert few.not_computed["ranks"].endswith("of which there are only 2.")
    one = computed(RANKS, matrix_study(matrix_of({"x": [1, 2, 3]})))
    assert one.not_computed["ranks"].endswith("with an average gain, there are 1.")
