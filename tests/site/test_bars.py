"""Places on axes."""

from __future__ import annotations

from intertrain_jax.site.bars import Axis, bar, curve

NAN = float("nan")


def test_bars_begin_at_zero_and_intervals_lie_around_the_value() -> None:
    axis = Axis(-10.0, 10.0)
    found = bar(axis, -5.0, -6.0, -4.0)
    assert found is not None
    assert (found.start, found.size, found.zero) == ("25.0", "25.0", "50.0")
    assert (found.low, found.high, found.up) == ("20.0", "30.0", False)


def test_what_is_not_known_is_not_drawn() -> None:
    assert bar(Axis(0.0, 1.0), NAN) is None
    alone = bar(Axis(-1.0, 1.0), 0.5, NAN, 1.0)
    assert alone is not None and alone.low == alone.high == ""
    assert Axis.over([NAN]).at(0.0) == "50.0"


def test_a_curve_runs_from_the_left_and_upwards() -> None:
    assert curve([(0, 0), (50, 50), (100, 100)], 200, 10) == "0.0,10.0 100.0,5.0 200.0,0.0"


def test_one_model_far_out_leaves_the_others_their_room() -> None:
    values = [*range(100), -900.0, NAN]
    assert float(Axis.over(values).at(0.0)) > 80
    axis = Axis.over_most(values)
    assert float(axis.at(0.0)) < 10 and axis.at(-900.0) == "0.0"
    assert Axis.over_most([5.0]).low < 0 and Axis.over_most([NAN]) == Axis.over([])
