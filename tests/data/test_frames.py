"""DataFrames kept as files: what is no value, and what cannot be written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.frames import frame_folder, kept_frame
from intertrain_jax.data.row_files import read_rows


def test_what_stands_for_no_value_is_none() -> None:
    frame = pd.DataFrame(
        {
            "text": ["a", "nan", "b", "None"],
            "label": pd.Categorical(["x", None, "<NA>", "y"]),
            "size": [1.5, np.nan, 2.0, 3.0],
            "day": pd.to_datetime(["2024-01-02", None, "2024-01-03", "2024-01-04"]),
        }
    )
    path = kept_frame(frame)
    assert path.parent == frame_folder() and path == kept_frame(frame)
    rows = read_rows(path).rows
    assert [row["text"] for row in rows] == ["a", None, "b", "None"]
    assert [row["label"] for row in rows] == ["x", None, None, "y"]
    assert [row["size"] for row in rows] == [1.5, None, 2.0, 3.0]
    assert str(rows[0]["day"]).startswith("2024-01-02")


def test_what_cannot_be_kept_is_one_line() -> None:
    twice = pd.DataFrame([["a", "b"]], columns=["text", "text"])
    with pytest.raises(IntertrainError, match="two columns 'text'"):
        kept_frame(twice)
    half = pd.DataFrame({"text": ["a", "\ud83d"]}, dtype=object)
    with pytest.raises(IntertrainError, match="row 2 in column 'text' has half a character"):
        kept_frame(half)
