"""What two measurements of the same models say about each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.readers.pairs import read_pairs
from intertrain_jax.study.pairs import analyse_pairs

TEXT = "model,lp,avg\na,1,2\nb,2,\nc,3,5\nd,4,4\ne,6,1\n"


def test_pairs_with_a_gap(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(TEXT, "utf-8")
    pairs = read_pairs(file, "lp", "avg")
    found = analyse_pairs(pairs)
    expected = stats.linregress([1, 3, 4, 6], [2, 5, 4, 1])
    assert found.pearson.n == found.line.n == 4
    assert found.pearson.value == pytest.approx(expected.rvalue)
    assert (found.line.slope, found.line.intercept) == pytest.approx(
        (expected.slope, expected.intercept)
    )
    assert found.spearman.value == pytest.approx(stats.spearmanr([1, 3, 4, 6], [2, 5, 4, 1])[0])


def test_the_published_table(published: Path) -> None:
    pairs = read_pairs(published / "paper_table4_roberta.csv", "lp_gain_mnli", "avg_gain_general")
    found = analyse_pairs(pairs)
    assert found.pearson.n == 66
    assert round(found.pearson.value, 2) == 0.66
    assert round(found.spearman.value, 2) == 0.51
    assert (round(found.line.slope, 3), round(found.line.intercept, 2)) == (0.126, -1.83)
    # The line of App. F is outside both intervals.
    assert not found.line.slope_low < 0.0822 < found.line.slope_high
    assert not found.line.intercept_low < -0.940 < found.line.intercept_high
    assert np.isfinite([found.pearson.low, found.spearman.low]).all()
