"""A slice of the claims' check: every claim is checked, and rules are right on a few planted records."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.claims.table import CLAIMS


@pytest.fixture(scope="module")
def check() -> Iterator[ModuleType]:
    """The script as a module."""
    folder = str(Path(__file__).resolve().parents[2] / "tools")
    sys.path.insert(0, folder)
    yield import_module("check_claims")
    sys.path.remove(folder)


def test_every_claim_is_checked_without_its_effect_and_with_it(check: ModuleType) -> None:
    assert list(check.CHECKS) == list(CLAIMS)
    for claim, checks in check.CHECKS.items():
        planted = {kind for one in checks for kind in one.sizes}
        assert {"none", "effect"} <= planted, claim


@pytest.mark.parametrize("claim", ["target-size", "good-basins", "source-seeds-differ"])
def test_rules_are_right_on_a_few_planted_records(check: ModuleType, claim: str) -> None:
    found = pd.DataFrame(check.simulate(claim, "plain", 6)).set_index("planted")
    assert found.loc["none", "wrong"] <= 1 / 6 and found.loc["effect", "power"] >= 0.5
    assert (found["computed"] == 1.0).all() and np.isnan(found.loc["none", "power"])


def test_records_are_the_same_each_time(check: ModuleType) -> None:
    first, second = (check.simulate("probe-first", check.NASTY, 2) for _ in range(2))
    pd.testing.assert_frame_equal(pd.DataFrame(first), pd.DataFrame(second))


def test_what_is_committed_is_of_all_claims_and_within_what_is_allowed(repository: Path) -> None:
    table = pd.read_csv(repository / "results" / "benchmarks" / "claims.csv")
    assert list(table["claim"].unique()) == list(CLAIMS)
    assert (table["simulations"] == 200).all() and (table["computed"] > 0.9).all()
    wrong = table[["wrong", "wrong_contrary"]].max(axis=1)
    assert (wrong <= table["allowed"]).all()
