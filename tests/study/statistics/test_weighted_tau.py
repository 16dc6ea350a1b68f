"""Kendall's weighted tau: by hand, by its invariants, and in a study."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import intertrain_jax as ij
from intertrain_jax.study.statistics.weighted_tau import weighted_tau


def by_hand(x: np.ndarray, y: np.ndarray) -> float:
    """The definition, for values without ties: hyperbolic weights, the mean of ranking by either."""

    def one(first: np.ndarray, second: np.ndarray) -> float:
        order = np.lexsort((second, first))[::-1]
        rank = np.empty(len(order))
        rank[order] = np.arange(len(order))
        total = agreed = 0.0
        for i, j in itertools.combinations(range(len(x)), 2):
            weight = 1 / (rank[i] + 1) + 1 / (rank[j] + 1)
            total += weight
            agreed += weight * np.sign((x[i] - x[j]) * (y[i] - y[j]))
        return agreed / total

    return (one(x, y) + one(y, x)) / 2


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_its_definition_says(seed: int) -> None:
    x, y = np.random.default_rng(seed).normal(size=(2, 9))
    found = weighted_tau("all rows", x, y)
    assert found.value == pytest.approx(by_hand(x, y))
    assert found.n == 9 and 0 < found.p <= 1 and found.low <= found.high


def test_the_best_weigh_more_than_the_worst() -> None:
    x = np.arange(10.0)
    top, bottom = x.copy(), x.copy()
    top[[9, 8]], bottom[[0, 1]] = x[[8, 9]], x[[1, 0]]
    values = [weighted_tau("all rows", x, y).value for y in (x, bottom, top)]
    assert values[0] == pytest.approx(1.0)
    assert values[0] > values[1] > values[2]


def test_it_only_looks_at_the_order_and_leaves_out_what_is_missing() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 12))
    found = weighted_tau("all rows", x, y)
    assert weighted_tau("all rows", np.exp(x), 3 * y + 1) == found
    assert weighted_tau("all rows", -x, -y).value != pytest.approx(found.value)
    missing = weighted_tau("all rows", np.append(x, np.nan), np.append(y, 1.0))
    assert missing == found


def test_chance_is_not_significant_and_agreement_is() -> None:
    rng = np.random.default_rng(1)
    p = [weighted_tau("all rows", *rng.normal(size=(2, 15))).p for _ in range(20)]
    assert 0 <= sum(value < 0.05 for value in p) <= 4
    x = rng.normal(size=15)
    assert weighted_tau("all rows", x, x + rng.normal(0, 0.1, 15)).p < 0.01


def test_few_models_have_no_interval_and_equal_ones_no_value() -> None:
    few = weighted_tau("all rows", np.arange(4.0), np.arange(4.0))
    assert few.value == pytest.approx(1.0) and np.isnan(few.low)
    assert np.isnan(weighted_tau("all rows", np.ones(6), np.arange(6.0)).value)


def test_a_study_with_a_probe_has_it() -> None:
    gains = pd.DataFrame(
        np.random.default_rng(0).normal(size=(7, 3)), [f"m{k}" for k in range(7)], list("abc")
    )
    probe = pd.DataFrame({"base": gains.index, "score": 50 + gains.mean(axis=1).to_numpy()})
    study = ij.analyze(gains, probe=probe)
    (found,) = study.statistics["weighted_tau"]
    assert found.value == pytest.approx(1.0) and found.n == 7
    assert study.summary["statistics"]["weighted_tau"]["rows"][0]["n"] == 7
    with pytest.raises(KeyError, match="There are no probe scores"):
        _ = ij.analyze(gains).statistics["weighted_tau"]
