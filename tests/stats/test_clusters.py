"""Clusters of models: by owner, by series, by rows; and what is no cluster."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.stats.clusters import clusters_of, near_rows


def gains(names: list[str], targets: int = 12, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(len(names), targets))
    return pd.DataFrame(values, index=names, columns=[f"t{k}" for k in range(targets)])


OWNED = [
    "ibm/a",
    "ibm/b",
    "ibm/c",
    "org/a",
    "org/b-v2 (row 7)",
    "lone/x",
    "roberta-base",
    "./dir/m",
]


@pytest.mark.parametrize("how", ["auto", "owner"])
def test_models_of_one_owner_are_one_cluster(how: str) -> None:
    found = clusters_of(gains(OWNED), how)  # type: ignore[arg-type]
    assert found.of.tolist() == [*["ibm"] * 3, *["org"] * 2, "lone", "roberta-base", "./dir/m"]
    assert found.numbers(["org/a", "ibm/c", "org/b-v2 (row 7)", "?"]).tolist() == [0, 1, 0, 2]
    assert found.largest(OWNED) == ("ibm", ("ibm/a", "ibm/b", "ibm/c"))
    assert found.largest(OWNED[1:]) is None


def test_none_takes_all_models_for_independent() -> None:
    assert len(set(clusters_of(gains(OWNED), "none").of)) == len(OWNED)


def test_where_all_are_of_few_owners_series_are_clusters() -> None:
    names = [f"me/{task}-seed{seed}" for task in ("a", "b", "c", "d") for seed in range(3)]
    assert clusters_of(gains(names)).of.nunique() == 4
    assert clusters_of(gains(names), "owner").of.nunique() == 1
    steps = ["x_step_100", "x_step_2000", "x_checkpoint-3", "y-epoch2", "z", "w", "sst2", "sst5"]
    assert clusters_of(gains(steps)).of.nunique() == 6


def test_numbers_alone_and_a_single_series_say_nothing() -> None:
    for names in ([f"m{k}" for k in range(20)], [f"m-seed{k}" for k in range(20)]):
        assert clusters_of(gains(names)).of.nunique() == 20


def test_models_alone_join_those_with_nearly_the_same_row() -> None:
    table = gains(["a/1", "a/2", "b/1", "b/2", "copy", "c/1", "d/1"])
    noise = np.random.default_rng(1).normal(size=12) * 0.05
    table.loc["copy"] = table.loc["b/1"] + noise
    # Two owners with one model in common stay two.
    table.loc["a/1"] = table.loc["b/2"]
    found = clusters_of(table).of
    assert found["copy"] == "b" and found["a/1"] == "a" and found["b/2"] == "b"
    assert clusters_of(table, "owner").of["copy"] == "copy"


def test_likeness_is_no_chain_and_needs_cells() -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.normal(size=(40, 10)))
    # Each row is like the one before it, and the first is not like the last.
    for row in range(1, 20):
        table.loc[row] = table.loc[0] + 0.1 * row
    leader = near_rows(table)
    assert len(set(leader[:20])) > 3 and (leader[20:] == np.arange(20, 40)).all()
    assert (leader[:20] < np.arange(20)).sum() > 8
    few = table.where(rng.random(table.shape) < 0.5)
    assert (near_rows(few) == np.arange(40)).all()
    assert (near_rows(table.iloc[:, :7]) == np.arange(40)).all()


def test_large_tables_are_compared_in_parts() -> None:
    table = pd.DataFrame(np.random.default_rng(3).normal(size=(1100, 9)))
    table.loc[1050] = table.loc[3]
    leader = near_rows(table)
    assert leader[1050] == 3 and (leader != np.arange(1100)).sum() == 1
