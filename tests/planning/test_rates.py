"""Rates of processors: what is expected, and what is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.planning.rates import achieved_rate, expected_rate, keep_rate


# Timed on two idle cores: seconds of whole grids, and the operations that were estimated for them.
@pytest.mark.parametrize(
    ("parameters", "flops", "seconds"), [(172_032, 5.70e12, 180), (10_616_832, 146e12, 1_620)]
)
def test_expected_rates_are_within_a_factor_of_two(
    parameters: int, flops: float, seconds: float
) -> None:
    assert 0.5 < flops / expected_rate(parameters) / seconds < 2.0


def test_larger_models_are_faster_up_to_a_bound() -> None:
    rates = [expected_rate(10**k) for k in range(4, 11)]
    assert rates == sorted(rates) and rates[-1] == rates[-2]


def test_a_rate_is_remembered_by_size(tmp_path: Path) -> None:
    folder = str(tmp_path / "cache")
    assert achieved_rate(1_000, folder) is None
    keep_rate(1_000, 6e12, 60.0, folder)
    keep_rate(2_000, 6e12, 30.0, folder)
    keep_rate(1_000, 9e12, 60.0, folder)
    assert achieved_rate(1_000, folder) == 1.5e11 and achieved_rate(2_000, folder) == 2e11
    keep_rate(1_000, 9e12, 1.0, folder)  # too short to tell
    assert achieved_rate(1_000, folder) == 1.5e11


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}'])
def test_a_damaged_memory_is_none(tmp_path: Path, text: str) -> None:
    keep_rate(1_000, 6e12, 60.0, str(tmp_path))
    (tmp_path / "rates.json").write_text(text, "utf-8")
    assert achieved_rate(1_000, str(tmp_path)) is None
    keep_rate(1_000, 6e12, 60.0, str(tmp_path))
    assert achieved_rate(1_000, str(tmp_path)) == 1e11
