"""The analysis page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from intertrain_jax.site.pages.analysis import page
from intertrain_jax.workflows.analyze import analyze
from tests.boards import board


def test_every_statistic_is_shown_with_its_definition_or_its_reason() -> None:
    gains = pd.DataFrame(np.random.default_rng(0).normal(size=(5, 4)), columns=list("wxyz"))
    gains.insert(0, "base", [f"m{i}" for i in range(5)])
    result = analyze(gains).result
    found = page(board(result=result), ("ranks",))
    shown = {one["name"] for one in found["statistics"]}
    assert shown == set(result.statistics) and found["reasons"] == result.not_computed
    assert all(one["definition"] for one in found["statistics"])
    of = {one["name"]: one for one in found["statistics"]}
    (table,) = of["max_gain"]["tables"]
    assert table["title"] == "Max-gain of every target"
    assert len(table["rows"]) == 4 and table["more"] == 0
    assert of["ranks"]["figures"] == ["ranks"] and of["loss"]["figures"] == []
    words = dict(of["sensitivity"]["values"])
    sensitivity = result.statistics["sensitivity"]
    assert words["representative"] == sensitivity.representative
    assert words["pearson"].startswith(f"{sensitivity.pearson.value:.2f} [")
    assert words["pearson"].endswith(", n = 4")


def test_without_statistics_there_is_nothing_to_show() -> None:
    assert page(board())["statistics"] == []
