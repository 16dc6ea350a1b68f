"""Gains: seed-paired, keyed, with every gap visible."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.records.runs import Record
from intertrain_jax.stats.gains import (
    Expected,
    GainMatrices,
    benjamini_hochberg,
    gain_matrices,
    summarise_scores,
    two_std_sign,
)
from intertrain_jax.study.scores import score_table
from tests.runs import make_config, make_plan, make_record

BASES = ("PT", "alpha", "beta")
TARGETS = ("beta", "gamma")
PLAN = make_plan(make_config(sources=("alpha", "beta"), targets=TARGETS, seeds=3))
EXPECTED = [Expected(r.id, r.base.label, r.target, r.seed) for r in PLAN.matrix_runs]
# Test scores by base, target and seed.
SCORES = {
    ("PT", "beta"): (60.0, 62.0, 64.0),
    ("PT", "gamma"): (80.0, 80.0, 80.0),
    ("alpha", "beta"): (61.0, 64.0, 67.0),
    ("alpha", "gamma"): (79.0, 79.0, 79.0),
    ("beta", "beta"): (60.0, 62.0, 64.0),
    ("beta", "gamma"): (90.0, 70.0, 80.0),
}


def make_records(
    failed: Mapping[str, str] | None = None, missing: tuple[str, ...] = ()
) -> dict[str, Record]:
    """Records of every run but the missing ones, in random order."""
    runs = [run for run in PLAN.matrix_runs if run.name not in missing]
    random.Random(len(runs)).shuffle(runs)
    return {
        run.id: make_record(
            run, SCORES[run.base.label, run.target][run.seed], (failed or {}).get(run.name)
        )
        for run in runs
    }


def matrices(records: Mapping[str, Record]) -> GainMatrices:
    return gain_matrices(score_table(EXPECTED, records), "PT", BASES, TARGETS, asked=3)


def test_gains_are_paired_by_seed() -> None:
    gains = matrices(make_records())
    assert list(gains.mean.index) == ["alpha", "beta"]
    assert list(gains.mean.columns) == list(TARGETS)
    # alpha on beta gains 1, 2 and 3 points: their spread, not the scores'.
    assert gains.mean.loc["alpha", "beta"] == pytest.approx(2.0)
    assert gains.std.loc["alpha", "beta"] == pytest.approx(1.0)
    assert gains.mean.loc["beta", "gamma"] == pytest.approx(0.0)
    assert gains.std.loc["beta", "gamma"] == pytest.approx(10.0)
    assert (gains.n == 3).all().all()


def test_significance() -> None:
    gains = matrices(make_records())
    expected = pd.DataFrame(
        [[0, 0], [0, 0]], index=gains.mean.index, columns=list(TARGETS), dtype=float
    )
    pd.testing.assert_frame_equal(gains.significant, expected)
    # Where a cell's spread is above its target's, it is the t-test as it is in the books.
    assert gains.p.loc["alpha", "beta"] == pytest.approx(
        stats.ttest_rel((61.0, 64.0, 67.0), (60.0, 62.0, 64.0)).pvalue
    )
    assert gains.p.loc["beta", "beta"] == 1.0
    # Three gains of −1 to the digit, where another model's vary by 10: 7.07 over the target.
    pooled = np.sqrt((2 * 0.0**2 + 2 * 10.0**2) / 4)
    assert gains.p.loc["alpha", "gamma"] == pytest.approx(
        2 * stats.t.sf(1.0 / (pooled / np.sqrt(3)), 2)
    )


def cells(*differences: tuple[float, ...]) -> GainMatrices:
    """The gains of base models on one target, given their differences from PT by seed."""
    scores = {"PT": [50.0] * len(differences[0])}
    scores |= {f"b{i}": [50.0 + x for x in row] for i, row in enumerate(differences)}
    rows = [
        {"base": base, "target": "t", "seed": seed, "score": score, "status": "done"}
        for base, row in scores.items()
        for seed, score in enumerate(row)
    ]
    return gain_matrices(pd.DataFrame(rows), "PT", list(scores), ["t"], len(differences[0]))


@pytest.mark.parametrize("differences", [(1.2, 1.2), (1.2, 1.20001), (9.0, 9.0, 9.0), (-3.0,) * 4])
def test_seeds_that_agree_are_not_certain(differences: tuple[float, ...]) -> None:
    gains = cells(differences)
    assert gains.significant.loc["b0", "t"] == 0
    assert gains.p.loc["b0", "t"] >= 2.0 ** (1 - len(differences))
    # Nor are they where another base model's seeds agree too.
    gains = cells(differences, tuple(0.5 * x for x in differences))
    assert (gains.significant["t"] == 0).all()
    assert (gains.q["t"] > 0.05).all()


def test_the_spread_of_a_target_makes_few_seeds_enough() -> None:
    noise = [(0.1, -0.1), (-0.3, 0.2), (0.4, 0.1), (-0.2, -0.2)]
    gains = cells((40.0, 40.0), *noise)
    assert gains.significant["t"].tolist() == [1, 0, 0, 0, 0]
    assert 0.0 < gains.p.loc["b0", "t"] < 0.01
    # A cell is never surer than its own spread lets it be.
    wide = cells((40.0, 10.0), *noise)
    assert wide.p.loc["b0", "t"] == pytest.approx(stats.ttest_1samp((40.0, 10.0), 0.0).pvalue)


def test_enough_seeds_that_agree_are_significant() -> None:
    gains = cells((1.2,) * 6)
    assert gains.significant.loc["b0", "t"] == 1
    assert gains.p.loc["b0", "t"] == 2.0**-5
    assert cells((0.0,) * 6).p.loc["b0", "t"] == 1.0


def test_p_values_of_noise_are_not_too_small() -> None:
    rng = np.random.default_rng(0)
    small = []
    for _ in range(150):
        # Two seeds of 50 test examples: gains in steps of 2 points, a third of the cells without spread.
        counts = rng.binomial(50, 0.9, size=(2, 4, 2))
        gains = cells(*(tuple(row) for row in 2.0 * (counts[0] - counts[1])))
        small.extend(gains.p["t"].to_numpy() < 0.05)
    assert np.mean(small) < 0.05


def test_order_of_records_does_not_matter() -> None:
    records = make_records()
    backwards = dict(reversed(list(records.items())))
    pd.testing.assert_frame_equal(matrices(records).mean, matrices(backwards).mean)


def test_a_missing_seed_is_left_out_on_both_sides() -> None:
    gains = matrices(make_records(missing=("PT:beta:2",)))
    assert gains.n.loc["alpha", "beta"] == 2
    assert gains.mean.loc["alpha", "beta"] == pytest.approx(1.5)
    gains = matrices(make_records(missing=("alpha:beta:0",)))
    assert gains.n.loc["alpha", "beta"] == 2
    assert gains.mean.loc["alpha", "beta"] == pytest.approx(2.5)
    assert gains.n.loc["beta", "beta"] == 3


def test_seeds_that_do_not_pair_give_a_difference_of_means() -> None:
    records = make_records(missing=("PT:beta:2", "alpha:beta:0", "alpha:beta:1"))
    gains, runs = matrices(records), score_table(EXPECTED, records)
    means = runs.groupby(["base", "target"])["score"].mean()
    assert gains.mean.loc["alpha", "beta"] == pytest.approx(
        means["alpha", "beta"] - means["PT", "beta"]
    )
    assert gains.unpaired.loc["alpha", "beta"] and gains.unpaired.to_numpy().sum() == 1
    # One seed has no spread, and the smaller number of seeds is shown.
    assert gains.n.loc["alpha", "beta"] == 1
    assert np.isnan(gains.significant.loc["alpha", "beta"])
    n_base, n_pretrained = gains.seeds(runs, "PT")
    assert (n_base.loc["alpha", "beta"], n_pretrained.loc["alpha", "beta"]) == (1, 2)
    # Everywhere else both are the pairs, though the models have more seeds.
    assert n_base.drop(columns="beta").equals(gains.n.drop(columns="beta"))
    assert n_pretrained.drop(columns="beta").equals(gains.n.drop(columns="beta"))


def test_failed_runs_never_enter_an_average() -> None:
    records = make_records(failed={"alpha:beta:2": "diverged"})
    gains = matrices(records)
    assert gains.n.loc["alpha", "beta"] == 2
    assert gains.mean.loc["alpha", "beta"] == pytest.approx(1.5)


def test_one_seed_has_a_gain_but_no_spread() -> None:
    gains = matrices(make_records(missing=("alpha:beta:1", "alpha:beta:2")))
    assert gains.mean.loc["alpha", "beta"] == pytest.approx(1.0)
    for matrix in (gains.std, gains.significant, gains.p, gains.q):
        assert np.isnan(matrix.loc["alpha", "beta"])


def test_records_of_other_runs_do_not_count() -> None:
    other = make_plan(make_config(sources=("alpha", "beta"), targets=TARGETS, seeds=5))
    strays = {run.id: make_record(run, 0.0) for run in other.runs if run.seed > 2}
    pd.testing.assert_frame_equal(
        matrices({**make_records(), **strays}).mean, matrices(make_records()).mean
    )


def test_nothing_done_is_an_empty_matrix() -> None:
    gains = matrices({})
    assert gains.mean.isna().all().all()
    assert (gains.n == 0).all().all()
    assert gains.q.isna().all().all()


def test_scores_per_cell() -> None:
    records = make_records(failed={"alpha:beta:2": "diverged"}, missing=("alpha:beta:0",))
    scores = summarise_scores(score_table(EXPECTED, records), BASES, TARGETS)
    assert list(zip(scores["base"], scores["target"], strict=True)) == [
        (base, target) for base in BASES for target in TARGETS
    ]
    cell = scores.set_index(["base", "target"]).loc[("alpha", "beta")]
    assert (cell["n"], cell["asked"], cell["failed"], cell["missing"]) == (1, 3, 1, 1)
    assert cell["mean"] == pytest.approx(64.0)
    assert np.isnan(cell["std"])


@pytest.mark.parametrize(
    ("mean", "std", "sign"),
    [(2.1, 1.0, 1), (2.0, 1.0, 0), (-2.1, 1.0, -1), (-2.0, 1.0, 0), (0.1, 0.0, 1), (0.0, 0.0, 0)],
)
def test_two_standard_deviations(mean: float, std: float, sign: int) -> None:
    assert two_std_sign(mean, std) == sign


def test_benjamini_hochberg_adjusts_over_all_cells() -> None:
    p = pd.DataFrame([[0.01, 0.04], [np.nan, 0.03]], index=["a", "b"], columns=["x", "y"])
    q = benjamini_hochberg(p)
    # By hand: 0.01·3/1, and the larger two become 0.04·3/3.
    np.testing.assert_allclose(q.to_numpy(), [[0.03, 0.04], [np.nan, 0.04]])


def test_where_no_seeds_pair_means_are_tested_against_what_seeds_vary_by() -> None:
    rng = np.random.default_rng(0)
    rows = [
        (base, target, seed, 60.0 + gain + rng.normal(0.0, 0.3), "done")
        for base, gain in (("PT", 0.0), ("up", 6.0), ("same", 0.0), ("down", -6.0))
        for target in ("a", "b")
        for seed in ((10, 11, 12) if base == "PT" else (0, 1, 2))
    ]
    table = pd.DataFrame(rows, columns=["base", "target", "seed", "score", "status"])
    found = gain_matrices(table, "PT", ["PT", "up", "same", "down"], ["a", "b"], 3)
    assert found.unpaired.all(axis=None)
    assert found.significant.loc["up"].tolist() == [1, 1]
    assert found.significant.loc["down"].tolist() == [-1, -1]
    assert found.significant.loc["same"].tolist() == [0, 0]
    assert (found.q.loc[["up", "down"]] < 0.05).all(axis=None)
