"""The reader of published leaderboards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.readers.leaderboard import read_leaderboard

GOOD = """,model_name,avg,mnli_lp,a,b
0,base,60,,50,70
1,x/y,65,50,60,70
2,x/y,,51,,
3,z,66,52,62,70
"""


def write(tmp_path: Path, text: str, name: str = "base_table.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def test_rows_keep_their_order_and_repeated_names(tmp_path: Path) -> None:
    board = read_leaderboard(write(tmp_path, GOOD))
    assert board.names.tolist() == ["base", "x/y", "x/y", "z"]
    assert board.scores.columns.tolist() == ["a", "b"] and board.scores.index.tolist() == [
        0,
        1,
        2,
        3,
    ]
    assert board.scores.loc[2].isna().all() and board.scores.loc[3, "a"] == 62
    assert np.isnan(board.probe[0]) and board.average[1] == 65
    assert board.pretrained == 0


def test_the_pretrained_row_can_be_named_by_the_option_or_by_the_file(tmp_path: Path) -> None:
    everywhere = GOOD.replace("60,,50", "60,49,50")
    assert read_leaderboard(write(tmp_path, everywhere)).pretrained == 0
    assert read_leaderboard(write(tmp_path, everywhere, "x_y_table.csv")).pretrained == 1
    assert read_leaderboard(write(tmp_path, everywhere, "t.csv"), "z").pretrained == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("62,70", "good,70", r"row 'z \(line 5\)', column 'a' must be a number or empty, .*'good'"),
        ("mnli_lp", "probe", "'mnli_lp' is missing"),
        ("model_name", "model", "'model_name' is missing"),
        ("a,b\n", "a,a\n", "column 'a' must be there once"),
        ("3,z,66", "3,,66", "line 5 does not"),
        (
            GOOD[GOOD.index("1,x") :],
            "",
            "the pretrained model and another at least, has 1 row. Add",
        ),
        ("60,,50", "60,49,50", "no base model 'other'"),
        ("60,,50,70", "60,,,", "no base model 'other'"),
        ("3,z,66,52,62,70", "3,z,66", "line 5: has 3 fields"),
    ],
)
def test_bad_tables_get_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path, GOOD.replace(old, new), "other.csv")
    with pytest.raises(IntertrainError, match=message) as caught:
        read_leaderboard(path)
    assert "\n" not in str(caught.value)


def test_tables_without_scores_or_in_fractions_are_refused(tmp_path: Path) -> None:
    empty = ",model_name,avg,mnli_lp,a,b\n0,base,,,,\n1,x,,5,,\n2,y,,5,,\n"
    with pytest.raises(IntertrainError, match="all 6 are missing"):
        read_leaderboard(write(tmp_path, empty))
    fractions = ",model_name,avg,mnli_lp,a,b\n0,base,,,.5,.5\n1,x,,5,.6,\n2,y,,5,.7,\n"
    with pytest.raises(IntertrainError, match="in percent"):
        read_leaderboard(write(tmp_path, fractions))
    with pytest.raises(IntertrainError, match="must have scores"):
        read_leaderboard(write(tmp_path, GOOD.replace("60,,50,70", "60,,,")), "base")


def test_the_published_tables_are_read(published: Path) -> None:
    board = read_leaderboard(published / "model-recycling" / "roberta-base_table.csv")
    assert board.scores.shape == (1278, 36)
    assert board.names[board.pretrained] == "roberta-base" and board.pretrained == 0
    assert int(board.scores.notna().all(axis=1).sum()) == 387
    assert read_leaderboard(published / "model-recycling" / "t5-base_table.csv").scores.shape == (
        279,
        36,
    )
