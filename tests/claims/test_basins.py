"""Good and bad models: a planted difference is found, over models and targets alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.claims.basins import BASINS
from tests.claims.planted import World, designs, judged, planted

NAMES = [f"m{i}" for i in range(12)]
GROUPS = ["good"] * 7 + ["bad"] * 5


def runs_of(difference: float, world: World | None = None, seed: int = 0) -> pd.DataFrame:
    table = designs(NAMES, kind="base", group=GROUPS, source_size=pd.NA)
    gains = np.where(np.array(GROUPS) == "good", difference, 0.0)[:, None]
    return planted(np.random.default_rng(seed), world or World(interaction=0.5), table, gains)


def test_a_planted_difference_is_shown_with_its_interval() -> None:
    found = judged(BASINS, runs_of(1.5))
    assert found.verdict == "shows"
    assert found.numbers["difference_low"] < 1.5 < found.numbers["difference_high"]
    assert (found.numbers["good"], found.numbers["bad"]) == (7, 5)
    assert "7 good models gained" in found.found and "5 bad models" in found.found
    assert judged(BASINS, runs_of(-1.5)).verdict == "shows the contrary"


def test_a_difference_on_one_target_is_no_general_one() -> None:
    runs = runs_of(0.0)
    lucky = (runs["target"] == "t02") & runs["group"].eq("good")
    runs.loc[lucky, "score"] += 20.0
    found = judged(BASINS, runs)
    assert found.numbers["difference"] == pytest.approx(2.0, abs=0.6)
    assert found.verdict == "cannot tell"


def test_what_targets_have_in_common_cancels() -> None:
    found = judged(BASINS, runs_of(1.5, World(target_effect=30.0, missing=0.2, seeds=5)))
    assert found.verdict == "shows"


def test_without_two_groups_of_base_models_nothing_is_computed() -> None:
    one = runs_of(0.0).query("group != 'bad'")
    assert judged(BASINS, one).verdict.startswith(
        "not computed: no part has base models of the groups"
    )
    sources = runs_of(1.5).assign(kind=lambda t: t["kind"].replace("base", "source"))
    assert judged(BASINS, sources).verdict.startswith("not computed")
    single = runs_of(1.5).query("base in ('PT', 'm0', 'm11')")
    assert judged(BASINS, single).verdict == "cannot tell"
