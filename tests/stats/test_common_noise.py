"""What targets of a seed share: found where it is, and not made up where few seeds cannot tell."""

from __future__ import annotations

import numpy as np
import pytest

from intertrain_jax.stats.common_noise import NO_COMMON_NOISE, common_noise


@pytest.mark.parametrize("df", [1, 6, 18])
def test_few_seeds_of_independent_targets_do_not_make_it_up(df: int) -> None:
    rng = np.random.default_rng(df)
    averages = 2.0 * rng.chisquare(df, size=300) / df
    found = np.mean([np.square(common_noise(a, df, 2.0).std) for a in averages])
    # A tenth of the independent part is thought of before any is seen.
    assert found < 0.13 * 2.0
    if df < 18:
        assert found < 0.7 * np.maximum(averages - 2.0, 0.0).mean()


@pytest.mark.parametrize("shared", [0.5, 3.0, 40.0])
def test_many_seeds_find_what_is_there(shared: float) -> None:
    rng = np.random.default_rng(1)
    found = [
        common_noise((1.0 + shared) * rng.chisquare(1000) / 1000, 1000, 1.0) for _ in range(50)
    ]
    assert np.mean([noise.std for noise in found]) == pytest.approx(np.sqrt(shared), rel=0.05)
    drawn = found[0].draw(4000, rng)
    assert np.sqrt(drawn.mean()) == pytest.approx(found[0].std, rel=0.02)


def test_the_posterior_is_that_of_the_integral() -> None:
    found = common_noise(3.0, 5, 1.0)
    # Without the spike: fine steps of the root, whose prior is half of Student's distribution.
    root = np.linspace(1e-4, 60.0, 200_001)
    prior = 0.75 * (1.0 + root**2 / 4.0) ** -2.5 * (root[1] - root[0])
    likelihood = np.exp(-2.5 * (np.log1p(root**2) + 3.0 / (1.0 + root**2)))
    nothing, some = 0.9 * np.exp(-2.5 * 3.0), 0.1 * (prior * likelihood).sum()
    assert found.probability[0] == pytest.approx(nothing / (nothing + some), rel=1e-3)
    expected = 0.1 * (prior * likelihood * root**2).sum() / (nothing + some)
    assert np.square(found.std) == pytest.approx(expected, rel=1e-3)


def test_scale_is_all_that_a_unit_changes() -> None:
    small, large = common_noise(0.03, 7, 0.02), common_noise(300.0, 7, 200.0)
    np.testing.assert_allclose(small.probability, large.probability)
    np.testing.assert_allclose(small.variance * 1e4, large.variance, atol=1e-9)


@pytest.mark.parametrize(
    ("average", "df", "independent"), [(1.0, 0, 1.0), (np.nan, 3, 1.0), (1.0, 3, 0.0)]
)
def test_without_anything_to_tell_it_by_there_is_none(
    average: float, df: int, independent: float
) -> None:
    assert common_noise(average, df, independent) is NO_COMMON_NOISE
    assert NO_COMMON_NOISE.std == 0 and not NO_COMMON_NOISE.draw(5, np.random.default_rng(0)).any()
