"""Linear probe against average gain: joined by name, with and without suspicious rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.stats.correlation import correlation
from intertrain_jax.study.inputs import Study
from intertrain_jax.study.result import Options
from intertrain_jax.study.statistics.probe_gain import PROBE_GAIN
from intertrain_jax.study.statistics.statistic import Context
from tests.stats.studies import computed, matrix_study, random_gains

GAINS = random_gains(12, 30)
AVERAGE = GAINS.mean(axis=1)


def test_the_probe_is_joined_by_name_not_by_place() -> None:
    probe = (AVERAGE * 4 + 50).sample(frac=1.0, random_state=3)
    study = matrix_study(GAINS, probe=probe)
    (found,) = computed(PROBE_GAIN, study).statistics["probe_gain"]
    assert found.models == "all rows"
    assert found.pearson.value == pytest.approx(1.0)
    assert (found.line.slope, found.line.intercept) == pytest.approx((0.25, -12.5))
    assert found.pearson.n == 12


def test_models_without_a_probe_do_not_count() -> None:
    probe = pd.Series(
        {**{f"m{k}": float(v) for k, v in enumerate([3, 1, 4, 1, 5, 9, 2, 6])}, "stranger": 0.0}
    )
    (found,) = computed(PROBE_GAIN, matrix_study(GAINS, probe=probe)).statistics["probe_gain"]
    x, y = probe.iloc[:8].to_numpy(), AVERAGE.iloc[:8].to_numpy()
    assert found.pearson.n == found.spearman.n == found.line.n == 8
    assert found.pearson.value == pytest.approx(stats.pearsonr(x, y)[0])
    assert found.spearman.value == pytest.approx(stats.spearmanr(x, y)[0])
    assert found.line.slope == pytest.approx(stats.linregress(x, y).slope)


def board(outlier: bool) -> Study:
    """A leaderboard of models on a line, and one that is left out for being far from it."""
    everything = pd.DataFrame(
        {
            "average": [*AVERAGE, 9.0],
            "probe": [*(AVERAGE * 4 + 50), 10.0],
            "suspicious": [False] * 12 + [outlier],
        }
    )
    probe = AVERAGE * 4 + 50
    return matrix_study(GAINS, probe=probe, kind="leaderboard", with_suspicious=everything)


def test_suspicious_rows_are_in_the_second_correlation() -> None:
    result = computed(PROBE_GAIN, board(outlier=True))
    without, with_them = result.statistics["probe_gain"]
    assert (without.models, with_them.models) == ("intact rows", "all rows as published")
    assert (without.pearson.n, with_them.pearson.n) == (12, 13)
    assert without.pearson.value == pytest.approx(1.0)
    assert with_them.pearson.value < 0.0
    (table,) = PROBE_GAIN.tables(result)
    assert table.name == "probe_line" and table.rows["n"].tolist() == [12, 13]
    assert table.rows.columns[:3].tolist() == ["rows", "n", "slope"]
    assert "centre" not in table.rows


def test_a_board_without_suspicious_rows_has_one_correlation() -> None:
    (found,) = computed(PROBE_GAIN, board(outlier=False)).statistics["probe_gain"]
    assert (found.models, found.pearson.n) == ("all rows", 12)


def test_correlations_say_of_which_rows_they_are() -> None:
    value = computed(PROBE_GAIN, board(outlier=True)).statistics["probe_gain"]
    names = [name for name, _ in PROBE_GAIN.correlations(value)]
    assert len(names) == len(set(names)) == 2 * 3
    assert names[0] == "probe and average gain, intact rows: pearson"
    rows = PROBE_GAIN.plain(value)["rows"]
    assert [row["models"] for row in rows] == [p.models for p in value]
    assert {"pearson", "spearman", "weighted_tau", "line"} < set(rows[0])


@pytest.mark.parametrize("cluster", ["auto", "none"])
def test_a_large_series_is_resampled_whole_and_left_out_once(cluster: str) -> None:
    """Ten checkpoints of one series are good at both; among the others there is no correlation."""
    names = [*(f"org/run-itr{k}" for k in range(10)), *(f"user{k}/model" for k in range(30))]
    gains = random_gains(40, 8).set_axis(names)
    gains.iloc[:10] += 5.0
    rng = np.random.default_rng(0)
    probe = pd.Series(rng.normal(50, 1, 40) + np.repeat([10.0, 0.0], [10, 30]), index=names)
    study = matrix_study(gains, probe=probe)
    options = Options(cluster=cluster)  # type: ignore[arg-type]
    found = Context(study, options).value(PROBE_GAIN)
    assert found is not None
    if cluster == "none":
        assert [p.models for p in found] == ["all rows"] and not found[0].pearson.clusters
        return
    every, without = found
    assert without.models == "all rows without the 10 models of org"
    assert (every.pearson.n, every.pearson.clusters, every.line.clusters) == (40, 31, 31)
    assert (without.pearson.n, without.pearson.clusters) == (30, 0)
    assert every.pearson.value > 0.8 and without.pearson.low < 0 < without.pearson.high
    # One series says little about all models, and the plain interval would not know.
    assert every.pearson.low < correlation(probe, gains.mean(axis=1), "pearson").low - 0.1


def test_without_a_probe_it_says_so() -> None:
    result = computed(PROBE_GAIN, matrix_study(GAINS))
    assert result.not_computed == {"probe_gain": "There are no probe scores."}
    assert not len(PROBE_GAIN.tables(result)[0].rows)
