"""Sensitivity: one model tells the targets with much to gain, and shared noise tells none."""

from __future__ import annotations

import numpy as np
import pandas as pd

from intertrain_jax.claims.sensitivity import SENSITIVITY, representative
from tests.claims.planted import World, designs, judged, planted

NAMES = ["mnli", "m1", "m2", "m3"]
WORLD = World(targets=12, seeds=2, noise=0.4, interaction=0.2)
SENSITIVE = np.linspace(0.0, 4.0, 12)


def runs_of(mine: float, others: float) -> pd.DataFrame:
    gains = np.outer([mine, others, others, others], SENSITIVE)
    return planted(np.random.default_rng(0), WORLD, designs(NAMES), gains)


def test_sensitive_targets_are_told_by_one_model() -> None:
    found = judged(SENSITIVITY, runs_of(1.0, 0.8))
    assert found.verdict == "shows" and found.numbers["model"] == "mnli"
    assert found.numbers["targets"] == 12 and "of 3 other base models" in found.found
    assert judged(SENSITIVITY, runs_of(-1.0, 0.8)).verdict == "shows the contrary"


def test_the_pretrained_models_noise_is_in_both_and_tells_nothing() -> None:
    runs = runs_of(0.0, 0.0)
    luck = 5.0 * np.random.default_rng(1).normal(size=(12, 2))
    plain = runs["base"] == "PT"
    runs.loc[plain, "score"] += luck[runs["target"].str[1:].astype(int), runs["seed"]][plain]
    found = judged(SENSITIVITY, runs)
    assert found.verdict == "cannot tell"
    wide = runs.pivot_table(index="base", columns="target", values="score")
    gains = wide.drop(index="PT") - wide.loc["PT"]
    assert np.corrcoef(gains.loc["mnli"], gains.drop(index="mnli").max())[0, 1] > 0.9


def test_the_best_model_stands_for_all_where_there_is_no_mnli() -> None:
    assert representative(pd.Series({"a": 1.0, "b": 2.0})) == "b"
    assert representative(pd.Series({"MNLI": 1.0, "b": 2.0})) == "MNLI"


def test_one_seed_or_few_targets_are_not_computed() -> None:
    one = judged(SENSITIVITY, runs_of(1.0, 0.8).query("seed == 0"))
    assert one.verdict.startswith("not computed: what differs truly cannot be told")
    few = judged(SENSITIVITY, runs_of(1.0, 0.8).query("target < 't04'"))
    assert few.verdict.endswith("3 base models on 5 targets are needed, there are 4 on 4")
