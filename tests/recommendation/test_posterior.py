"""Tests of the posterior of gains."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.recommendation.posterior import binomial_error, noise_of, posterior, unit_of
from intertrain_jax.recommendation.prior import Prior

NAN = np.nan
ONE = Prior(np.array([0.5]), np.array([0.0]), np.array([2.0]))


def _scores(*rows: list[float]) -> np.ndarray:
    width = max(map(len, rows))
    return np.array([row + [NAN] * (width - len(row)) for row in rows])


def test_normal_runs_give_the_closed_posterior() -> None:
    """With agreeing runs, gains are those of the linear normal model solved as one system."""
    scores = _scores([80.0, 80.2], [81.0, 81.3], [80.1], [])
    found = posterior(scores, np.zeros(3), ONE, 1.0)
    # The same as one system: unknowns b, g1, g2, g3; a single run is weighed by its residual.
    ys = [(80.0, 0), (80.2, 0), (81.0, 1), (81.3, 1), (80.1, 2)]
    off = np.array([0.1, 0.1, 0.15, 0.15, 0.0])
    weights = 5.0 / (4.0 + off**2)
    weights[4] = 5.0 / (4.0 + 1.0)
    for _ in range(50):
        precision, right = np.diag([0.0, 0.25, 0.25, 0.25]), np.array([0.0, 0.125, 0.125, 0.125])
        for w, (y, m) in zip(weights, ys, strict=True):
            row = np.eye(4)[0] + (np.eye(4)[m] if m else 0)
            precision += w * np.outer(row, row)
            right += w * row * y
        mean = np.linalg.solve(precision, right)
        weights[4] = 5.0 / (4.0 + (80.1 - mean[0] - mean[2]) ** 2 + 1 / weights[4])
    assert found.mean == pytest.approx(mean[1:], abs=1e-3)
    assert found.sd == pytest.approx(np.sqrt(np.diag(np.linalg.inv(precision)))[1:], abs=1e-2)


def test_order_of_seeds_and_of_arrival_is_irrelevant() -> None:
    """Seeds in another order, and models in another, give the same numbers."""
    scores = _scores([80.0, 81.0, 79.5], [83.0, 82.0], [78.0], [])
    x = np.array([1.0, 0.0, -1.0])
    prior = Prior(np.array([0.1, -0.5]), np.array([0.3, 1.0]), np.array([0.5, 2.0]))
    found = posterior(scores, x, prior, 0.7)
    mixed = posterior(scores[[0, 3, 1, 2]][:, [2, 1, 0]], x[[2, 0, 1]], prior, 0.7)
    assert mixed.mean == pytest.approx(found.mean[[2, 0, 1]], abs=1e-9)
    assert mixed.sd == pytest.approx(found.sd[[2, 0, 1]], abs=1e-9)


def test_one_collapsed_run_says_little_and_two_are_believed() -> None:
    """A run 40 points down moves neither its model far nor others; a second one is no accident."""
    before = posterior(_scores([80.0, 80.1], [81.0], []), np.zeros(2), ONE, 1.0)
    once = posterior(_scores([80.0, 80.1], [81.0], [40.0]), np.zeros(2), ONE, 1.0)
    twice = posterior(_scores([80.0, 80.1], [81.0], [40.0, 41.0]), np.zeros(2), ONE, 1.0)
    assert abs(once.mean[0] - before.mean[0]) < 0.1
    assert once.mean[1] > -4.0
    assert twice.mean[1] < -20.0


def test_a_models_only_run_counts_whole_above_what_is_expected_and_less_below() -> None:
    """Runs collapse, they do not soar: above, the mean is that of normal runs; b is known exactly."""
    moved = []
    for off in (9.5, -9.5):
        found = posterior(_scores([80.0] * 400, [80.5 + off]), np.zeros(1), ONE, 1.0)
        moved.append(float(found.mean[0] - 0.5) / (0.8 * off))
    assert moved[0] == pytest.approx(1.0, abs=0.01) and moved[1] < 0.5


def test_components_are_weighed_by_what_was_seen() -> None:
    """Large gains make the component that expects them likely, and raise models that were not tried."""
    prior = Prior(np.array([0.0, 8.0]), np.zeros(2), np.array([0.5, 0.5]))
    found = posterior(_scores([80.0, 80.0], [88.0], [87.5], []), np.zeros(3), prior, 1.0)
    assert found.share[1] > 0.99
    assert found.mean[2] == pytest.approx(8.0, abs=1.0)


def test_quantiles_and_probabilities_agree() -> None:
    """Below the quantile of p a gain is with probability p; the pretrained model's gain is 0."""
    prior = Prior(np.array([0.0, 3.0]), np.zeros(2), np.array([0.5, 2.0]))
    found = posterior(_scores([80.0], [81.0], []), np.zeros(2), prior, 1.0)
    for p in (0.025, 0.5, 0.975):
        assert found.below(np.array(1), found.quantile(np.array(1), p)) == pytest.approx(
            p, abs=1e-6
        )
    assert found.quantile(np.array(-1), 0.5) == pytest.approx(0.0, abs=1e-6)


