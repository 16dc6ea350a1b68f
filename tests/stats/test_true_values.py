"""True values: the truth behind noise is recovered, and draws cover it, the largest value's too."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.stats import true_values
from intertrain_jax.stats.true_values import draw_true_values


def test_draws_shrink_to_the_mean_by_what_is_noise() -> None:
    rng = np.random.default_rng(3)
    m, noise, between = 400, 2.0, 1.0
    true = 5.0 + between * rng.normal(size=m)
    measured = true + noise * rng.normal(size=m)
    drawn, tau = draw_true_values(measured, np.full((40, 50, m), noise**2), rng)
    assert tau == pytest.approx(between, abs=0.3)
    share = tau**2 / (tau**2 + noise**2)
    expected = measured.mean() + share * (measured - measured.mean())
    # A little less of what is far from the mean, which may be one of the few that are.
    assert np.abs(drawn.mean(axis=0) - expected).max() < 0.6
    assert np.abs(drawn.mean(axis=0) - expected).mean() < 0.1
    assert np.mean((drawn.mean(axis=0) - true) ** 2) < 0.5 * np.mean((measured - true) ** 2)


@pytest.mark.parametrize("between", [0.0, 0.5, 5.0])
def test_intervals_of_true_values_cover(between: float) -> None:
    rng = np.random.default_rng(4)
    noise = np.array([0.5, 1.0, 1.0, 2.0, 0.7, 1.5, 1.0, 0.5])
    covered = []
    for _ in range(100):
        true = 1.0 + between * rng.normal(size=8)
        measured = true + noise * rng.normal(size=8)
        drawn, _ = draw_true_values(measured, np.broadcast_to(noise**2, (4, 100, 8)), rng)
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        covered += list((low <= true) & (true <= high))
    # Where true values do not differ at all, a flat prior on how much they do is cautious.
    assert 0.93 < np.mean(covered) < (1.0 if between == 0 else 0.985)


def test_two_models_are_not_shrunk() -> None:
    rng = np.random.default_rng(5)
    drawn, tau = draw_true_values(np.array([0.0, 10.0]), np.full((100, 200, 2), 1.0), rng)
    assert np.isnan(tau)
    assert drawn.mean(axis=0) == pytest.approx([0, 10], abs=0.05)
    assert drawn.std(axis=0) == pytest.approx([1, 1], abs=0.05)


@pytest.mark.parametrize("shared", [False, True])
def test_draws_with_uncertain_variances_cover_the_largest_value_too(shared: bool) -> None:
    rng = np.random.default_rng(6)
    covered, largest = [], []
    for _ in range(100):
        true = rng.normal(size=10)
        # Estimates of variances with four degrees of freedom, of each value or of all.
        noise = 1.0 / np.sqrt(rng.chisquare(4, size=1 if shared else 10) / 4)
        measured = true + noise * rng.normal(size=10)
        estimate = noise**2 * rng.chisquare(4, size=noise.shape) / 4
        if shared:
            # With what is planted, the posterior of one variance has eight.
            pooled = (4 + 4 * estimate) / rng.chisquare(8, size=(50, 1, 1))
            own = np.broadcast_to(pooled, (50, 8, 10))
        else:
            own = (4 + 4 * estimate) / rng.chisquare(8, size=(1, 400, 10))
        drawn, _ = draw_true_values(measured, own, rng)
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        held = (low <= true) & (true <= high)
        covered += list(held)
        largest.append(held[np.argmax(measured)])
    # True values are normal here, which is one of two shapes that are thought of.
    assert 0.905 < np.mean(covered) < 0.975
    assert np.mean(largest) > 0.88


def test_a_value_far_ahead_is_not_taken_for_noise_unless_noise_explains_it() -> None:
    rng = np.random.default_rng(9)
    measured = np.append(rng.normal(size=17), 9.0)
    # Variances of 0.04, known by five degrees of freedom: 200 times more is less likely than a model
    # far ahead.
    own = 0.04 * 5.0 / rng.chisquare(5, size=(5, 200, 18))
    drawn, _ = draw_true_values(measured, own, rng)
    assert (drawn.argmax(axis=1) == 17).mean() > 0.97
    assert np.quantile(drawn[:, -1], 0.025) > 6.0


def test_a_value_far_from_the_others_was_likely_noisy() -> None:
    measured = np.array([0.1, -0.2, 0.0, 0.2, -0.1, 0.15, 6.0])
    rng = np.random.default_rng(7)
    # Variances are 0.04 or, one in four, 16.
    own = np.where(np.arange(400)[:, None] % 4 == 0, 16.0, 0.04) * np.ones((5, 400, 7))
    drawn, _ = draw_true_values(measured, own, rng)
    known, _ = draw_true_values(measured, np.full((5, 400, 7), 0.04), rng)
    assert np.median(drawn[:, -1]) < 3.0 < np.median(known[:, -1])
    assert np.abs(np.median(drawn[:, :-1], axis=0)).max() < 0.2


def test_moments_are_those_of_the_integral_over_all_variances(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(true_values, "_SHAPES", (((1.0, 1.0),),))
    # Fine steps of τ, as its median is one of them.
    monkeypatch.setattr(true_values, "_TAUS", 400)
    measured = np.array([1.5, 0.0, -1.0, 4.0])
    values = np.array([0.1, 2.0])
    # Sixteen combinations of variances [C, 1, M], and fine steps of τ [1, G, 1] to where ours end.
    variance = values[np.array(list(np.ndindex(2, 2, 2, 2)))][:, None, :]
    tau = np.linspace(0.0, 5.0 * (5.0 + np.sqrt(2.0)), 4000)[None, :, None]
    weight = 1.0 / (variance + tau**2)
    total = weight.sum(axis=2, keepdims=True)
    mean = (weight * measured).sum(axis=2, keepdims=True) / total
    log = 0.5 * (np.log(weight) - weight * (measured - mean) ** 2).sum(axis=2, keepdims=True)
    # The prior is flat on τ².
    likelihood = tau * np.exp(log - 0.5 * np.log(total))
    likelihood /= likelihood.sum()
    shrink = variance / (variance + tau**2)
    centre = measured - shrink * (measured - mean)
    expected = (likelihood * centre).sum(axis=(0, 1))
    spread = likelihood * (shrink * tau**2 + shrink**2 / total + (centre - expected) ** 2)

    own = values[np.arange(400) % 2][:, None] * np.ones((20, 400, 4))
    drawn, between = draw_true_values(measured, own, np.random.default_rng(8))
    assert drawn.mean(axis=0) == pytest.approx(expected, abs=0.06)
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(spread.sum(axis=(0, 1))), rel=0.04)
    by_tau = np.cumsum(likelihood.sum(axis=(0, 2)))
    assert between == pytest.approx(tau[0, np.searchsorted(by_tau, 0.5), 0], rel=0.04)
