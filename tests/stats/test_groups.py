"""Groups: overlap counted once, planted block effects, ANOVA against scipy and statsmodels."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.stats.groups import disjoint, effects_among, group_anova, group_means, holm

GROUPS = {
    "general": ("g0", "g1", "g2", "g3", "g4"),
    "nli": ("n0", "n1", "n2"),
    "twitter": ("w0", "w1", "w2", "w3"),
}
NAMES = [name for members in GROUPS.values() for name in members]


def blocks(effects: np.ndarray, noise: float, seed: int) -> pd.DataFrame:
    """Gains with one level per (source group, target group)."""
    group = np.repeat([0, 1, 2], [len(members) for members in GROUPS.values()])
    rng = np.random.default_rng(seed)
    values = effects[np.ix_(group, group)] + noise * rng.normal(size=(12, 12))
    return pd.DataFrame(values, NAMES, NAMES)


PLANTED = np.array([[-0.4, -2.7, -0.5], [1.3, 0.6, 0.0], [-0.4, -2.4, 0.5]])


def test_an_overlap_counts_in_the_smallest_group() -> None:
    groups = {"general": ("cola", "mnli", "rte", "sst2"), "nli": ("anli", "rte", "mnli")}
    expected = {"general": ("cola", "sst2"), "nli": ("anli", "rte", "mnli")}
    assert disjoint(groups) == expected
    assert disjoint(dict(reversed(groups.items()))) == expected
    assert disjoint({"b": ("x", "y"), "a": ("x", "z")}) == {"b": ("y",), "a": ("x", "z")}


def test_a_name_in_two_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="'n0' is in two groups"):
        group_means(blocks(PLANTED, 0, 0), {**GROUPS, "other": ("n0",)})


def test_planted_block_means_are_found() -> None:
    gains = blocks(PLANTED, 0.0, 0).sample(frac=1, random_state=0)
    gains["no group"] = 100.0
    gains.iloc[0, 0] = np.nan
    found = group_means(gains, GROUPS)
    assert [(f.sources, f.targets) for f in found] == [(s, t) for s in GROUPS for t in GROUPS]
    assert np.reshape([f.mean for f in found], (3, 3)) == pytest.approx(PLANTED)
    assert sum(f.n for f in found) == 143 and sum(f.missing for f in found) == 1
    assert [f.models for f in found] == [5] * 3 + [3] * 3 + [4] * 3


def test_means_equal_scipy_s_interval_over_sources() -> None:
    gains = blocks(PLANTED, 1.0, 1)
    found = group_means(gains, GROUPS)[2]
    per_source = gains.loc[list(GROUPS["general"]), list(GROUPS["twitter"])].mean(axis=1)
    interval = stats.ttest_1samp(per_source, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_a_group_of_one_source_has_no_interval() -> None:
    found = group_means(blocks(PLANTED, 1.0, 2).iloc[4:], GROUPS)[0]
    assert found.models == 1 and np.isnan(found.low) and not np.isnan(found.mean)


@pytest.mark.parametrize("unit", ["cell", "source"])
def test_anova_equals_statsmodels(unit: str) -> None:
    sm = pytest.importorskip("statsmodels.api", reason="compares with statsmodels")
    formula = pytest.importorskip("statsmodels.formula.api", reason="compares with statsmodels")
    gains = blocks(PLANTED / 4, 1.0, 3)
    gains.iloc[2, 6] = np.nan
    home = {name: group for group, members in GROUPS.items() for name in members}
    for found in group_anova(gains, GROUPS, unit):  # type: ignore[arg-type]
        block = gains[list(GROUPS[found.targets])]
        values = block.stack().droplevel(1) if unit == "cell" else block.mean(axis=1)
        values = values.dropna()
        long = pd.DataFrame({"gain": values.to_numpy(), "home": values.index.map(home)})
        theirs = sm.stats.anova_lm(formula.ols("gain ~ C(home)", long).fit())
        assert found.n == len(long)
        assert (found.df_between, found.df_within) == tuple(theirs["df"])
        assert (found.f, found.p) == pytest.approx((theirs["F"].iloc[0], theirs["PR(>F)"].iloc[0]))


def test_p_values_are_adjusted_by_holm() -> None:
    multitest = pytest.importorskip(
        "statsmodels.stats.multitest", reason="compares with statsmodels"
    )
    found = group_anova(blocks(PLANTED / 5, 1.0, 4), GROUPS, "source")
    expected = multitest.multipletests([f.p for f in found], method="holm")[1]
    assert [f.p_adjusted for f in found] == pytest.approx(list(expected))


def test_a_planted_effect_is_found_and_its_absence_is_not() -> None:
    assert all(f.p_adjusted < 1e-6 for f in group_anova(blocks(PLANTED, 0.1, 5), GROUPS, "source"))
    flat = [group_anova(blocks(0 * PLANTED, 1.0, i), GROUPS, "source") for i in range(500)]
    p = np.array([[f.p for f in found] for found in flat])
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.015)
    family = np.array([min(f.p_adjusted for f in found) for found in flat])
    assert (family < 0.05).mean() <= 0.07


def test_cells_of_one_source_are_not_independent() -> None:
    # Sources that differ, groups that do not: cells see an effect far too often.
    rng = np.random.default_rng(6)
    found: dict[str, list[float]] = {"cell": [], "source": []}
    for i in range(200):
        gains = blocks(0 * PLANTED, 1.0, i).add(rng.normal(size=12), axis=0)
        for unit, p in found.items():
            p += [f.p for f in group_anova(gains, GROUPS, unit)]  # type: ignore[arg-type]
    assert np.mean(np.array(found["source"]) < 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(np.array(found["cell"]) < 0.05) > 0.2


def test_what_cannot_be_compared_is_nan() -> None:
    gains = blocks(PLANTED, 1.0, 7)
    (*_, twitter) = group_anova(gains.loc[list(GROUPS["nli"])], GROUPS, "source")
    assert twitter.groups == ("nli",) and twitter.n == 3
    assert np.isnan([twitter.f, twitter.p, twitter.p_adjusted]).all()
    exact = group_anova(blocks(PLANTED, 0.0, 0), GROUPS, "cell")
    assert [f.p for f in exact] == [0.0] * 3


def test_effects_are_counted_by_closed_testing() -> None:
    """As by testing every set of hypotheses, and far more of many weak ones than Holm finds."""
    rng = np.random.default_rng(4)

    def rejected(p: Any, level: float) -> bool:
        return bool(np.any(np.sort(p) <= level * np.arange(1, len(p) + 1) / len(p)))

    for _ in range(200):
        p = rng.uniform(size=6) ** rng.integers(1, 6)
        left = [
            size
            for size in range(1, 7)
            for chosen in itertools.combinations(p, size)
            if not rejected(np.array(chosen), 0.05)
        ]
        assert effects_among(p, 0.05) == 6 - max(left, default=0)
    alike = np.full(10, 0.02)
    assert effects_among(alike, 0.025) == 10 and min(holm(alike.tolist())) > 0.05


def test_effects_are_not_counted_where_there_are_none() -> None:
    rng = np.random.default_rng(5)
    shared, own = rng.normal(size=(2000, 1)), rng.normal(size=(2000, 10))
    for weight in (0.0, 0.5, 0.95):
        z = np.sqrt(weight) * shared + np.sqrt(1 - weight) * own
        wrong = np.mean([effects_among(p, 0.05) > 0 for p in stats.norm.sf(z)])
        assert wrong <= 0.065
