"""Verdicts from intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.claims.claim import (
    CANNOT_TELL,
    CONTRARY,
    SHOWS,
    beyond,
    bracketed,
    little,
    plain,
    said,
    unrelated,
)
from intertrain_jax.stats.crossed import simple_mean


@pytest.mark.parametrize(
    ("low", "high", "above"),
    [
        (0.1, 2.0, SHOWS),
        (-2.0, -0.1, CONTRARY),
        (-0.1, 0.1, CANNOT_TELL),
        (0.0, 1.0, CANNOT_TELL),
        (np.nan, np.nan, CANNOT_TELL),
        (0.5, np.nan, CANNOT_TELL),
    ],
)
def test_an_effect_is_beyond_a_value_where_its_interval_excludes_it(
    low: float, high: float, above: str
) -> None:
    assert beyond(low, high, "above") == above
    assert beyond(-high, -low, "below") == above
    assert beyond(low + 3, high + 3, "above", null=3.0) == above


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.4, 0.6, SHOWS),
        (0.2, 0.6, SHOWS),
        (-1.2, 0.6, CANNOT_TELL),
        (0.2, 1.6, CANNOT_TELL),
        (1.1, 1.6, CONTRARY),
        (-3.0, -1.1, CONTRARY),
        (np.nan, np.nan, CANNOT_TELL),
    ],
)
def test_an_effect_is_little_where_its_interval_is_within_a_margin(
    low: float, high: float, expected: str
) -> None:
    assert little(low, high) == expected


@pytest.mark.parametrize(
    ("low", "high", "reliability", "expected"),
    [
        (-0.3, 0.4, 1.0, SHOWS),
        (0.1, 0.4, 1.0, SHOWS),
        (0.1, 0.4, 0.7, CONTRARY),
        (-0.3, 0.4, 0.7, CANNOT_TELL),
        (-0.1, 0.1, 0.0, CANNOT_TELL),
        (-0.9, -0.1, 1.0, CONTRARY),
        (np.nan, np.nan, 1.0, CANNOT_TELL),
    ],
)
def test_a_correlation_is_weak_beyond_what_noise_makes_of_it(
    low: float, high: float, reliability: float, expected: str
) -> None:
    assert unrelated(low, high, reliability) == expected


def test_means_are_said_with_their_intervals() -> None:
    mean = simple_mean(pd.Series([1.0, 2.0, 3.0]))
    assert said(mean) == "+2.00 points [-0.48, +4.48]"
    assert bracketed(np.nan, 1.0, ".1f") == "(no interval)"
    assert plain(mean, "slope")["slope_n"] == 3
