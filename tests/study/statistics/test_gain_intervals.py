"""Intervals of gains: from seeds, for unseen examples, and where only one of them is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.study.inputs import Study
from intertrain_jax.study.result import Options
from intertrain_jax.study.statistics.gain_intervals import GAIN_INTERVALS, counted
from intertrain_jax.study.statistics.noise import NOISE
from intertrain_jax.study.statistics.statistic import Context
from tests.stats.studies import computed, matrix_study, random_gains, study_of_runs

COLUMNS = ["base", "target", "gain", "seeds", "std", "two_std", "q", "low", "high"]


@pytest.fixture(scope="module")
def study() -> Study:
    """Three seeds; a cell and the pretrained model lack one each."""
    return study_of_runs(("a", "b", "c"), failed={"b:a:1": "x", "PT:c:0": "x"})


def test_the_pairs_that_a_mean_is_taken_over_are_counted(study: Study) -> None:
    context = Context(study, Options())
    noise = context.value(NOISE)
    assert noise is not None
    _, cells, pretrained, _, name = counted(context, noise)
    # Seeds without their pair are not in the mean.
    assert cells.to_numpy().tolist() == [[3, 3, 2], [2, 3, 2], [3, 3, 2]]
    assert pretrained.equals(cells) and name == "PT"


def test_an_interval_from_seeds_is_student_s(study: Study) -> None:
    result = computed(GAIN_INTERVALS, study)
    found, noise = result.statistics["gain_intervals"].seeds, result.statistics["noise"]
    by_target = {t.target: t for t in noise.targets}
    for base, target, seeds in (("a", "b", (3, 3)), ("b", "a", (2, 2)), ("a", "c", (2, 2))):
        of = by_target[target]
        error = of.std * np.sqrt(1 / seeds[0] + 1 / seeds[1])
        half = stats.t.ppf(0.975, of.std_df) * error
        gain = study.gains.mean.loc[base, target]
        assert found.seed_error.loc[base, target] == pytest.approx(error)
        assert found.low.loc[base, target] == pytest.approx(gain - half)
        assert found.high.loc[base, target] == pytest.approx(gain + half)


def test_an_interval_for_unseen_examples_adds_the_test_set_s(study: Study) -> None:
    found = computed(GAIN_INTERVALS, study).statistics["gain_intervals"]
    assert study.runs is not None
    own, pretrained = (
        study.runs[(study.runs["base"] == base) & (study.runs["target"] == "b")]["score"].mean()
        for base in ("a", "PT")
    )
    # Every test set of these records has 50 examples.
    variance = sum(p / 100 * (1 - p / 100) for p in (own, pretrained)) / 50
    assert found.unseen.sampling_error.loc["a", "b"] == pytest.approx(100 * np.sqrt(variance))
    assert found.unseen.sampling_error.notna().all(axis=None)
    width = (found.unseen.high - found.unseen.low) - (found.seeds.high - found.seeds.low)
    assert width.loc["a", "b"] > 0


def test_without_sizes_of_test_sets_only_the_seeds_count(study: Study) -> None:
    result = computed(GAIN_INTERVALS, replace(study, test_sizes={}))
    found = result.statistics["gain_intervals"]
    assert found.seeds is not None and found.unseen is None
    assert result.not_computed == {"gain_intervals_unseen": "Sizes of test sets are not known."}
    (table,) = GAIN_INTERVALS.tables(result)
    assert table.rows.columns.tolist() == COLUMNS
    assert set(GAIN_INTERVALS.plain(found)) == {"seeds"}


def test_the_table_has_every_cell(study: Study) -> None:
    result = computed(GAIN_INTERVALS, study)
    (table,) = GAIN_INTERVALS.tables(result)
    assert table.name == "gain_intervals"
    assert table.rows.columns.tolist() == [*COLUMNS, "low_unseen", "high_unseen"]
    rows = table.rows.set_index(["base", "target"])
    assert len(rows) == 9
    assert rows.loc[("b", "a"), "seeds"] == 2
    gains = study.gains
    for base, target in (("b", "a"), ("c", "b")):
        assert rows.loc[(base, target), "gain"] == gains.mean.loc[base, target]
        assert rows.loc[(base, target), "std"] == gains.std.loc[base, target]
        assert rows.loc[(base, target), "q"] == gains.q.loc[base, target]


def test_the_summary_counts_intervals_beyond_zero(study: Study) -> None:
    result = computed(GAIN_INTERVALS, study)
    found = result.statistics["gain_intervals"]
    plain = GAIN_INTERVALS.plain(found)
    assert plain["seeds"] == {
        "n": 9,
        "above_zero": int((found.seeds.low > 0).to_numpy().sum()),
        "below_zero": int((found.seeds.high < 0).to_numpy().sum()),
    }
    assert set(plain) == {"seeds", "unseen"}


def test_without_noise_both_parts_have_its_reason() -> None:
    result = computed(GAIN_INTERVALS, matrix_study(random_gains(4, 3)))
    reason = result.not_computed["noise"]
    assert result.not_computed == {
        "noise": reason,
        "gain_intervals": reason,
        "gain_intervals_unseen": reason,
    }
    assert not len(GAIN_INTERVALS.tables(result)[0].rows)
