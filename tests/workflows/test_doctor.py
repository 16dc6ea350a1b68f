"""Diagnoses from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import intertrain_jax as ij
from intertrain_jax.base import IntertrainError


def table(rows: int = 40) -> pd.DataFrame:
    """Scores of models on eight targets of different difficulty; the seventh row is there twice."""
    rng = np.random.default_rng(0)
    levels = np.asarray([50, 60, 70, 80, 90, 55, 65, 75])
    values = levels + rng.normal(0, 1.5, (rows, 1)) + rng.normal(0, 0.7, (rows, 8))
    frame = pd.DataFrame(values, columns=[f"t{k}" for k in range(8)])
    frame.insert(0, "model", [f"m{k}" for k in range(rows)])
    frame.loc[30, frame.columns[1:]] = frame.loc[7, frame.columns[1:]]
    return frame


def test_a_frame_and_its_file_have_the_same_findings(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "scores.csv", index=False)
    of_frame, of_file = ij.doctor(table()), ij.doctor(tmp_path / "scores.csv")
    pd.testing.assert_frame_equal(of_frame.findings, of_file.findings)
    assert {"m7", "m30"} & set(of_frame.findings["model"])
    assert "DataFrame" in repr(of_frame)


def test_nothing_found_says_so() -> None:
    clean = ij.doctor(table().drop(index=30))
    assert clean.findings.empty and repr(clean).endswith("Nothing found.")


def test_there_must_be_something(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match="must be a CSV file or a results directory"):
        ij.doctor(tmp_path / "nothing.csv")
