"""Colours of gains."""

from __future__ import annotations

import pytest

from intertrain_jax.site.scale import Scale


@pytest.mark.parametrize(
    ("gain", "css"),
    [(0.0, "z"), (0.4, "z"), (0.5, "p1"), (-2.0, "n2"), (7.5, "p4"), (-99.0, "n4")],
)
def test_steps_are_symmetric_shares_of_the_limit(gain: float, css: str) -> None:
    assert Scale(10.0).css(gain) == css
    assert Scale(10.0).css(float("nan")) == ""


def test_the_limit_fits_most_gains_whatever_one_is() -> None:
    assert Scale.of([*[1.5] * 99, -80.0]).limit == 2.0
    assert Scale.of([]).limit == 1.0
    assert [css for css, _ in Scale(2.0).legend] == "n4 n3 n2 n1 z p1 p2 p3 p4".split()
