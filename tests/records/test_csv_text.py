"""Texts that a spreadsheet would run are shown as texts, and numbers stay what they are."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.records.csv_text import csv_text


@pytest.mark.parametrize(
    "cell",
    [
        "=HYPERLINK(1)",
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1)",
        "\t=1",
        "-x",
    ],
)
def test_a_formula_is_text(cell: str) -> None:
    written = csv_text(pd.DataFrame({cell: ["a"], "b": [cell]}))
    read = pd.read_csv(io.StringIO(written))
    assert read.columns.tolist() == [f"'{cell}", "b"]
    assert read["b"].tolist() == [f"'{cell}"]


def test_numbers_and_other_texts_stay_what_they_are() -> None:
    table = pd.DataFrame(
        {
            "number": [-1.5, np.nan, 0.1234567],
            "whole": pd.Series([-1, None, 3], dtype="Int64"),
            "text": ["-1.5", "-", "org/model"],
            "mixed": [-3, "a=b", None],
            "flag": [True, False, True],
        }
    )
    before = table.copy(deep=True)
    assert csv_text(table) == table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    assert "0.1234567" in csv_text(table, None)
    pd.testing.assert_frame_equal(table, before)


def test_a_row_stays_one_row() -> None:
    assert csv_text(pd.DataFrame({"a": ["x\r=1"]})) == "a\nx =1\n"


def test_of_columns_with_one_name_each_is_written() -> None:
    table = pd.DataFrame([["=a", "=b"]], columns=["x", "x"])
    assert csv_text(table) == "x,x\n'=a,'=b\n"
