"""Estimators side by side: planted leads are found, over the same models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.claims.estimators import ESTIMATORS, lead
from tests.claims.planted import World, designs, judged, planted, ranked

M = 20
Z = np.random.default_rng(0).permutation(np.linspace(-2.0, 2.0, M))
NOISE = np.random.default_rng(1).normal(size=(3, M))
RUNS = planted(
    np.random.default_rng(2),
    World(targets=6, seeds=2, noise=0.3),
    designs([f"m{i}" for i in range(M)], kind="base"),
    Z[:, None],
)


def scores(lp: float, others: float) -> pd.DataFrame:
    """Scores that err by so much."""
    parts = [ranked(Z + lp * NOISE[0], "lp"), ranked(Z + others * NOISE[1], "LogME")]
    return pd.concat([*parts, ranked(Z + others * NOISE[2], "knn")], ignore_index=True)


def test_a_probe_that_leads_all_is_shown_to_and_one_that_is_behind_is_not() -> None:
    ahead, behind = (
        judged(ESTIMATORS, RUNS, scores(0.1, 3.0)),
        judged(ESTIMATORS, RUNS, scores(3.0, 0.1)),
    )
    assert (ahead.verdict, behind.verdict) == ("shows", "shows the contrary")
    assert ahead.numbers["lp_less_logme_low"] > 0 > behind.numbers["lp_less_logme_high"]
    assert "Over 20 base models" in ahead.found and ahead.numbers["spearman_lp"] > 0.9
    assert "logme_less_knn" in ahead.numbers
    assert judged(ESTIMATORS, RUNS, scores(1.0, 1.0)).verdict == "cannot tell"


def test_a_lead_is_the_difference_of_coefficients_with_a_jackknife() -> None:
    first, second = Z + 0.5 * NOISE[0], Z + 1.5 * NOISE[1]
    found = lead(first, second, Z, np.arange(M))
    expected = [stats.spearmanr(of, Z).statistic for of in (first, second)]
    assert found.value == pytest.approx(expected[0] - expected[1])
    assert found.low < found.value < found.high
    back = lead(second, first, Z, np.arange(M))
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))
    assert back.above == pytest.approx(found.below)
    constant = lead(first, np.ones(M), Z, np.arange(M))
    assert np.isnan(constant.value) and (constant.above, constant.below) == (1.0, 1.0)
    assert lead(first, first, Z, np.arange(M)).above == 1.0


def test_models_that_are_alike_count_together() -> None:
    first, second = Z + 0.5 * NOISE[0], Z + 1.5 * NOISE[1]
    alone, together = (lead(first, second, Z, own) for own in (np.arange(M), np.arange(M) // 5))
    assert together.high - together.low != pytest.approx(alone.high - alone.low)
    assert np.isnan(lead(first, second, Z, np.arange(M) // 10).low)


def test_without_the_probe_or_a_second_estimator_nothing_is_computed() -> None:
    table = scores(1.0, 1.0)
    alone = judged(ESTIMATORS, RUNS, table[table["estimator"] == "lp"])
    assert alone.verdict.endswith("another estimator are needed on mnli, there are lp")
    without = judged(ESTIMATORS, RUNS, table[table["estimator"] != "lp"])
    assert without.verdict.startswith("not computed: the linear probe (lp)")
    assert judged(ESTIMATORS, RUNS).verdict == "not computed: nothing was ranked"