def test_any_better_is_what_draws_say() -> None:
    """The quadrature over the chosen model's gain agrees with draws; others spread less upwards."""
    prior = Prior(np.array([0.3]), np.array([1.0]), np.array([1.5]), np.array([0.9]))
    found = posterior(_scores([80.0], [82.0], [], [], []), np.array([1, 0.5, 0, -0.5]), prior, 1.0)
    rng = np.random.default_rng(1)
    z = rng.standard_normal((200_000, 4))
    # Of those that were not tried, gains above the mean have Student's tails.
    far = 0.9 * np.abs(rng.standard_t(4, size=z.shape)) / np.sqrt(2.0)
    above = (z > 0) & (np.arange(4) > 0)
    gains = found.mean_KxM[0] + np.where(above, far, found.sd_KxM[0] * z)
    expected = (gains[:, 1:].max(axis=1) > gains[:, 0] + 1.0).mean()
    got = found.any_better(np.array(0), 1.0, np.array([False, True, True, True]))
    assert got == pytest.approx(expected, abs=0.01)


def test_a_few_of_many_models_that_were_not_tried_may_be_far_above() -> None:
    """Six standard deviations above the line there are some of sixty, but none below it."""
    prior = Prior(np.array([0.0]), np.array([0.0]), np.array([0.5]), np.array([0.5]))
    scores = _scores([80.0] * 4, [80.0] * 4, *[[] for _ in range(60)])
    found = posterior(scores, np.zeros(61), prior, 1.0)
    others = np.arange(61) > 0
    got = found.any_better(np.array(0), 3.0, others)
    rng = np.random.default_rng(2)
    own = found.mean_KxM[0, 0] + found.sd_KxM[0, 0] * rng.standard_normal(100_000)
    far = np.abs(rng.standard_t(8, size=(100_000, 60))) / np.sqrt(8 / 6)
    far *= 0.5 * (rng.random(far.shape) < 0.5)
    expected = ((far.max(axis=1) + found.mean_KxM[0, 1]) > own + 3.0).mean()
    assert got == pytest.approx(expected, rel=0.25) and got > 0.003


def test_noise_is_shrunk_floored_and_bounded() -> None:
    """Runs move the opinion, the binomial error bounds it, and a collapsed run does not hide all."""
    assert noise_of(_scores([80.0], [81.0]), 0.5) == pytest.approx(0.5)
    assert noise_of(_scores([80.0, 84.0], [81.0, 85.0]), 0.5) > 0.6
    assert noise_of(_scores([80.0, 80.0], [81.0, 81.0]), 0.5, 0.4) >= 0.4
    assert noise_of(_scores([80.0, 20.0]), 0.5) < 1.5


def test_a_unit_is_no_more_than_all_runs_together_vary_by() -> None:
    """Runs within a point of each other are not of a target whose gains are several points."""
    alike = _scores([60.0, 60.3], [60.9], [59.8], [60.2])
    assert unit_of(alike, 6.0, 5.0) == pytest.approx(1.0)  # one of a hundred examples
    assert 0.5 < unit_of(alike, 6.0, 1.0) < 1.5
    # Too few runs say nothing, and neither do such that differ as noise lets them.
    assert unit_of(_scores([60.0], [60.0]), 6.0, 5.0) == 6.0
    assert unit_of(_scores([60.0, 66.0], [51.0], [63.0]), 6.0, 5.0) == 6.0
    # Noise of a normal sample is believed but for one time in twenty.
    rng = np.random.default_rng(0)
    drawn = 80.0 + 2.0 * rng.standard_normal((4000, 5, 2))
    assert (unit_of(drawn, 2.0) < 2.0).mean() == pytest.approx(0.05, abs=0.01)


def test_a_smaller_unit_expects_less_of_models_that_were_not_tried() -> None:
    """The noise of a run stays what it is: what was tried is as uncertain as before."""
    scores = _scores([60.0], [60.5], [])
    whole, small = (posterior(scores, np.zeros(2), ONE, 5.0, unit) for unit in (None, 1.0))
    nobody = np.array([False, True])
    better = [found.any_better(np.array(0), 1.0, nobody) for found in (whole, small)]
    assert better[1] < better[0]
    assert small.noise == whole.noise == 5.0 and small.sd[1] == pytest.approx(2.0, rel=0.05)


def test_binomial_error_of_a_hundred_examples() -> None:
    """Half of 100 examples is known to 5 points; all right is not known exactly."""
    assert binomial_error(50.0, 100) == pytest.approx(5.0)
    assert 0.5 < binomial_error(100.0, 100) < 1.5
