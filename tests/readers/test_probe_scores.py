"""Scores of linear probes, from a ranking's file or another."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.readers.csv import Frame
from intertrain_jax.readers.probe_scores import read_probe


def test_a_ranking_s_columns_or_else_the_first_two() -> None:
    ranked = pd.DataFrame({"rank": [1, 2], "model": ["a", "b"], "score": [60.5, None]})
    assert read_probe(Frame(ranked))[0].dropna().to_dict() == {"a": 60.5}
    other = pd.DataFrame({"base": ["a", "b"], "lp": [1.0, 2.0], "more": [3.0, 4.0]})
    assert read_probe(Frame(other))[0].to_dict() == {"a": 1.0, "b": 2.0}


def test_a_model_has_one_row() -> None:
    with pytest.raises(IntertrainError, match="row 'a' must be there once"):
        read_probe(Frame(pd.DataFrame({"base": ["a", "a"], "lp": [1.0, 2.0]})))
    table = pd.DataFrame([["a", 1.0, 2.0]], columns=["model", "score", "score"])
    with pytest.raises(IntertrainError, match="column 'score' must be there once"):
        read_probe(Frame(table))


def test_a_fraction_among_percent_is_refused_and_other_estimates_are_not(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("base,score\na,61.5\nb,0.62\nc,60\nd,63\n")
    with pytest.raises(
        IntertrainError, match=r"row 'b', column 'score' has 0.62, where all others"
    ):
        read_probe(path)
    path.write_text("base,score\na,0.615\nb,0.62\nc,0.60\n")
    assert read_probe(path)[0].tolist() == [0.615, 0.62, 0.60]
