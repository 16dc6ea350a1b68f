"""Early stopping counts in examples; metrics are what scikit-learn and scipy say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from intertrain_jax.base import StopReason
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.train.metrics import answered, score_predictions
from intertrain_jax.train.stopping import Progress, diverged, validated

PROTOCOL = Protocol(patience=300, validate_every=100, early_stop_epsilon=0.01)


def follow(scores: list[float]) -> tuple[list[bool], Progress]:
    """Validates every 100 examples; returns what was worth keeping, and the end."""
    progress, kept = Progress(), []
    for i, score in enumerate(scores):
        progress, improved = validated(progress, score, 100 * (i + 1), False, PROTOCOL)
        kept.append(improved)
    return kept, progress


@pytest.mark.parametrize(
    ("scores", "kept", "reason"),
    [
        ([0.5, 0.6, 0.7], [True, True, True], StopReason.RUNNING),
        ([0.5, 0.4, 0.5, 0.4], [True, False, False, False], StopReason.PATIENCE),
        ([0.5, 0.4, 0.5], [True, False, False], StopReason.RUNNING),
        # Gains within epsilon are kept, but do not restart the patience.
        ([0.5, 0.505, 0.509, 0.51], [True, True, True, True], StopReason.PATIENCE),
        ([0.5, 0.505, 0.509, 0.511], [True, True, True, True], StopReason.RUNNING),
        ([float("nan"), 0.1], [True, True], StopReason.RUNNING),
    ],
)
def test_patience(scores: list[float], kept: list[bool], reason: StopReason) -> None:
    improved, progress = follow(scores)
    assert improved == kept and progress.reason is reason


def test_the_schedules_end_stops_whatever_the_score() -> None:
    progress, improved = validated(Progress(best=0.9, reference=0.9), 0.5, 50, True, PROTOCOL)
    assert progress.reason is StopReason.SCHEDULE and not improved and progress.best == 0.9
    assert diverged(progress).reason is StopReason.DIVERGED


def test_metrics() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(50, 4)).astype(np.float32)
    labels = generator.integers(0, 3, 50).astype(np.float32)
    logits[:, 3] = 99.0  # an output of another task
    expected = np.mean(logits[:, :3].argmax(1) == labels)
    assert score_predictions(logits, labels, 3, "accuracy") == expected
    rho = stats.spearmanr(logits[:, 0], labels).statistic
    assert score_predictions(logits, labels, 1, "spearman") == pytest.approx(rho)
    assert np.isnan(score_predictions(np.ones((50, 1), np.float32), labels, 1, "spearman"))
    assert np.isnan(score_predictions(np.full((50, 3), np.nan, np.float32), labels, 3, "accuracy"))
    logits[:10] = -np.inf  # no answer
    right = (logits[:, :3].argmax(1) == labels) & (np.arange(50) >= 10)
    assert score_predictions(logits, labels, 3, "accuracy") == np.mean(right)
    assert answered(logits, 3).tolist() == [False] * 10 + [True] * 40
    with pytest.raises(ValueError, match="unknown metric 'f1'"):
        score_predictions(logits, labels, 3, "f1")
