"""Do base models help: planted shares are found, and noise shows nothing."""

from __future__ import annotations

import numpy as np

from intertrain_jax.claims.evidence import evidence
from intertrain_jax.claims.helps import GOOD_MODELS, MOST_HURT, better_models
from tests.claims.planted import TEN, World, designs, judged, planted

WORLD = World(targets=12, interaction=0.5)


def gains(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def test_two_of_ten_that_help_are_found_and_eight_that_hurt() -> None:
    runs = planted(np.random.default_rng(0), WORLD, designs(TEN), gains(2, 3, *[-2.0] * 8))
    some, most = judged(GOOD_MODELS, runs), judged(MOST_HURT, runs)
    assert (some.verdict, most.verdict) == ("shows", "shows")
    assert (some.numbers["help_low"], some.numbers["help_high"]) == (2, 2)
    assert some.numbers["best"] == "m1" and some.numbers["positive"] == 2
    assert (
        "Of 10 base models, 2 have a positive average gain; between 2 and 2 truly help"
        in some.found
    )
    assert "n: 10 base models, 12 targets, 3 seeds, 360 runs." in some.found
    assert some.numbers["cells_below"] > 60 and some.numbers["targets_with_a_gain"] > 8


def test_the_contrary_is_shown_where_all_hurt_or_most_help() -> None:
    rng = np.random.default_rng(1)
    hurt = planted(rng, WORLD, designs(TEN), gains(*[-2.0] * 10))
    help_ = planted(rng, WORLD, designs(TEN), gains(*[2.0] * 10))
    assert judged(GOOD_MODELS, hurt).verdict == "shows the contrary"
    assert judged(MOST_HURT, help_).verdict == "shows the contrary"


def test_noise_that_all_gains_share_shows_nothing() -> None:
    """The pretrained model's bad luck on one target lifts all gains there."""
    runs = planted(np.random.default_rng(2), WORLD, designs(TEN), gains(*[0.0] * 10))
    runs.loc[(runs["base"] == "PT") & (runs["target"] == "t03"), "score"] -= 30.0
    found = judged(GOOD_MODELS, runs)
    assert found.verdict == "cannot tell" and found.numbers["positive"] == 10
    assert judged(MOST_HURT, runs).verdict == "cannot tell"


def test_copies_of_the_pretrained_model_show_nothing_and_two_targets_are_too_few() -> None:
    world = World(targets=12, noise=0.0, interaction=0.0)
    copies = planted(np.random.default_rng(0), world, designs(TEN), gains(*[0.0] * 10))
    assert judged(GOOD_MODELS, copies).verdict == "cannot tell"
    few = planted(np.random.default_rng(0), World(targets=2), designs(TEN), gains(*[9.0] * 10))
    found = judged(GOOD_MODELS, few)
    assert found.verdict == "not computed: no base model has gains on 3 targets"
    assert (found.found, found.figure) == ("", None)


def test_the_best_of_ten_is_tested_as_one_of_ten() -> None:
    """Its own interval is above zero (t = 3.2 over six targets), as one in ten's may be by chance."""
    world = World(targets=6, seeds=1, noise=0.0, interaction=0.0)
    spread = np.array([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
    runs = planted(np.random.default_rng(0), world, designs(TEN), np.zeros((10, 6)) + spread)
    runs.loc[runs["base"] == "m4", "score"] += 1.4
    found = better_models(evidence(runs, None).matrix)
    assert found.models["base"][0] == "m4" and found.models["low"][0] > 0
    assert (found.low, found.high) == (0, 10)
    assert judged(GOOD_MODELS, runs).verdict == "cannot tell"
    assert judged(GOOD_MODELS, runs.query("base in ('m4', 'PT')")).verdict == "shows"
