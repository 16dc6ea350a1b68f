"""What a table is follows from its columns, unless it is said."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.readers.leaderboard import Leaderboard
from intertrain_jax.readers.matrix import Matrix
from intertrain_jax.readers.recognise import read_table, shape_of
from intertrain_jax.readers.scores import Scores

RUNS = pd.DataFrame({"base": ["PT", "a"], "target": "t", "seed": 0, "score": [60.0, 61.0]})
BOARD = pd.DataFrame(
    {
        "model_name": ["pt", "a", "b"],
        "avg": [60.0, 61.0, 62.0],
        "mnli_lp": [None, 50.0, 51.0],
        "t": [60.0, 61.0, 62.0],
    }
)
GAINS = pd.DataFrame({"t": [1.0, 2.0]}, index=["a", "b"])


@pytest.mark.parametrize(("table", "kind"), [(RUNS, Scores), (BOARD, Leaderboard), (GAINS, Matrix)])
def test_frames_files_and_names_of_files_are_read_alike(
    table: pd.DataFrame, kind: type, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    table.to_csv(path, index=table is GAINS)
    for source in (table, path, str(path)):
        assert type(read_table(source)) is kind


def test_the_shape_may_be_said() -> None:
    assert shape_of(["base", "target", "seed", "score", "more"]) == "scores"
    assert shape_of(["base", "target", "seed"]) == "matrix"
    assert isinstance(read_table(RUNS.drop(columns="target").set_index("base"), "matrix"), Matrix)
    with pytest.raises(IntertrainError, match="must have the columns base, target, seed, score"):
        read_table(GAINS, "scores")
    with pytest.raises(IntertrainError, match="no base model 'c'"):
        read_table(BOARD, pretrained="c")
