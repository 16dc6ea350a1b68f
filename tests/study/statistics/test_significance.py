"""Gains that stand out from the spread over seeds are counted."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from intertrain_jax.study.statistics.significance import SIGNIFICANCE
from tests.stats.studies import computed, matrix_study, random_gains, study_of, study_of_runs

# Gains over three seeds of four cells; the pretrained model has 60 everywhere.
CELLS = {
    ("x", "far above"): (5.0, 5.1, 4.9),
    ("y", "far above"): (9.0, 9.2, 8.8),
    ("z", "far above"): (0.5, -0.5, 0.3),
    ("x", "mixed"): (-4.0, -4.1, -3.9),
    # More than two of its deviations, 1.25, but by a test of three seeds no more than p = 0.053.
    ("y", "mixed"): (1.0, 2.2, 1.3),
    ("z", "mixed"): (2.0,),
}


def test_cells_are_counted_both_ways(tmp_path: Path) -> None:
    rows = [("PT", target, s, 60.0) for target in ("far above", "mixed") for s in range(3)]
    for (base, target), gains in CELLS.items():
        rows += [(base, target, s, 60.0 + gain) for s, gain in enumerate(gains)]
    scores = pd.DataFrame(rows, columns=["base", "target", "seed", "score"])
    found = computed(SIGNIFICANCE, study_of(scores, tmp_path)).statistics["significance"]
    assert (found.tested, found.untested) == (5, 1)
    assert (found.two_std_above, found.two_std_below) == (3, 1)
    assert (found.adjusted_above, found.adjusted_below) == (2, 1)
    assert found.level == 0.05


def test_one_seed_per_cell_has_no_spread() -> None:
    reason = {"significance": "No cell has two seeds."}
    assert computed(SIGNIFICANCE, matrix_study(random_gains(3, 3))).not_computed == reason
    assert computed(SIGNIFICANCE, study_of_runs(seeds=1)).not_computed == reason
    one = study_of_runs(
        ("a", "b"),
        seeds=2,
        missing=("a:a:1", "a:b:1", "b:a:1"),
    )
    assert computed(SIGNIFICANCE, one).statistics["significance"].tested == 1
