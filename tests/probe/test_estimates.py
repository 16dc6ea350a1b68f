"""Estimators of a ranking on one model's features: values, and notes where there is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from intertrain_jax.probe.estimates import estimate, sample_of
from intertrain_jax.probe.estimators.hscore import h_score
from intertrain_jax.probe.estimators.leep import leep
from intertrain_jax.probe.estimators.logme import log_maximum_evidence
from intertrain_jax.probe.features import Features
from tests.probe.estimators.cases import random_case

TRAIN, LABELS = random_case(40, 6, 3, 0)
TEST, TEST_LABELS = random_case(10, 6, 3, 1)
FEATURES = Features({"train": TRAIN, "validation": TEST[:2], "test": TEST})
BY_SPLIT = {
    "train": LABELS.astype(np.float32),
    "validation": TEST_LABELS[:2].astype(np.float32),
    "test": TEST_LABELS.astype(np.float32),
}
KERNEL = np.random.default_rng(2).normal(size=(6, 4)).astype(np.float32)
HEAD = {"out": {"kernel": KERNEL, "bias": np.zeros(4, np.float32)}}


class LinearHead:
    """The shape of a head that is one matrix; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def head_outputs(self, head: Any, features: np.ndarray, dropout: Any) -> np.ndarray:
        self.asked.append(features)
        assert features.dtype == np.float32 and dropout is None
        return np.asarray(features @ head["out"]["kernel"])


def estimates(*names: str, classes: int = 3, head: Any = HEAD, **by_split: Any) -> Any:
    features = Features({**FEATURES.by_split, **by_split.get("features", {})})
    labels = {**BY_SPLIT, **by_split.get("labels", {})}
    return estimate(names, features, labels, classes, LinearHead(), head)  # type: ignore[arg-type]


def test_every_named_estimator_but_the_probe_has_its_value() -> None:
    values, notes = estimates("lp", "hscore", "leep", "logme")
    logits = TRAIN.astype(np.float32) @ KERNEL
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    assert list(values) == ["hscore", "leep", "logme"] and notes == ()
    assert values == pytest.approx(
        {
            "hscore": h_score(TRAIN, LABELS, 3),
            "leep": leep(likely, LABELS, 3),
            "logme": log_maximum_evidence(TRAIN, LABELS, 3),
        },
        abs=1e-5,
    )


def test_the_test_split_is_the_neighbours_queries() -> None:
    values, _ = estimates("knn", features={"test": TRAIN}, labels={"test": BY_SPLIT["train"]})
    wrong = (LABELS + 1) % 3
    others, _ = estimates(
        "knn", features={"test": TRAIN}, labels={"test": wrong.astype(np.float32)}
    )
    assert values["knn"] > others["knn"]


@pytest.mark.parametrize("head", [None, {"out": {"bias": np.zeros(1, np.float32)}}])
def test_a_checkpoint_without_classes_has_a_note_in_place_of_a_value(head: Any) -> None:
    values, notes = estimates("leep", "hscore", "nce", head=head)
    assert values["leep"] is values["nce"] is None
    assert values["hscore"] == pytest.approx(h_score(TRAIN, LABELS, 3))
    assert notes == tuple(
        f"{name}: the checkpoint has no head of its own that tells classes apart"
        for name in ("leep", "nce")
    )


def test_what_is_not_defined_has_a_note() -> None:
    numbers = {split: part.astype(np.float32) for split, part in BY_SPLIT.items()}
    values, notes = estimates("hscore", classes=1, labels=numbers)
    assert values == {"hscore": None}
    (note,) = notes
    assert note.startswith("hscore: ") and note.endswith("the task is a regression")


def test_a_value_that_is_no_number_has_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    from intertrain_jax.probe import estimates as module

    odd = {name: SimpleNamespace(compute=lambda sample: np.nan) for name in ("odd",)}
    monkeypatch.setattr(module, "ESTIMATORS", odd)
    assert estimates("odd") == ({"odd": None}, ("odd: not defined here",))


def test_an_error_of_the_program_is_no_note(monkeypatch: pytest.MonkeyPatch) -> None:
    from intertrain_jax.probe import estimates as module

    def fail(sample: Any) -> float:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "ESTIMATORS", {"odd": SimpleNamespace(compute=fail)})
    with pytest.raises(ZeroDivisionError):
        estimates("odd")


def test_the_head_is_asked_once_and_only_if_an_estimator_needs_it() -> None:
    objective: Any = LinearHead()
    sample = sample_of(FEATURES, BY_SPLIT, 3, objective, HEAD)
    assert not objective.asked
    sample.source_logits_NxZ()
    sample.source_logits_NxZ()
    assert len(objective.asked) == 1 and objective.asked[0].shape == (40, 6)


def test_a_sample_is_of_two_splits_and_labels_are_classes_or_numbers() -> None:
    objective: Any = LinearHead()
    sample = sample_of(FEATURES, BY_SPLIT, 3, objective, None)
    assert sample.train_NxD is TRAIN and sample.test_MxD is TEST
    assert sample.train_labels.dtype == np.int64 and sample.test_labels.tolist() == list(
        TEST_LABELS
    )
    halves = {split: part / 2 for split, part in BY_SPLIT.items()}
    sample = sample_of(FEATURES, halves, 1, objective, None)
    assert sample.train_labels.tolist() == (LABELS / 2).tolist()
