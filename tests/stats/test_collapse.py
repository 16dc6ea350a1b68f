"""Collapsed runs: found where they are planted, and nowhere else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.stats.collapse import collapsed_runs, without_collapsed
from intertrain_jax.stats.noise import fit_noise
from tests.stats.noisy import scores


def grid(seeds: int, seed: int = 0, models: int = 7) -> pd.DataFrame:
    """Scores about 70 of PT and others, of very different noise per target."""
    rng = np.random.default_rng(seed)
    return scores(70.0 + rng.normal(size=(models, 8)), seeds, rng)


def at(table: pd.DataFrame, base: str, target: str, seed: int) -> int:
    run = (table["base"] == base) & (table["target"] == target) & (table["seed"] == seed)
    return int(np.flatnonzero(run)[0])


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_a_planted_one_is_found_alone(seeds: int) -> None:
    table = grid(seeds)
    table.loc[at(table, "PT", "t2", 1), "score"] = 33.0
    (found,) = collapsed_runs(table)
    assert (found.base, found.target, found.seed, found.score) == ("PT", "t2", 1, 33.0)
    assert found.others == pytest.approx(70.0, abs=4.0)


def test_two_of_five_seeds_do_not_hide_each_other() -> None:
    table = grid(5)
    for seed in (0, 3):
        table.loc[at(table, "m02", "t1", seed), "score"] = 33.0 + 0.1 * seed
    assert [(run.base, run.target, run.seed) for run in collapsed_runs(table)] == [
        ("m02", "t1", 0),
        ("m02", "t1", 3),
    ]


def test_one_that_another_model_s_whole_row_is_at_is_found() -> None:
    table = grid(3)
    table.loc[(table["base"] == "m05") & (table["target"] == "t4"), "score"] = 50.0
    table.loc[at(table, "m01", "t4", 2), "score"] = 50.0
    assert [(run.base, run.seed) for run in collapsed_runs(table)] == [("m01", 2)]


def test_noise_alone_has_none() -> None:
    false = sum(bool(collapsed_runs(grid(3, seed))) for seed in range(60))
    assert false <= 3


def test_a_bad_seed_that_is_far_from_the_worst_is_none() -> None:
    table = grid(3)
    table.loc[table["base"] == "m06", "score"] -= 40.0
    table.loc[at(table, "m01", "t0", 0), "score"] -= 9.0
    assert collapsed_runs(table) == ()
    # Below everything else, the same distance is a collapse.
    rest = table[table["base"] != "m06"].reset_index(drop=True)
    assert len(collapsed_runs(rest)) == 1


def test_what_collapsed_has_no_score_and_a_reason_and_widens_nothing() -> None:
    table = grid(3).assign(status="done", reason="")
    before = {target.target: target.std for target in fit_noise(table).targets}
    row = at(table, "PT", "t0", 1)
    spoiled = table.copy()
    spoiled.loc[row, "score"] = 31.5
    found = without_collapsed(spoiled)
    assert found.loc[row, "status"] == "collapsed" and np.isnan(found.loc[row, "score"])
    assert found.loc[row, "reason"].startswith("It has 31.50 where its other seeds have 7")
    assert found.drop(index=row).equals(spoiled.drop(index=row))
    after = {target.target: target.std for target in fit_noise(found).targets}
    assert after == pytest.approx(before, rel=0.25)
    assert without_collapsed(table) is table
