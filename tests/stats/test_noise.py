"""Noise: planted variances are found, intervals and ranks cover, the 20-seed file is reproduced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.base import IntertrainError
from intertrain_jax.stats.noise import (
    NoiseModel,
    average_draws,
    fit_noise,
    gain_intervals,
    sampling_errors,
)
from intertrain_jax.stats.ranks import rank_table

STD = np.array([0.2, 0.3, 0.5, 0.5, 1.0, 1.0, 2.0, 4.0])
TARGETS = [f"t{j}" for j in range(len(STD))]


def long(scores_MxNxS: np.ndarray, names: list[str], targets: list[str]) -> pd.DataFrame:
    """Scores in long form; NaN where a run is missing."""
    index = pd.MultiIndex.from_product(
        [names, targets, range(scores_MxNxS.shape[2])], names=["base", "target", "seed"]
    )
    return pd.DataFrame({"score": scores_MxNxS.ravel()}, index=index).reset_index()


def scores(true_MxN: np.ndarray, seeds: int, rng: np.random.Generator) -> pd.DataFrame:
    noise = STD[:, None] * rng.normal(size=(*true_MxN.shape, seeds))
    names = ["PT", *(f"m{i:02}" for i in range(1, len(true_MxN)))]
    return long(true_MxN[:, :, None] + noise, names, TARGETS)


def gains_of(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Returns gains over PT, seeds per cell, and seeds of PT."""
    cells = table.groupby(["base", "target"])["score"].agg(["mean", "count"]).unstack()
    wide, n = cells["mean"], cells["count"]
    return wide.drop(index="PT") - wide.loc["PT"], n.drop(index="PT"), n.loc["PT"]


@pytest.fixture
def twenty_seeds(published: Path) -> pd.DataFrame:
    """Scores of RoBERTa on 36 targets over 20 seeds."""
    folder = published / "model-recycling"
    raw = pd.read_csv(folder / "models_results_roberta_base_pretrain.csv", sep="\t")
    fraction = raw["accuracy"].fillna(raw["spearmanr"])
    return pd.DataFrame(
        {"base": "PT", "target": raw["dataset name"], "seed": raw["dir"], "score": 100 * fraction}
    )


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
    assert np.isnan(noise.average_std) and noise.average_df == 0 and noise.common_std == 0


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
    assert noise.common_std == pytest.approx(1.5 * np.sqrt(7 / 8), rel=0.15)
    assert noise.average_df == 160


def test_bad_scores_are_one_line() -> None:
    table = scores(np.full((2, 8), 70.0), 1, np.random.default_rng(5))
    with pytest.raises(IntertrainError, match="no base model has two seeds"):
        fit_noise(table)
    with pytest.raises(IntertrainError, match=r"\(PT, t0, 0\) is there twice"):
        fit_noise(pd.concat([table, table]))


def test_sampling_errors_are_binomial() -> None:
    rng = np.random.default_rng(6)
    table = pd.DataFrame([[80.0, 50.0]], ["m"], ["cb", "other"])
    found = sampling_errors(table, pd.Series({"other": 50.0, "cb": 70.0}), {"cb": 56})
    correct = rng.binomial(56, [0.8, 0.7], size=(40_000, 2)) / 0.56
    assert found.loc["m", "cb"] == pytest.approx(np.std(correct[:, 0] - correct[:, 1]), rel=0.02)
    assert np.isnan(found.loc["m", "other"])


@pytest.mark.parametrize("sampled", [False, True])
def test_intervals_of_no_gain_cover_zero_at_their_nominal_rate(sampled: bool) -> None:
    rng = np.random.default_rng(7)
    # Three seeds of PT and two models: few degrees of freedom.
    table = scores(np.full((3, 8), 70.0), 3, rng)
    gains, n_base, n_pretrained = gains_of(table)
    sampling = pd.DataFrame(1.0, gains.index, gains.columns) if sampled else None
    covered, p = [], []
    for _ in range(500):
        values = 70.0 + STD[:, None] * rng.normal(size=(3, 8, 3))
        table["score"] = values.ravel()
        means = values.mean(axis=2)
        gains.iloc[:, :] = means[1:] - means[0]
        if sampled:
            # One deviation per cell, the same for all its seeds.
            gains += rng.normal(size=gains.shape)
        found = gain_intervals(gains, n_base, n_pretrained, fit_noise(table), sampling)
        covered.append(((found.low <= 0) & (found.high >= 0)).to_numpy().mean())
        p.append((found.p < 0.05).to_numpy().mean())
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)
    assert np.mean(p) == pytest.approx(1 - np.mean(covered))


