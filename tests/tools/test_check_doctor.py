"""A slice of the doctor's check: planted tables, and the published ones against the exact oracle."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def check() -> ModuleType:
    """The script as a module."""
    path = Path(__file__).resolve().parents[2] / "tools" / "check_doctor.py"
    spec = importlib.util.spec_from_file_location("check_doctor", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_doctor"] = module
    spec.loader.exec_module(module)
    return module


def test_planted_errors_are_found_and_what_is_written_is_right(check: ModuleType) -> None:
    sums = check.summary(check.check_planted(6, seed=1))
    assert sums["found"] >= 0.95 and sums["false errors"] <= 0.005
    assert sums["written right"] >= 0.98 and sums["written share"] >= 0.5


@pytest.mark.parametrize("table", ["roberta-base", "t5-base"])
def test_published_tables_agree_with_the_oracle(
    check: ModuleType, published: Path, table: str
) -> None:
    folder = published / "model-recycling"
    runs = pd.read_csv(folder / "models_results_roberta_base_pretrain.csv", sep="\t")
    result = check.check_published(folder / f"{table}_table.csv", runs)
    assert result["found"] == result["misplaced by the oracle"] > 40
    assert result["false alarms"] <= 1 and result["possible rows changed"] == 0
    assert result["repairs right"] == result["repairs written"] >= 20


def test_kinds_that_it_was_not_tuned_by_are_no_worse(check: ModuleType) -> None:
    sums = check.summary(check.check_planted(2, 3, check.OTHER_KINDS))
    assert sums["found"] >= 0.9 and sums["false errors"] <= 0.01
    assert sums["written right"] >= 0.98


@pytest.mark.parametrize("kinds", ["KINDS", "OTHER_KINDS"])
@pytest.mark.parametrize("known", [True, False])
def test_planted_rows_differ_from_the_truth_and_intact_ones_do_not(
    check: ModuleType, known: bool, kinds: str
) -> None:
    table = check.plant(np.random.default_rng(0), known, getattr(check, kinds))
    same = [
        np.array_equal(row, truth, equal_nan=True)
        for row, truth in zip(table.scores.to_numpy(), table.truth, strict=True)
    ]
    intact = [kind in (*check.INTACT, "duplicate", "not to be seen") for kind in table.kind]
    assert same == intact
