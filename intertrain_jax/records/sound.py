"""What no record can say: scores, counts and metrics that are impossible, alone or beside others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any, TypeVar

from intertrain_jax.base import TIME_FORMAT, IntertrainError, StopReason
from intertrain_jax.records.results import RunResult

# Percent, by metric.
_SCORES = {"accuracy": (0.0, 100.0), "spearman": (-100.0, 100.0)}
_ROUNDING = 1e-6
_ENDED = (StopReason.PATIENCE, StopReason.SCHEDULE)

R = TypeVar("R")
K = TypeVar("K", bound=Hashable)


def check_result(result: RunResult, source: Mapping[str, Any], untested: bool = False) -> None:
    """Checks that scores can be what they are said to be.

    Args:
        result: of a run or of a probe's head.
        source: where its data came from, with the rows of every split if they are known.
        untested: whether it may have no test score.

    Raises:
        IntertrainError: they cannot; says which and why.
    """
    if result.test is None and not untested:
        raise IntertrainError("its test score must be a number, but it has none")
    if result.metric not in _SCORES:
        raise IntertrainError(
            f"its metric must be one of {', '.join(_SCORES)}, but is {result.metric!r}"
        )
    low, high = _SCORES[result.metric]
    sizes = {"test": result.n_test, "validation": result.n_validation}
    for split, score in (("test", result.test), ("validation", result.validation)):
        if score is not None and not low - _ROUNDING <= score <= high + _ROUNDING:
            raise IntertrainError(
                f"its {split} score must be in [{low:g}, {high:g}] percent, but is {score:g}"
            )
        if sizes[split] < 1:
            raise IntertrainError(f"its {split} score must be of an example at least, but of none")
    if min(result.n_train, result.steps, result.examples, result.tokens, result.unanswered) < 0:
        raise IntertrainError("its counts must not be below zero")
    if result.n_train < 1 or result.unanswered > result.n_test or not result.seconds >= 0:
        raise IntertrainError(
            "it must have trained on an example, and left no more than all unanswered"
        )
    if result.stop_reason not in _ENDED:
        raise IntertrainError(f"it has scores, but ended as {str(result.stop_reason)!r}")
    _check_history(result)
    _check_rows(result, source.get("rows"))


def check_time(finished: str | None) -> None:
    """Checks that a time is written as times are.

    Raises:
        IntertrainError: it is not.
    """
    try:
        if (
            finished is None
            or datetime.strptime(finished, TIME_FORMAT).strftime(TIME_FORMAT) == finished
        ):
            return
    except ValueError:
        pass
    raise IntertrainError(f"its time must be as 2026-11-27T18:02:11Z, but is {finished!r}")


def _check_history(result: RunResult) -> None:
    """The validation score is the best of the history, where there is one."""
    seen = [float(entry["validation"]) for entry in result.history if _scored(entry)]
    if seen and abs(max(seen) - result.validation) > _ROUNDING:
        raise IntertrainError(
            f"its validation score must be the best of its history, {max(seen):g}, but is"
            f" {result.validation:g}"
        )


def _check_rows(result: RunResult, rows: object) -> None:
    """Sizes are those of the splits that the data had."""
    if not isinstance(rows, Mapping):
        return
    for split, size in (("test", result.n_test), ("validation", result.n_validation)):
        if type(rows.get(split)) is int and rows[split] != size:
            raise IntertrainError(
                f"it must be of the {rows[split]} examples of its {split} split, but is of {size}"
            )
    if type(rows.get("train")) is int and result.n_train > rows["train"]:
        raise IntertrainError(
            f"it must have trained on at most {rows['train']} examples, but did on {result.n_train}"
        )


def _scored(entry: Mapping[str, Any]) -> bool:
    value = entry.get("validation")
    return isinstance(value, int | float) and isfinite(value)


def odd_ones(
    records: Mapping[K, R], of: Callable[[R], tuple[Hashable, Hashable] | None]
) -> dict[K, str]:
    """Returns which records contradict the others of the same data, and how.

    Args:
        records: by key.
        of: record → (what it is of, what must be alike for that); None where there is nothing.

    Returns:
        Key → reason; where no more than half agree, of all that are of that data.
    """
    groups: dict[Hashable, dict[K, Hashable]] = {}
    for key, record in records.items():
        found = of(record)
        if found is not None:
            groups.setdefault(found[0], {})[key] = found[1]
    odd: dict[K, str] = {}
    for facts in groups.values():
        (usual, count), *others = Counter(facts.values()).most_common()
        if others:
            decided = 2 * count > len(facts)
            odd |= {
                key: f"its metric and sizes {_words(fact)} contradict those of other records of the same"
                f" data, {_words(usual if fact != usual else others[0][0])}"
                for key, fact in facts.items()
                if fact != usual or not decided
            }
    return odd


def _words(fact: Hashable) -> str:
    return " ".join(map(str, fact)) if isinstance(fact, tuple) else str(fact)