def test_intervals_by_hand() -> None:
    noise = fit_noise(scores(np.full((4, 8), 70.0), 5, np.random.default_rng(8)))
    target = noise.targets[4]
    gains = pd.DataFrame({"unknown": [1.0, 1.0], "t4": [2.0, np.nan]}, ["a", "b"])
    n_base = pd.DataFrame({"t4": [3, 5], "unknown": [1, 1]}, ["a", "b"])
    found = gain_intervals(gains, n_base, pd.Series({"t4": 20, "unknown": 20}), noise)
    error = target.std * np.sqrt(1 / 3 + 1 / 20)
    assert found.seed_error.loc["a", "t4"] == pytest.approx(error)
    interval = stats.t.interval(0.95, target.std_df, 2.0, error)
    assert (found.low.loc["a", "t4"], found.high.loc["a", "t4"]) == pytest.approx(interval)
    assert found.p.loc["a", "t4"] == pytest.approx(2 * stats.t.sf(2 / error, target.std_df))
    for frame in (found.seed_error, found.low, found.p):
        assert frame.isna().loc[["a", "b"], "unknown"].all() and np.isnan(frame.loc["b", "t4"])
    assert found.sampling_error.isna().all().all()


def test_test_sets_add_to_the_interval_by_satterthwaite() -> None:
    noise = fit_noise(scores(np.full((2, 8), 70.0), 3, np.random.default_rng(16)))
    target = noise.targets[4]
    gains = pd.DataFrame({"t4": [2.0]}, ["a"])
    found = gain_intervals(gains, gains * 0 + 3, pd.Series({"t4": 3}), noise, gains * 0 + 0.7)
    seeds, test = target.std**2 * 2 / 3, 0.49
    df = (seeds + test) ** 2 / (seeds**2 / target.std_df)
    interval = stats.t.interval(0.95, df, 2.0, np.sqrt(seeds + test))
    assert (found.low.iloc[0, 0], found.high.iloc[0, 0]) == pytest.approx(interval)
    assert found.sampling_error.iloc[0, 0] == 0.7


def test_errors_of_averages_by_hand() -> None:
    rng = np.random.default_rng(17)
    table = scores(70 + 3 * rng.normal(size=(40, 8)), 4, rng)
    gains, n_base, n_pretrained = gains_of(table)
    gains.loc["m01", "t7"] = np.nan
    noise = replace(fit_noise(table), common_std=0.5)
    drawn = average_draws(gains, n_base, n_pretrained, noise, 0, draws=10)
    seeds = np.array([target.std**2 / 4 for target in noise.targets])
    assert drawn.error["m02"] ** 2 == pytest.approx(seeds.sum() / 64 + 0.25 / 4)
    assert drawn.shared_error**2 == pytest.approx(seeds.sum() / 64 + 0.25 / 4)
    # The missing cell would have been off by the interaction, a variance of 9.
    missing = drawn.error["m01"] ** 2 - seeds[:7].sum() / 49 - 0.25 / 4
    assert missing == pytest.approx(9 * (1 / 7 - 1 / 8), rel=0.25)


