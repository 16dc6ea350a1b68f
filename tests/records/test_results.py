"""What came of a run survives the way to disk and back, whatever of it an older version knew."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pytest

from intertrain_jax.base import IntertrainError, StopReason
from intertrain_jax.config.strict import build, to_plain
from intertrain_jax.records.results import RunResult

RESULT = RunResult(
    metric="accuracy",
    test=61.3 + 1e-13,
    validation=200 / 3,
    n_test=277,
    n_validation=15,
    n_train=2490,
    steps=78,
    examples=2496,
    stop_reason=StopReason.PATIENCE,
    history=({"step": 9, "examples": 288, "train_loss": None, "validation": 50.0},),
    seconds=1.25,
    tokens=9000,
    unanswered=2,
    notes=("Its head was inherited.",),
)


def test_every_digit_comes_back() -> None:
    text = json.dumps(to_plain(asdict(RESULT)), allow_nan=False)
    assert build(RunResult, json.loads(text), "", "key") == RESULT
    assert math.ulp(RESULT.test) < 1e-13, "the test's own digits are told apart"


def test_what_older_versions_did_not_write_has_its_default() -> None:
    plain = to_plain(asdict(RESULT))
    for name in ("history", "seconds", "tokens", "unanswered", "notes"):
        del plain[name]
    found = build(RunResult, plain, "", "key")
    assert (found.test, found.history, found.tokens, found.unanswered) == (RESULT.test, (), 0, 0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("test", "61"),
        ("validation", None),
        ("n_test", 2.5),
        ("stop_reason", "bored"),
        ("steps", True),
    ],
)
def test_a_value_of_another_type_is_named(key: str, value: object) -> None:
    with pytest.raises(IntertrainError, match=f"'{key}'"):
        build(RunResult, {**to_plain(asdict(RESULT)), key: value}, "", "key")


@pytest.mark.parametrize("key", ["metric", "test", "n_train", "stop_reason"])
def test_what_a_result_cannot_do_without_is_asked_for(key: str) -> None:
    plain = to_plain(asdict(RESULT))
    del plain[key]
    with pytest.raises(IntertrainError, match=key):
        build(RunResult, plain, "", "key")
