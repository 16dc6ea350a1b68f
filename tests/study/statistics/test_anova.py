"""Source groups compared on each target group, by scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.study.statistics.anova import ANOVA
from tests.stats.studies import computed, matrix_study, random_gains

NAMES = list("abcdef")
GAINS = random_gains(6, 6).set_axis(NAMES, axis=0).set_axis(NAMES, axis=1)
GROUPS = {"one": ("a", "b", "c"), "two": ("d", "e", "f")}


def test_cells_and_means_of_sources_are_the_observations() -> None:
    gains = GAINS.copy()
    gains.loc["a", "b"] = np.nan
    found = computed(ANOVA, matrix_study(gains, groups=GROUPS)).statistics["anova"]
    tests = {(test.targets, test.unit): test for test in found}
    assert set(tests) == {(t, u) for t in GROUPS for u in ("cell", "source")}
    for group, targets in GROUPS.items():
        blocks = [gains.loc[list(sources), list(targets)] for sources in GROUPS.values()]
        cells = [block.to_numpy()[block.notna().to_numpy()] for block in blocks]
        for unit, samples in (
            ("cell", cells),
            ("source", [b.mean(axis=1).to_numpy() for b in blocks]),
        ):
            test = tests[group, unit]
            expected = stats.f_oneway(*samples)
            assert (test.f, test.p) == pytest.approx((expected.statistic, expected.pvalue))
            assert test.n == sum(map(len, samples)) and test.groups == ("one", "two")
            assert (test.df_between, test.df_within) == (1, test.n - 2)
    # Holm over the two target groups of one unit: the smaller p counts twice.
    for unit in ("cell", "source"):
        small, large = sorted((tests[group, unit] for group in GROUPS), key=lambda test: test.p)
        assert small.p_adjusted == pytest.approx(min(1.0, 2 * small.p))
        assert large.p_adjusted == pytest.approx(max(small.p_adjusted, large.p))


def test_its_table_has_a_row_per_target_group_and_unit() -> None:
    result = computed(ANOVA, matrix_study(GAINS, groups=GROUPS))
    (table,) = ANOVA.tables(result)
    assert table.name == "anova"
    assert table.rows["targets"].tolist() == ["one", "two", "one", "two"]
    assert table.rows["unit"].tolist() == ["cell", "cell", "source", "source"]
    assert set(table.rows["groups"]) == {"one, two"}
    assert set(ANOVA.plain(result.statistics["anova"])) == {"tests"}


@pytest.mark.parametrize(
    ("gains", "groups", "reason"),
    [
        (GAINS, {}, "Targets belong to no known group of tasks."),
        (GAINS, {"one": tuple(NAMES)}, "All sources and targets are of one group."),
        (GAINS.loc[["a", "b"]], GROUPS, "All sources are of one group."),
    ],
)
def test_what_is_lacking(
    gains: pd.DataFrame, groups: dict[str, tuple[str, ...]], reason: str
) -> None:
    result = computed(ANOVA, matrix_study(gains, groups=groups))
    assert result.not_computed == {"anova": reason}
    assert not len(ANOVA.tables(result)[0].rows)