def test_the_baseline_moves_all_averages_together_and_no_rank() -> None:
    rng = np.random.default_rng(9)
    table = scores(70 + rng.normal(size=(6, 1)) + np.zeros(8), 5, rng)
    gains, n_base, n_pretrained = gains_of(table)
    noise = fit_noise(table)
    many = average_draws(gains, n_base, n_pretrained * 1000, noise, 0, draws=4000)
    few = average_draws(gains, n_base, n_pretrained * 0 + 1, noise, 0, draws=4000)
    std = np.array([target.std for target in noise.targets])
    variance = np.square(std).sum() / 64
    assert few.shared_error == pytest.approx(np.sqrt(variance + noise.common_std**2))
    assert many.shared_error < 0.05 * few.shared_error
    assert (few.error == many.error).all()
    expected = np.sqrt(variance / 5 + noise.common_std**2 / 5)
    assert few.error.to_numpy() == pytest.approx(np.full(5, expected))
    tables = [rank_table(drawn.estimate, drawn.draws) for drawn in (few, many)]
    assert tables[0] == tables[1]
    # But averages themselves are less sure.
    assert few.draws.std().min() > 2 * many.draws.std().max()


def rank_coverage(
    truth: np.ndarray, table: pd.DataFrame, noise: NoiseModel, seed: int
) -> tuple[list[bool], list[float], float]:
    """Returns whether reported intervals hold true ranks, where those lie, and the mean width.

    Ranks are whole, so an interval holds more than it must. Where a true rank lies among its draws is
    told by a number that is uniform if draws are right: the share of draws below it, and a random share
    of those at it.
    """
    gains, n_base, n_pretrained = gains_of(table)
    drawn = average_draws(gains, n_base, n_pretrained, noise, seed, draws=300)
    ranks = rank_table(drawn.estimate, drawn.draws)
    true_rank = dict(zip(gains.index, stats.rankdata(-truth), strict=True))
    ranks_SxM = stats.rankdata(-drawn.draws.to_numpy(), axis=1)
    true_M = np.array([true_rank[base] for base in drawn.draws.columns])
    random_M = np.random.default_rng(seed).random(len(true_M))
    place_M = (ranks_SxM < true_M).mean(axis=0) + random_M * (ranks_SxM == true_M).mean(axis=0)
    return (
        [model.low <= true_rank[model.base] <= model.high for model in ranks.models],
        list(place_M),
        float(np.mean([model.high - model.low for model in ranks.models])),
    )


def inside(places: list[float], share: float) -> float:
    """Returns how many places lie in the central share."""
    return float(np.mean(np.abs(np.array(places) - 0.5) < share / 2))


@pytest.mark.parametrize("case", ["even", "normal", "close", "missing"])
def test_rank_intervals_cover_the_true_ranks(case: str) -> None:
    rng = np.random.default_rng(10)
    covered, places, width = [], [], []
    for i in range(60):
        effects = {
            "even": np.linspace(-1, 1, 12),
            "normal": rng.normal(size=12),
            "close": 0.1 * rng.normal(size=12),
            "missing": rng.normal(size=12),
        }[case]
        interaction = 0.5 * rng.normal(size=(12, 8))
        true = np.vstack([np.zeros(8), effects[:, None] + interaction]) + 70
        table = scores(true, 3, rng)
        noise = fit_noise(table)
        if case == "missing":
            cells = table["base"] + table["target"]
            lost = rng.choice(cells[table["base"] != "PT"].unique(), 24, replace=False)
            table = table[~cells.isin(lost)]
        truth = (true[1:] - true[0]).mean(axis=1)
        held, place, wide = rank_coverage(truth, table, noise, i)
        covered += held
        places += place
        width.append(wide)
    assert inside(places, 0.95) == pytest.approx(0.95, abs=0.025)
    assert inside(places, 0.5) == pytest.approx(0.5, abs=0.05)
    assert np.mean(covered) > 0.94
    # Of at most eleven. Where models hardly differ nothing more can be said; elsewhere it can.
    assert (np.mean(width) < 7) == (case != "close")


def test_the_best_is_the_best_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    said, was = [], []
    for i in range(90):
        effects = rng.normal(size=8)
        table = scores(np.vstack([np.zeros(8), effects[:, None] + np.zeros(8)]) + 70, 2, rng)
        gains, n_base, n_pretrained = gains_of(table)
        drawn = average_draws(gains, n_base, n_pretrained, fit_noise(table), i, draws=300)
        first = rank_table(drawn.estimate, drawn.draws).models[0]
        said.append(first.best)
        was.append(first.base == gains.index[np.argmax(effects)])
    assert np.mean(said) == pytest.approx(np.mean(was), abs=0.08)


