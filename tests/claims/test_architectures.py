"""Architectures: sources that rank alike or not, targets that are alike sensitive."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from intertrain_jax.claims.architectures import RANKINGS_DIFFER, SENSITIVITY_AGREES, agreement
from tests.claims.planted import TEN, World, designs, judged, planted

NAMES = ("bert", "roberta", "t5")
ORDER = np.linspace(-3.0, 3.0, 10)


def runs_of(rows: list[np.ndarray], columns: list[np.ndarray]) -> pd.DataFrame:
    parts = []
    for k, (name, row, column) in enumerate(zip(NAMES, rows, columns, strict=True)):
        gains = row[:, None] * column
        world = World(targets=10, seeds=2, noise=0.3, interaction=0.1)
        parts.append(
            planted(np.random.default_rng(k), world, designs(TEN, architecture=name), gains)
        )
    return pd.concat(parts, ignore_index=True)


ALIKE = runs_of([ORDER] * 3, [np.linspace(0.2, 2.0, 10)] * 3)


def test_sources_that_rank_alike_are_the_contrary() -> None:
    found = judged(RANKINGS_DIFFER, ALIKE)
    assert found.verdict == "shows the contrary" and found.numbers["spearman"] > 0.9
    assert "m9 (bert), m9 (roberta), m9 (t5)" in found.found
    assert found.numbers["n"] == 10 and "3 pairs of architectures" in found.found


def test_ten_sources_in_unlike_orders_are_too_few_to_show_it() -> None:
    orders = [ORDER, ORDER[[5, 0, 8, 3, 6, 1, 9, 4, 7, 2]], ORDER[[2, 9, 4, 0, 7, 5, 1, 8, 3, 6]]]
    found = judged(RANKINGS_DIFFER, runs_of(orders, [np.ones(10)] * 3))
    assert found.verdict == "cannot tell" and abs(float(found.numbers["spearman"])) < 0.3


def test_targets_that_are_alike_sensitive_are_shown() -> None:
    assert judged(SENSITIVITY_AGREES, ALIKE).verdict == "shows"
    turned = [np.linspace(0.2, 2.0, 10), np.linspace(2.0, 0.2, 10)]
    unlike = runs_of([ORDER] * 3, [*turned, turned[1]]).query("architecture != 't5'")
    assert judged(SENSITIVITY_AGREES, unlike).verdict == "shows the contrary"


def test_all_pairs_together_leave_each_source_out_of_all() -> None:
    rng = np.random.default_rng(0)
    values = {name: pd.Series(rng.normal(size=12)) for name in NAMES}
    found = agreement(values)
    pairs = (NAMES[:2], NAMES[::2], NAMES[1:])
    ranks = {name: of.rank() for name, of in values.items()}

    def mean(keep: np.ndarray) -> float:
        of = [np.corrcoef(ranks[a][keep], ranks[b][keep])[0, 1] for a, b in pairs]
        return float(np.mean(np.arctanh(of)))

    without = np.array([mean(np.arange(12) != i) for i in range(12)])
    whole = mean(np.ones(12, bool))
    error = (11 * without.var()) ** 0.5
    error = max(error, ((1 + np.tanh(whole) ** 2 / 2) / 27) ** 0.5)
    half = stats.t.ppf(0.975, 11) * error
    assert found.value == pytest.approx(np.tanh(whole))
    assert (found.low, found.high) == pytest.approx(np.tanh([whole - half, whole + half]))


def test_one_architecture_or_little_in_common_is_not_computed() -> None:
    one = judged(RANKINGS_DIFFER, ALIKE.query("architecture == 'bert'"))
    assert one.verdict == "not computed: there is one architecture only"
    renamed = ALIKE.copy()
    renamed.loc[(renamed["architecture"] == "t5") & (renamed["base"] > "m3"), "base"] += "'"
    few = judged(RANKINGS_DIFFER, renamed[renamed["base"] != "PT'"])
    assert few.verdict.startswith("not computed: bert, roberta, t5 have")
