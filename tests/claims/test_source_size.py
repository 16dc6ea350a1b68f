"""Source sizes: planted slopes of good and bad sources, and who says which are good."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.claims.source_size import SOURCE_SIZE_BAD, SOURCE_SIZE_GOOD
from tests.claims.planted import TEN, World, designs, judged, planted, ranked

SIZES = (50, 200, 800, 3200)
SOURCES = ["m0", "m1", "m8", "m9"]
WORLD = World(targets=6, seeds=2, noise=0.5)


def runs_of(slope: float, groups: list[str] | None = None, world: World = WORLD) -> pd.DataFrame:
    """The first two grow by so much for each doubling, and the others fall by as much."""
    parts = [designs(SOURCES, source_size=s, group=groups, part="sizes") for s in SIZES]
    table = pd.concat(parts, ignore_index=True)
    sign = np.where(table["base"].isin(SOURCES[:2]), 1.0, -1.0)
    doublings = np.log2(table["source_size"].to_numpy(dtype=float) / 50)
    return planted(np.random.default_rng(0), world, table, (slope * sign * doublings)[:, None])


LABELS = ["good", "good", "bad", "bad"]


def test_planted_slopes_are_shown_for_good_and_bad_sources() -> None:
    good, bad = (
        judged(claim, runs_of(0.5, LABELS)) for claim in (SOURCE_SIZE_GOOD, SOURCE_SIZE_BAD)
    )
    assert (good.verdict, bad.verdict) == ("shows", "shows")
    low, high = (good.numbers[f"points_per_doubling_{end}"] for end in ("low", "high"))
    assert low < 0.5 < high
    assert good.numbers["points_per_doubling of m0"] == pytest.approx(0.5, abs=0.2)
    assert "from 50 to 3,200" in good.found and "over 4 source models of 2 sources" in good.found
    swapped = runs_of(-0.5, LABELS)
    assert judged(SOURCE_SIZE_GOOD, swapped).verdict == "shows the contrary"
    assert judged(SOURCE_SIZE_BAD, swapped).verdict == "shows the contrary"


def test_a_source_models_luck_is_the_same_on_all_targets() -> None:
    """Over targets alone the interval would be narrow: a model is lucky on all of them at once."""
    lucky = judged(
        SOURCE_SIZE_GOOD, runs_of(0.0, LABELS, World(targets=6, source_luck=3.0, noise=0.1))
    )
    width = lucky.numbers["points_per_doubling_high"] - lucky.numbers["points_per_doubling_low"]
    calm = judged(SOURCE_SIZE_GOOD, runs_of(0.0, LABELS, World(targets=6, noise=0.1)))
    least = calm.numbers["points_per_doubling_high"] - calm.numbers["points_per_doubling_low"]
    assert float(width) > 5.0 * float(least)
    assert lucky.verdict == "cannot tell"


def test_without_labels_another_parts_gains_or_the_probe_say_what_is_good() -> None:
    sizes = runs_of(0.5)
    gains = np.linspace(2.0, -4.0, 10)[:, None]
    grid = planted(np.random.default_rng(1), WORLD, designs(TEN, part="grid"), gains)
    by_gain = judged(SOURCE_SIZE_GOOD, pd.concat([sizes, grid]))
    assert by_gain.verdict == "shows" and "by their average gains in grid" in by_gain.found
    assert "from 50 to 3,200" in by_gain.found
    shared = judged(SOURCE_SIZE_GOOD, pd.concat([sizes, grid.assign(source_size=3200)]))
    assert "from 50 to 800" in shared.found, "the models that said it are not asked again"
    by_probe = judged(SOURCE_SIZE_BAD, sizes, ranked(np.linspace(70.0, 40.0, 10)))
    assert by_probe.verdict == "shows" and "by the probe on mnli" in by_probe.found


def test_gains_at_the_sizes_themselves_never_say_what_is_good() -> None:
    found = judged(SOURCE_SIZE_GOOD, runs_of(0.5))
    assert found.verdict.startswith("not computed: nothing says which sources are good or bad")
    more = planted(np.random.default_rng(1), WORLD, designs(TEN, part="sizes"), np.zeros((10, 1)))
    found = judged(SOURCE_SIZE_GOOD, pd.concat([runs_of(0.5), more]))
    assert found.verdict.startswith("not computed: nothing says which sources are good or bad")
    grid = planted(np.random.default_rng(1), WORLD, designs(TEN, part="grid"), np.zeros((10, 1)))
    none = judged(SOURCE_SIZE_GOOD, grid)
    assert none.verdict == "not computed: no source was trained at several sizes"
    one = judged(SOURCE_SIZE_BAD, runs_of(0.5, ["good"] * 4))
    assert one.verdict == "not computed: no bad source was trained at several sizes"
