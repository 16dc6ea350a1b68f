"""Target sizes: a planted fall of gains is found, over base models and targets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.claims.target_size import TARGET_SIZE
from tests.claims.planted import World, designs, judged, planted

SIZES = (50, 100, 200, 400)


def runs_of(slope: float | np.ndarray, **world: float) -> pd.DataFrame:
    parts = [designs(["m0", "m1", "m2"], target_size=s, part="sizes") for s in SIZES]
    table = pd.concat(parts, ignore_index=True)
    doublings = np.log2(table["target_size"].to_numpy(dtype=float) / 50)[:, None]
    made = World(**({"targets": 6, "seeds": 2, "noise": 0.4} | world))
    return planted(np.random.default_rng(0), made, table, doublings * slope)


def test_a_planted_fall_is_shown_and_a_rise_is_the_contrary() -> None:
    found = judged(TARGET_SIZE, runs_of(-0.6))
    assert found.verdict == "shows"
    assert found.numbers["points_per_doubling"] == pytest.approx(-0.6, abs=0.15)
    assert found.numbers["gain_at_smallest"] > found.numbers["gain_at_largest"]
    assert "from 50 to 400" in found.found and "3 base models and 6 targets" in found.found
    assert judged(TARGET_SIZE, runs_of(0.6)).verdict == "shows the contrary"


def test_a_fall_on_one_target_is_no_general_one() -> None:
    slope = np.array([-6.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    found = judged(TARGET_SIZE, runs_of(slope))
    assert found.numbers["points_per_doubling"] == pytest.approx(-1.0, abs=0.15)
    assert found.verdict == "cannot tell"


def test_one_base_model_cannot_tell_and_one_size_is_not_computed() -> None:
    runs = runs_of(-0.6)
    assert judged(TARGET_SIZE, runs.query("base in ('PT', 'm1')")).verdict == "cannot tell"
    one = judged(TARGET_SIZE, runs.query("target_size == 50"))
    assert one.verdict == "not computed: no target was trained at 2 sizes or more"


def test_the_part_of_sizes_is_judged_alone() -> None:
    """Another part, trained in another way, has sizes that would bend the curve."""
    other = runs_of(-0.6).query("target_size >= 200").assign(part="grid")
    other["target_size"] = other["target_size"] * 4
    other["score"] += np.where(other["base"] == "PT", 0.0, 40.0)
    both = judged(TARGET_SIZE, pd.concat([other, runs_of(-0.6)]))
    assert both.found == judged(TARGET_SIZE, runs_of(-0.6)).found
