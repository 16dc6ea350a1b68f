"""Forgetting: pairs that differ in one thing, and planted differences of each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.claims.evidence import evidence
from intertrain_jax.claims.forgetting import PENALTY, PROBE_FIRST, WEIGHT_DECAY, contrast
from tests.claims.planted import World, designs, judged, planted

BASES = ["mnli", "qqp"]


def runs_of(
    setting: str, values: tuple[object, object], effect: float, **columns: object
) -> pd.DataFrame:
    parts = [designs(BASES, **{setting: value}, **columns) for value in values]
    table = pd.concat(parts, ignore_index=True)
    gains = np.array([[0.0], [-3.0], [effect], [effect - 3.0]])
    return planted(np.random.default_rng(0), World(targets=8, noise=0.4), table, gains)


def test_weight_decay_hurts_t5_and_does_little_elsewhere() -> None:
    worse = runs_of("weight_decay", (0.0, 1.0), -3.0)
    as_t5 = worse.assign(architecture="google/t5-v1_1-base")
    found = judged(WEIGHT_DECAY, as_t5)
    assert found.verdict == "shows" and "Weight decay of 1 instead of 0" in found.found
    assert found.numbers["difference_low"] < -3.0 < found.numbers["difference_high"]
    assert judged(WEIGHT_DECAY, worse).verdict == "shows the contrary"
    same = runs_of("weight_decay", (0.0, 1.0), 0.0)
    assert judged(WEIGHT_DECAY, same).verdict == "shows"
    assert judged(WEIGHT_DECAY, same.assign(architecture="t5")).verdict == "cannot tell"


def test_the_penalty_is_judged_on_bad_sources_where_these_are_labelled() -> None:
    runs = runs_of("l2_to_base", (0.0, 0.1), 0.0)
    bad = (runs["base"] == "qqp") & (runs["l2_to_base"] > 0)
    runs.loc[bad, "score"] += 4.0
    assert judged(PENALTY, runs).verdict == "cannot tell"
    labelled = runs.assign(group=runs["base"].map({"qqp": "bad", "mnli": "good"}))
    found = judged(PENALTY, labelled)
    assert found.verdict == "shows" and "of bad sources" in found.found
    assert found.numbers["difference"] == pytest.approx(4.0, abs=0.4)


def test_training_the_head_first_pairs_with_the_usual_baseline() -> None:
    runs = runs_of("method", ("finetune", "lp_then_ft"), 0.0)
    assert judged(PROBE_FIRST, runs).verdict == "shows"
    without = runs[~((runs["base"] == "PT") & (runs["method"] == "lp_then_ft"))]
    assert judged(PROBE_FIRST, without).verdict == "shows"
    assert judged(PROBE_FIRST, runs_of("method", ("finetune", "lp_then_ft"), 4.0)).verdict == (
        "shows the contrary"
    )


def test_pairs_are_alike_in_all_but_one_thing() -> None:
    runs = runs_of("weight_decay", (0.0, 1.0), 1.0)
    runs = runs[~((runs["weight_decay"] == 1.0) & (runs["seed"] == 2))]
    runs.loc[(runs["base"] == "qqp") & (runs["weight_decay"] == 1.0), "l2_to_base"] = 0.5
    found = contrast(evidence(runs, None), "weight_decay")
    assert set(found.pairs["base"]) == {"mnli"} and set(found.pairs["seed"]) == {0, 1}
    assert len(found.pairs) == 16 and (found.before, found.after) == (0.0, 1.0)


def test_one_setting_is_not_computed_and_one_model_cannot_tell() -> None:
    runs = runs_of("weight_decay", (0.0, 1.0), 1.0)
    with pytest.raises(IntertrainError, match="no base models of one part differ in l2_to_base"):
        contrast(evidence(runs, None), "l2_to_base")
    parts = runs.assign(part=runs["weight_decay"].astype(str))
    assert judged(WEIGHT_DECAY, parts).verdict.startswith(
        "not computed: no base models of one part"
    )
    one = runs.query("base in ('PT', 'mnli') and seed == 0")
    assert judged(WEIGHT_DECAY, one).verdict == "cannot tell"
