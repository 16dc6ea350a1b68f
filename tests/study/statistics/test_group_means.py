"""Mean gains of groups of sources on groups of targets, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.study.statistics.group_means import GROUP_MEANS
from tests.stats.studies import computed, matrix_of, matrix_study

GAINS = matrix_of({"a": [1, 2, 3], "b": [5, np.nan, 7], "c": [-1, -2, -3]})
GROUPS = {"one": ("a", "b"), "two": ("c",)}


def test_every_group_on_every_group() -> None:
    found = computed(GROUP_MEANS, matrix_study(GAINS, groups=GROUPS)).statistics["group_means"]
    cells = {(cell.sources, cell.targets): cell for cell in found}
    means = {pair: cell.mean for pair, cell in cells.items()}
    assert means == pytest.approx(
        {("one", "one"): 8 / 3, ("one", "two"): 5.0, ("two", "one"): -1.5, ("two", "two"): -3.0}
    )
    first = cells["one", "one"]
    assert (first.n, first.missing, first.models) == (3, 1, 2)
    # Sources are the sample: the means of a and b are 1.5 and 5.
    half = stats.t.ppf(0.975, 1) * np.std([1.5, 5.0], ddof=1) / np.sqrt(2)
    assert (first.low, first.high) == pytest.approx((8 / 3 - half, 8 / 3 + half))
    assert np.isnan(cells["two", "one"].low), "one source is no sample"


def test_its_table_is_of_the_same_cells() -> None:
    result = computed(GROUP_MEANS, matrix_study(GAINS, groups=GROUPS))
    (table,) = GROUP_MEANS.tables(result)
    assert table.name == "table2_groups" and len(table.rows) == 4
    assert table.rows.columns[:5].tolist() == ["sources", "targets", "mean", "n", "missing"]
    assert set(GROUP_MEANS.plain(result.statistics["group_means"])) == {"cells"}


def test_without_groups_it_says_so() -> None:
    result = computed(GROUP_MEANS, matrix_study(GAINS))
    assert result.not_computed == {"group_means": "Targets belong to no known group of tasks."}
    assert not len(GROUP_MEANS.tables(result)[0].rows)
