"""U-shapes: planted bends are found on their targets, lines and falls that level off are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.claims.evidence import evidence
from intertrain_jax.claims.target_size import sized_targets
from intertrain_jax.claims.u_shape import U_SHAPE, Bend, bends
from tests.claims.planted import World, designs, judged, planted

SIZES = (50, 100, 200, 400, 800, 1600)
X = np.log2(np.array(SIZES) / 50.0) - 2.5


def runs_of(curves: dict[int, np.ndarray], **world: float) -> pd.DataFrame:
    parts = [designs(["m0", "m1", "m2", "m3"], target_size=s) for s in SIZES]
    table = pd.concat(parts, ignore_index=True)
    made = World(**({"targets": 5, "seeds": 3, "noise": 0.5} | world))
    gains = np.zeros((len(table), 5))
    for target, curve in curves.items():
        gains[:, target] = np.repeat(curve, 4)
    return planted(np.random.default_rng(0), made, table, gains)


def bends_of(runs: pd.DataFrame) -> dict[str, Bend]:
    return {b.target: b for b in bends(sized_targets(evidence(runs, None), 4))}


def test_planted_us_are_found_where_they_are() -> None:
    runs = runs_of({1: np.square(X) - 0.5 * X, 3: np.square(X - 0.5)})
    found = judged(U_SHAPE, runs)
    assert found.verdict == "shows" and found.numbers["u_shaped"] == 2
    assert "t01 (lowest at about" in found.found and "t03 (lowest at about" in found.found
    of = bends_of(runs)
    assert of["t01"].low < 1.0 < of["t01"].high
    assert of["t03"].lowest == pytest.approx(50 * 2**3.0, rel=0.2)


def test_lines_and_caps_are_no_us() -> None:
    lines = judged(U_SHAPE, runs_of({t: (t - 2.0) * X for t in range(5)}))
    assert lines.verdict == "cannot tell" and lines.numbers["u_shaped"] == 0
    caps = judged(U_SHAPE, runs_of({t: -2.0 * np.square(X) for t in range(5)}))
    assert caps.verdict == "shows the contrary"


def test_a_fall_that_bends_without_a_rise_is_no_u() -> None:
    found = bends_of(runs_of({2: 0.3 * np.square(X) - 3.0 * X}))["t02"]
    assert found.p_adjusted < 0.025 and np.isnan(found.lowest) and not found.is_u


def test_what_all_base_models_share_at_one_seed_is_noise() -> None:
    """The pretrained model was lucky at one size: every gain there falls, under that seed."""
    runs = runs_of({})
    lucky = (runs["base"] == "PT") & (runs["target"] == "t00") & (runs["seed"] == 1)
    runs.loc[lucky & runs["target_size"].isin([200, 400]), "score"] += 9.0
    found = bends_of(runs)["t00"]
    assert found.bend > 0.4 and not found.is_u


def test_a_source_models_luck_at_all_sizes_is_no_noise() -> None:
    """What one seed has along a line changes neither the bend nor its interval."""
    runs = runs_of({1: np.square(X)})
    lucky = runs.copy()
    line = 3.0 + np.log2(lucky["target_size"].astype(float))
    lucky["score"] += np.where((lucky["base"] != "PT") & (lucky["seed"] == 1), 4.0 * line, 0.0)
    plain, found = bends_of(runs)["t01"], bends_of(lucky)["t01"]
    assert (found.bend, found.low, found.high) == pytest.approx((plain.bend, plain.low, plain.high))


def test_p_values_are_adjusted_for_the_number_of_targets() -> None:
    found = list(bends_of(runs_of({1: 0.5 * np.square(X)}, noise=1.5)).values())
    order = sorted(found, key=lambda b: b.p)
    assert order[0].p_adjusted == pytest.approx(min(1.0, 5 * order[0].p))
    assert all(b.p_adjusted >= b.p for b in found)


def test_missing_runs_favour_no_shape() -> None:
    """One base model is far above the others, and lacks the middle sizes."""
    runs = runs_of({})
    far = runs["base"] == "m0"
    runs.loc[far, "score"] += 30.0
    runs = runs[~(far & runs["target_size"].isin([200, 400]) & (runs["target"] == "t02"))]
    assert not bends_of(runs)["t02"].is_u and abs(bends_of(runs)["t02"].bend) < 1.0


def test_one_seed_or_three_sizes_are_not_computed() -> None:
    one = judged(U_SHAPE, runs_of({}).query("seed == 0"))
    assert one.verdict.startswith("not computed: no target has gains at 4 sizes under 2 seeds")
    three = judged(U_SHAPE, runs_of({}).query("target_size < 400"))
    assert three.verdict == "not computed: no target was trained at 4 sizes or more"
