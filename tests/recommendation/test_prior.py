"""Tests of the lines that past targets have left."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.recommendation.prior import fit_lines, prior_of, read_past, standardised


def test_a_line_is_found_in_units_of_the_targets_noise() -> None:
    """Gains made by a known line give it back, the own scatter of models apart from that of a run."""
    rng = np.random.default_rng(0)
    probe = rng.normal(70, 5, 4000)
    x = standardised(probe)
    gains = 1.0 - 2.0 * x + rng.normal(0, 0.8, 4000) + rng.normal(0, 0.5, 4000)
    past = fit_lines(["t"], gains[:, None], x, [0.5], [0.5])
    assert past.alpha[0] == pytest.approx(2.0, abs=0.15)
    assert past.beta[0] == pytest.approx(-4.0, abs=0.15)
    assert past.tau[0] == pytest.approx(1.6, abs=0.15)


def test_models_may_spread_less_above_the_line_than_below() -> None:
    """Residuals of two halves give back both spreads; a shipped target has none above that is larger."""
    rng = np.random.default_rng(1)
    z = rng.standard_normal(6000)
    own = z * np.where(z > 0, 0.8, 3.0)
    gains = own + 0.1 * rng.standard_normal(6000)
    past = fit_lines(["t"], gains[:, None], standardised(rng.normal(size=6000)), [0.1], [0.5])
    assert past.upper is not None and past.upper[0] == pytest.approx(0.8 / 0.5, rel=0.15)
    assert past.tau[0] == pytest.approx(np.std(own) / 0.5, rel=0.05)
    shipped = read_past()
    assert shipped.upper is not None and (shipped.upper <= shipped.tau).all()


def test_missing_probe_scores_are_the_average() -> None:
    """A model without a score is neither good nor bad; equal scores rank nothing."""
    assert standardised([1.0, 3.0, np.nan]).tolist() == [-1.0, 1.0, 0.0]
    assert standardised([2.0, 2.0]).tolist() == [0.0, 0.0]


def test_too_few_gains_are_an_error() -> None:
    """Three points make no line with scatter."""
    gains = np.array([[1.0], [2.0], [3.0], [np.nan]])
    with pytest.raises(
        IntertrainError, match="target 't' must have gains of at least 4 models, has 3"
    ):
        fit_lines(["t"], gains, [1, 2, 3, 4], [1.0], [1.0])


def test_the_shipped_lines_leave_one_out() -> None:
    """The shipped file has the 36 targets; without one the mixture has fewer components."""
    past = read_past()
    assert len(past.names) == 36
    assert (past.tau > 0).all()
    less = past.without("copa")
    assert "copa" not in less.names
    assert len(prior_of(past).tau) - len(prior_of(less).tau) == len(prior_of(past).tau) // 36
