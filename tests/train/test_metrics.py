"""Scores of predictions: accuracy among a task's own classes, Spearman's rank correlation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from intertrain_jax.train.metrics import (
    UNDEFINED,
    UNSCORED,
    answered,
    most_right,
    right_answers,
    score_of_tally,
    score_predictions,
    tally_of,
)

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


@pytest.mark.parametrize("special", [[0.0], [NONE], [np.nan], [NONE, np.nan, np.inf]], ids=str)
@pytest.mark.parametrize("classes", [1, 2, 4])
def test_answers_counted_on_the_device_give_the_same_score(
    classes: int, special: list[float]
) -> None:
    generator = np.random.default_rng(classes)
    # Few values, so that outputs tie.
    logits = generator.integers(0, 3, (5, 7, 4)).astype(np.float32)
    logits[generator.random(logits.shape) < 0.3] = special[0]
    logits[0, 0], logits[1, :3, 0] = special[-1], special[len(special) // 2]
    labels = generator.integers(0, classes, (5, 7)).astype(np.float32)
    used = generator.random((5, 7)) < 0.8
    tally = np.asarray(tally_of(logits, labels, used, np.int32(classes)))
    score = score_predictions(logits[used], labels[used], classes, "accuracy")
    found = score_of_tally(tally, int(used.sum()))
    assert found == score or (math.isnan(found) and math.isnan(score))
    assert tally[1] == np.sum(~answered(logits[used], classes))
    best = score if score == score else -math.inf
    assert int(right_answers(tally)) == most_right(best, int(used.sum()))


def test_right_answers_order_validations_as_scores_do() -> None:
    assert UNSCORED == most_right(None, 9) < UNDEFINED == most_right(-math.inf, 9) < 0
    for examples in (1, 3, 71, 9815, 100_003):
        for right in {0, 1, examples // 3, examples - 1, examples}:
            assert most_right(right / examples, examples) == right
