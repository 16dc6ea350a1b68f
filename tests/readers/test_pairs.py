"""Two columns of a file as measurements of the same models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.readers.pairs import Pairs, read_pairs

TEXT = "model,lp,avg\na,1,2\nb,2,\nc,3,5\nd,4,4\ne,6,1\n"


def read(folder: Path, text: str, x: str = "lp", y: str = "avg") -> Pairs:
    file = folder / "t.csv"
    file.write_text(text, "utf-8")
    return read_pairs(file, x, y)


def test_columns_are_found_by_name_and_gaps_stay(tmp_path: Path) -> None:
    pairs = read(tmp_path, TEXT, "avg", "lp")
    assert (pairs.name, pairs.x_name, pairs.y_name) == ("t", "avg", "lp")
    assert pairs.models == ("a", "b", "c", "d", "e")
    np.testing.assert_array_equal(pairs.x, [2, np.nan, 5, 4, 1])
    np.testing.assert_array_equal(pairs.y, [1, 2, 3, 4, 6])


@pytest.mark.parametrize("naming", ["model", "model_name", "base", "name"])
def test_a_column_of_names_may_stand_anywhere(tmp_path: Path, naming: str) -> None:
    text = f"lp,other,{naming},avg\n1,x,a,2\n2,x,b,3\n3,x,c,5\n"
    assert read(tmp_path, text).models == ("a", "b", "c")


def test_models_may_have_no_names(tmp_path: Path) -> None:
    pairs = read(tmp_path, "lp,avg\n1,2\n2,3\n3,4\n")
    assert pairs.models == ("", "", "")


@pytest.mark.parametrize(
    ("text", "x", "message"),
    [
        (TEXT, "LP", r"must have the column 'LP', but has model, lp, avg\. Did you mean 'lp'"),
        (TEXT.replace("c,3", "c,three"), "lp", "row 'c', column 'lp' must be a number or empty"),
        (TEXT.replace("c,3", "c,"), "model", "row 'a', column 'model' must be a number"),
        ("lp,avg\n1,2\n2,\n3,4\n", "lp", "at least 3 rows with both 'lp' and 'avg', has 2"),
        ("lp,avg\n1,2\nx,\n3,4\n", "lp", "row 'line 3', column 'lp'"),
        ("model,lp,lp,avg\na,1,1,2\n", "lp", "column 'lp' must be there once"),
    ],
)
def test_bad_pairs_are_one_line(tmp_path: Path, text: str, x: str, message: str) -> None:
    with pytest.raises(IntertrainError, match=message) as raised:
        read(tmp_path, text, x)
    assert "\n" not in str(raised.value)
