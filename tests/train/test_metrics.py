"""Scores of predictions: accuracy among a task's own classes, Spearman's rank correlation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from intertrain_jax.train.metrics import answered, score_predictions

NONE = -np.inf


def test_accuracy_is_of_the_task_s_own_classes() -> None:
    logits = np.array([[1, 0, 9], [0, 1, 9], [1, 0, 9], [0, 1, 9]], np.float32)
    labels = np.array([0, 1, 1, 1], np.float32)
    assert score_predictions(logits, labels, 2, "accuracy") == 0.75
    assert score_predictions(logits, labels, 3, "accuracy") == 0.0


def test_no_answer_is_wrong_also_where_the_first_class_is_right() -> None:
    logits = np.array([[NONE, NONE, 0], [0, NONE, 0]], np.float32)
    assert answered(logits, 2).tolist() == [False, True]
    assert score_predictions(logits, np.zeros(2, np.float32), 2, "accuracy") == 0.5


def test_an_output_that_is_no_number_has_no_score() -> None:
    logits = np.array([[1, 0, 0], [0, np.nan, 0], [0, 1, 0]], np.float32)
    labels = np.array([0, 1, 1], np.float32)
    assert math.isnan(score_predictions(logits, labels, 2, "accuracy"))
    assert math.isnan(score_predictions(logits[:, 1:], labels, 1, "spearman"))
    logits = np.nan_to_num(logits)
    logits[:, 2] = np.nan
    assert score_predictions(logits, labels, 2, "accuracy") == pytest.approx(2 / 3)


def test_spearman_is_of_ranks_of_the_first_output() -> None:
    labels = np.array([0.0, 1.0, 2.0, 5.0], np.float32)
    outputs = np.stack([np.exp(labels), -labels], axis=1)
    assert score_predictions(outputs, labels, 1, "spearman") == pytest.approx(1.0)
    assert score_predictions(outputs[:, 1:], labels, 1, "spearman") == pytest.approx(-1.0)


def test_constants_have_no_rank_correlation() -> None:
    some, same = np.arange(3, dtype=np.float32), np.ones(3, np.float32)
    assert math.isnan(score_predictions(same[:, None], some, 1, "spearman"))
    assert math.isnan(score_predictions(some[:, None], same, 1, "spearman"))


def test_an_unknown_metric_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown metric 'f1'"):
        score_predictions(np.zeros((1, 2), np.float32), np.zeros(1, np.float32), 2, "f1")
