"""Findings as a table, and the copy that they repair."""

from __future__ import annotations

import numpy as np
import pandas as pd

from intertrain_jax.diagnosis.findings import Finding, Findings, repair, said_of, sureness


def found() -> Findings:
    """A repaired row, one that is not, and a note."""
    moved = {"a": 61.5, "b": float("nan")}
    return Findings(
        (
            Finding(2, "m2", "shifted", "error", "Moved.", ("b",), moved, 0.999),
            Finding(5, "m5", "impossible", "error", "No.", not_repaired="Nothing explains it."),
            Finding(6, "m6", "outlier", "note", "Far."),
            Finding(-1, "", "unreadable", "error", "A file."),
        ),
        ("a", "b"),
        0,
    )


def test_only_rows_with_errors_are_suspicious() -> None:
    assert found().suspicious == {2, 5}


def test_what_is_wrong_is_counted_in_words() -> None:
    again = Finding(5, "m5", "same name", "error", "Again.")
    twice = (*found().findings, again, Finding(7, "m7", "swapped", "error", "Moved."))
    assert said_of(twice) == (
        "2 with scores under wrong columns, 1 with scores that no number of right answers gives"
    )
    assert said_of(()) == ""


def test_nothing_is_certain_that_is_only_likely() -> None:
    assert [sureness(p) for p in (0.98999, 0.9951, 0.9999, 1.0)] == [
        *("98.9 %", "99.5 %", ">99.9 %", ">99.9 %")
    ]


def test_the_table_has_a_row_each() -> None:
    table = found().table
    assert table["rule"].tolist() == ["shifted", "impossible", "outlier", "unreadable"]
    assert table["repaired"].tolist() == ["a=61.5; b=", "", "", ""]
    assert table["not_repaired"].tolist() == ["", "Nothing explains it.", "", ""]


def test_a_repaired_copy_differs_in_repaired_cells_only() -> None:
    scores = pd.DataFrame({"a": np.arange(8.0), "b": np.arange(8.0), "c": np.arange(8.0)})
    expected = scores.copy()
    expected.loc[2] = [61.5, np.nan, 2.0]
    pd.testing.assert_frame_equal(repair(scores, found()), expected)
    assert scores.loc[2, "a"] == 2.0
