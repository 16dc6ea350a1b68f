"""Scores of linear probes, from a ranking's file or another."""

from __future__ import annotations

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
