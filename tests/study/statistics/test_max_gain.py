"""Max-gain in a result, and its table."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.study.statistics.max_gain import MAX_GAIN
from tests.stats.studies import computed, matrix_of, matrix_study

NAN = np.nan
GAINS = matrix_of({"x": [1, -2, NAN, 4], "y": [3, -1, NAN, NAN], "a": [3, -5, NAN, -1]})


def test_the_largest_gain_of_each_target_with_its_model() -> None:
    found = computed(MAX_GAIN, matrix_study(GAINS)).statistics["max_gain"]
    assert [(m.target, m.base, m.n) for m in found] == [
        ("a", "a", 3),  # it shares it with y: the first by name has it
        ("b", "y", 3),
        ("c", None, 0),
        ("d", "x", 2),
    ]
    assert [m.gain for m in found] == pytest.approx([3.0, -1.0, NAN, 4.0], nan_ok=True)


def test_its_table_has_a_row_per_target() -> None:
    (table,) = MAX_GAIN.tables(computed(MAX_GAIN, matrix_study(GAINS)))
    assert table.name == "max_gain"
    assert list(table.rows.columns) == ["target", "gain", "base", "n"]
    assert table.rows["target"].tolist() == ["a", "b", "c", "d"]
    assert table.rows["n"].tolist() == [3, 3, 0, 2]
    assert MAX_GAIN.plain((1, 2)) == {"targets": (1, 2)}  # type: ignore[arg-type]
