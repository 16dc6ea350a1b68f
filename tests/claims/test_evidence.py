"""Evidence: gains pair by everything that a training has in common, and what cannot be is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.claims.evidence import COLUMNS, evidence
from tests.claims.planted import TEN, World, designs, planted

BASES = ["m0", "m1", "m2"]


def runs_of(**columns: object) -> pd.DataFrame:
    world = World(targets=4, seeds=2, interaction=0.0, noise=0.0)
    gains = np.arange(3.0)[:, None]
    return planted(np.random.default_rng(0), world, designs(BASES, **columns), gains)


def test_gains_are_seed_paired_whatever_the_order_of_the_rows() -> None:
    runs = runs_of()
    # A seed's luck that the pretrained model shares cancels in pairs only.
    runs["score"] += 10.0 * runs["seed"]
    found = evidence(runs.sample(frac=1.0, random_state=0), None)
    assert found.matrix.mean.loc["m2"].to_numpy() == pytest.approx(2.0)
    assert found.matrix.averages.to_dict() == pytest.approx({"m0": 0.0, "m1": 1.0, "m2": 2.0})
    assert set(found.gains["base"]) == set(BASES) and len(found.gains) == 24


def test_a_target_where_no_seed_pairs_is_compared_with_the_mean() -> None:
    runs = runs_of()
    runs.loc[(runs["base"] == "m1") & (runs["target"] == "t00"), "seed"] += 7
    runs.loc[(runs["base"] == "m2") & (runs["target"] == "t01") & (runs["seed"] == 0), "seed"] = 9
    found = evidence(runs, None)
    assert found.matrix.mean.loc["m1", "t00"] == pytest.approx(1.0)
    own = found.gains[(found.gains["base"] == "m2") & (found.gains["target"] == "t01")]
    assert own["seed"].tolist() == [1], "a seed that pairs counts alone"


def test_the_baseline_is_trained_alike_or_as_most_are() -> None:
    usual, decayed = runs_of(), runs_of(weight_decay=1.0)
    decayed.loc[decayed["base"] == "PT", "score"] -= 5.0
    both = evidence(pd.concat([usual, decayed]), None)
    strong = both.gains[both.gains["weight_decay"] == 1.0]
    assert strong.groupby("base")["gain"].mean()["m1"] == pytest.approx(6.0)
    without = pd.concat([usual, decayed[decayed["base"] != "PT"]])
    strong = evidence(without, None).gains.query("weight_decay == 1.0")
    assert strong.groupby("base")["gain"].mean()["m1"] == pytest.approx(1.0)
    assert set(both.matrix.runs["weight_decay"]) == {0.01}


def test_the_matrix_is_that_of_the_largest_part_at_full_sizes() -> None:
    small = runs_of(part="sizes", source_size=50).query("base != 'm0'")
    few = runs_of(part="few", target_size=4000).query("base in ('m1', 'PT')")
    found = evidence(pd.concat([small, few, runs_of(part="grid")]), None)
    assert found.matrix.mean.shape == (3, 4)
    assert set(found.matrix.runs["target_size"]) == {1000}
    assert set(found.matrix.runs["source_size"]) == {2000}


def test_parts_are_never_mixed_but_lend_each_other_baselines() -> None:
    """The same columns may be of other epochs: each part has its own pretrained model, if it has one."""
    longer = runs_of(part="longer").assign(score=lambda t: t["score"] + 20.0)
    both = evidence(pd.concat([runs_of(part="grid"), longer]), None)
    assert both.finetuned.groupby("base")["gain"].agg(["min", "max"]).loc["m2"].tolist() == [
        2.0,
        2.0,
    ]
    assert set(both.matrix.runs["part"]) == {"grid"} and len(both.matrix.runs) == 24
    alone = runs_of(part="more").query("base == 'm1'")
    found = evidence(pd.concat([runs_of(part="grid"), alone]), None)
    assert len(found.finetuned) == 32 and set(found.finetuned.query("part == 'more'")["gain"]) == {
        1.0
    }


def test_runs_without_a_score_are_left_out() -> None:
    runs = runs_of()
    runs.loc[runs["base"] == "m2", "score"] = np.nan
    assert list(evidence(runs, None).matrix.mean.index) == ["m0", "m1"]


def test_what_cannot_be_is_refused_and_nothing_is_no_crash() -> None:
    with pytest.raises(IntertrainError, match=r"needs the columns part.* has no 'seed'"):
        evidence(runs_of().drop(columns="seed"), None)
    with pytest.raises(IntertrainError, match="pretrained, source or base, got 'src'"):
        evidence(runs_of(kind="src"), None)
    with pytest.raises(IntertrainError, match="table of rankings needs"):
        evidence(runs_of(), pd.DataFrame({"base": TEN}))
    empty = evidence(pd.DataFrame(columns=list(COLUMNS)), None)
    assert empty.architectures == ()
    with pytest.raises(IntertrainError, match="there are no gains"):
        _ = empty.matrix