def test_ranks_cover_in_a_bootstrap_from_the_twenty_seeds(twenty_seeds: pd.DataFrame) -> None:
    noise = fit_noise(twenty_seeds)
    wide = twenty_seeds.pivot(index="seed", columns="target", values="score")
    residuals = (wide - wide.mean()).to_numpy() * np.sqrt(20 / 19)
    rng = np.random.default_rng(12)
    covered, places, width = [], [], []
    for i in range(60):
        # One seed per model, as on the public leaderboard, and twenty of the pretrained model.
        effects = rng.normal(-1, 0.7, size=25)
        picked = residuals[rng.integers(20, size=(25, 36)), np.arange(36)]
        values = wide.mean().to_numpy() + effects[:, None] + picked
        models = long(values[:, :, None], [f"m{k:02}" for k in range(25)], list(wide.columns))
        redrawn = residuals[rng.integers(20, size=(20, 36)), np.arange(36)]
        again = long((wide.mean().to_numpy() + redrawn).T[None], ["PT"], list(wide.columns))
        held, place, wide_interval = rank_coverage(effects, pd.concat([again, models]), noise, i)
        covered += held
        places += place
        width.append(wide_interval)
    # The average's measured spread is a little larger than independent targets have: cautious.
    assert inside(places, 0.95) == pytest.approx(0.95, abs=0.025)
    assert np.mean(covered) > 0.95
    assert np.mean(width) < 15


def test_what_lacks_noise_or_seeds_is_one_line() -> None:
    rng = np.random.default_rng(13)
    table = scores(70 + rng.normal(size=(4, 8)), 3, rng)
    gains, n_base, n_pretrained = gains_of(table)
    noise = fit_noise(table[table["target"] != "t2"])
    with pytest.raises(IntertrainError, match="'t2' is not in the noise model"):
        average_draws(gains, n_base, n_pretrained, noise, 0)
    noise = fit_noise(table)
    n_base.iloc[1, 1] = 0
    with pytest.raises(IntertrainError, match="'m02' on 't1' has 0"):
        average_draws(gains, n_base, n_pretrained, noise, 0)


def test_models_without_an_average_have_no_draws() -> None:
    rng = np.random.default_rng(14)
    table = scores(70 + rng.normal(size=(5, 8)), 3, rng)
    gains, n_base, n_pretrained = gains_of(table)
    gains.loc["m02"] = np.nan
    gains.loc["m03", "t5"] = np.nan
    noise = fit_noise(table)
    drawn = average_draws(gains, n_base, n_pretrained, noise, 0, how="common")
    assert list(drawn.draws.columns) == ["m01", "m03", "m04"]
    assert "t5" not in drawn.targets and len(drawn.targets) == 7
    assert np.isnan(drawn.estimate["m02"]) and np.isnan(drawn.error["m02"])
    again = average_draws(gains, n_base, n_pretrained, noise, 0, how="common")
    pd.testing.assert_frame_equal(drawn.draws, again.draws)
    additive = average_draws(gains, n_base, n_pretrained, noise, 0)
    assert len(additive.targets) == 8
    # One target fewer leaves the average less sure.
    assert additive.error["m03"] > additive.error["m01"]


def test_test_sets_make_ranks_less_sure() -> None:
    rng = np.random.default_rng(15)
    table = scores(70 + rng.normal(size=(6, 8)), 5, rng)
    gains, n_base, n_pretrained = gains_of(table)
    sampling = pd.DataFrame(4.0, gains.index, gains.columns)
    noise = fit_noise(table)
    without = average_draws(gains, n_base, n_pretrained, noise, 0)
    including = average_draws(gains, n_base, n_pretrained, noise, 0, sampling=sampling)
    # Half of a gain's sampling variance is the model's own, over eight targets.
    assert including.error.to_numpy() ** 2 - without.error.to_numpy() ** 2 == pytest.approx(1.0)
    assert including.shared_error**2 - without.shared_error**2 == pytest.approx(1.0)
