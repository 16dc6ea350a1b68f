"""Average gains with the error of seeds, against the formula for a complete grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from intertrain_jax.stats.average_draws import DRAWS
from intertrain_jax.study.inputs import Study
from intertrain_jax.study.statistics.average_gain_draws import AVERAGE_GAIN_DRAWS
from tests.stats.studies import (
    computed,
    matrix_study,
    planted_scores,
    random_gains,
    study_of,
    study_of_runs,
)

BASES, TARGETS, SEEDS = 5, 4, 3


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    scores = planted_scores(BASES, TARGETS, SEEDS)
    return study_of(scores, tmp_path_factory.mktemp("draws"))


def test_estimates_and_errors_are_those_of_the_noise(study: Study) -> None:
    result = computed(AVERAGE_GAIN_DRAWS, study)
    found, noise = result.statistics["average_gain_draws"], result.statistics["noise"]
    np.testing.assert_allclose(found.estimate, study.gains.mean.mean(axis=1))
    # Of an average over N targets with n seeds each, and what all targets of a seed share.
    variance = sum(t.std**2 for t in noise.targets) / TARGETS**2 / SEEDS
    variance += noise.common.std**2 / SEEDS
    np.testing.assert_allclose(found.error, np.sqrt(variance))
    assert found.shared_error == pytest.approx(np.sqrt(variance))
    # The averages are one point apart, which is far more than their errors.
    assert found.between_std > 3 * found.error.max()


def test_draws_are_around_the_averages_as_far_as_errors_say(study: Study) -> None:
    found = computed(AVERAGE_GAIN_DRAWS, study).statistics["average_gain_draws"]
    assert found.draws.shape == (DRAWS, BASES)
    both = np.hypot(found.error, found.shared_error)
    assert (np.abs(found.draws.mean() - found.estimate) < 0.5 * both).all()
    np.testing.assert_allclose(found.draws.std() / both, 1.0, atol=0.25)


def test_they_are_over_the_targets_of_the_averages(tmp_path: Path) -> None:
    scores = planted_scores(BASES, 3, 2)
    lost = (scores["base"] == "m4") & (scores["target"] == "t0")
    study = study_of(scores[~lost], tmp_path)
    for how, targets in (("additive", ("t0", "t1", "t2")), ("common", ("t1", "t2"))):
        # Two targets are enough where seeds are known.
        result = computed(AVERAGE_GAIN_DRAWS, study, how=how)
        found = result.statistics["average_gain_draws"]
        assert found.targets == result.averages.targets == targets
        np.testing.assert_allclose(found.estimate, result.averages.series())


def test_the_same_study_gives_the_same_draws(study: Study) -> None:
    first, second = (
        computed(AVERAGE_GAIN_DRAWS, study).statistics["average_gain_draws"].draws for _ in range(2)
    )
    assert first.equals(second)


def test_the_summary_has_their_number_and_not_the_draws(tmp_path: Path) -> None:
    result = computed(AVERAGE_GAIN_DRAWS, study_of(planted_scores(seeds=2), tmp_path))
    plain = AVERAGE_GAIN_DRAWS.plain(result.statistics["average_gain_draws"])
    assert set(plain) == {"estimate", "error", "shared_error", "between_std", "draws"}
    assert plain["draws"] == DRAWS


def test_without_noise_its_reason_is_that_of_the_noise() -> None:
    result = computed(AVERAGE_GAIN_DRAWS, matrix_study(random_gains(4, 5)))
    reasons = result.not_computed
    assert reasons["average_gain_draws"] == reasons["noise"]
    assert reasons["noise"].startswith("One number per cell is known")


def test_one_base_model_has_none_to_be_ranked_with() -> None:
    result = computed(AVERAGE_GAIN_DRAWS, study_of_runs(("a",), targets=("a", "b")))
    assert result.not_computed == {
        "average_gain_draws": "There must be two base models with an average gain, there are 1."
    }
