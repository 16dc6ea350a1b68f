"""The probe's ranking: planted agreement is found, losses are those of a loop, noise shows nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.claims.probe import PROBE_RANKS, TOP_THREE, losses
from tests.claims.planted import TEN, World, designs, judged, planted, ranked

GAINS = np.linspace(-4.0, 2.0, 10)


def runs_of(seed: int = 0, **world: float) -> pd.DataFrame:
    made = World(**({"interaction": 0.5} | world))
    return planted(np.random.default_rng(seed), made, designs(TEN), GAINS[:, None])


def test_a_probe_that_ranks_as_gains_do_is_shown_to() -> None:
    runs, probe = runs_of(), ranked(60.0 + 3.0 * GAINS + np.tile([1.0, -1.0], 5))
    found = judged(PROBE_RANKS, runs, probe)
    pairs = runs.assign(score=runs["score"]).pivot_table(
        index="base", columns="target", values="score"
    )
    averages = (pairs - pairs.loc["PT"]).drop(index="PT").mean(axis=1)
    expected = stats.spearmanr(averages, probe.set_index("base")["score"].reindex(averages.index))
    assert found.verdict == "shows" and "probe on mnli" in found.found
    assert found.numbers["spearman"] == pytest.approx(expected.statistic)
    assert judged(PROBE_RANKS, runs, ranked(-GAINS)).verdict == "shows the contrary"
    assert judged(PROBE_RANKS, runs, ranked(np.tile([1.0, 2.0], 5))).verdict == "cannot tell"


def test_the_top_three_lose_little_or_more_than_any_three() -> None:
    runs = runs_of()
    found = judged(TOP_THREE, runs, ranked(GAINS))
    assert found.verdict == "shows" and found.numbers["enough"] <= 2
    assert found.numbers["loss3"] < 0.3 < found.numbers["by_chance"]
    assert judged(TOP_THREE, runs, ranked(-GAINS)).verdict == "shows the contrary"
    third = judged(TOP_THREE, runs, ranked(np.array([9, 8, 0, 1, 3, 4, 2, 7, 5, 10])))
    assert third.verdict == "cannot tell" and 0.025 < third.numbers["p"] < 0.5


def test_losses_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    gains = pd.DataFrame(rng.normal(size=(5, 4)))
    gains.iloc[[0, 2], 1] = np.nan
    lost = losses(gains, [0, 2])
    for column, value in zip(gains, lost, strict=True):
        expected = gains[column].max() - gains[column].iloc[[0, 2]].max()
        assert value == pytest.approx(expected, nan_ok=True)


def test_a_constant_probe_cannot_tell_and_none_is_not_computed() -> None:
    runs = runs_of()
    assert judged(PROBE_RANKS, runs, ranked(np.ones(10))).verdict == "cannot tell"
    without = judged(PROBE_RANKS, runs)
    assert without.verdict.startswith("not computed: there is no linear probe")
    few = judged(TOP_THREE, runs, ranked(GAINS[:4]))
    assert few.verdict.startswith(
        "not computed: gains and a probe on mnli are known of 4 base models"
    )


def test_probes_among_the_runs_count_where_nothing_was_ranked() -> None:
    runs = runs_of()
    probes = runs[runs["target"] == "t00"].assign(method="probe")
    found = judged(PROBE_RANKS, pd.concat([runs, probes]))
    assert found.numbers["task"] == "t00" and found.verdict == "shows"


def test_another_task_than_mnli_counts_where_that_is_all_there_is() -> None:
    both = pd.concat([ranked(-GAINS, task="rte"), ranked(GAINS, task="MNLI")])
    assert judged(PROBE_RANKS, runs_of(), both).numbers["task"] == "MNLI"
    assert judged(PROBE_RANKS, runs_of(), ranked(GAINS, task="rte")).numbers["task"] == "rte"
