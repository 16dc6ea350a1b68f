"""A statistic on its way to a result: computed once, asked for by others, or with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.study.result import Options, Result
from intertrain_jax.study.statistics.statistic import Context, Statistic
from tests.stats.studies import matrix_of, matrix_study

STUDY = matrix_study(matrix_of({"x": [1, 2], "y": [3, 4], "z": [5, 6]}))


def statistic(name: str, compute: Any, **more: Any) -> Statistic[Any]:
    return Statistic(name, "A number.", "here", compute, **more)


@pytest.fixture
def context() -> Context:
    return Context(STUDY, Options())


def test_a_value_is_computed_once_however_often_others_ask(context: Context) -> None:
    calls = []
    one = statistic("one", lambda context: calls.append(context.study.name) or 7)
    two = statistic("two", lambda context: 2 * (context.value(one) or 0))
    assert (context.value(two), context.value(one), context.value(one)) == (14, 7, 7)
    assert calls == ["matrix"]
    assert context.values == {"one": 7, "two": 14} and context.reasons == {}


def test_an_error_of_the_user_s_is_the_reason_and_no_other_error_is(context: Context) -> None:
    def fail(error: Exception) -> Any:
        def compute(context: Context) -> int:
            raise error

        return compute

    assert context.value(statistic("poor", fail(IntertrainError("It is poor.")))) is None
    assert context.reasons == {"poor": "It is poor."}
    with pytest.raises(ZeroDivisionError):
        context.value(statistic("bug", fail(ZeroDivisionError())))


def test_what_lacks_something_is_not_computed(context: Context) -> None:
    def compute(context: Context) -> int:
        raise AssertionError("it was computed")

    needy = statistic(
        "needy", compute, needs=lambda context: f"There are {len(context.gains)} models."
    )
    assert context.value(needy) is None
    assert context.reasons == {"needy": "There are 3 models."}


def test_a_reason_is_kept_under_every_part_that_is_given_in_its_place(context: Context) -> None:
    parts = statistic(
        "whole", lambda context: 1, needs=lambda context: "No.", parts=("left", "right")
    )
    assert context.value(parts) is None
    assert context.reasons == {"left": "No.", "right": "No."}


@pytest.mark.parametrize("empty", [(), {}])
def test_a_statistic_of_nothing_is_none_without_a_reason(context: Context, empty: Any) -> None:
    assert context.value(statistic("empty", lambda context: empty)) is None
    assert context.reasons == {}


def test_zero_is_a_value(context: Context) -> None:
    assert context.value(statistic("zero", lambda context: 0)) == 0


def test_an_attempt_gives_a_value_or_keeps_why_not(context: Context) -> None:
    assert context.attempt(("part",), None, lambda: 3) == 3
    assert context.attempt(("part", "other"), "It lacks.", lambda: 3) is None
    assert context.reasons == {"part": "It lacks.", "other": "It lacks."}


def test_a_value_of_a_result_is_found_by_the_statistic() -> None:
    one = statistic("one", lambda context: 1)
    assert one.of(Result(STUDY, {"one": 5})) == 5
    assert one.of(Result(STUDY, {}, {"one": "No."})) is None
