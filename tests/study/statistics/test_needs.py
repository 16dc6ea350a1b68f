"""What studies lack, in one sentence each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.stats.averages import average_gains
from intertrain_jax.study.result import Options
from intertrain_jax.study.statistics import needs
from intertrain_jax.study.statistics.statistic import Context
from tests.stats.studies import matrix_of, matrix_study, random_gains

GAINS = matrix_of({"a": [1, 2, 3], "b": [5, 6, 7], "c": [-1, -2, -3], "x": [0, 0, 1]})


def context(gains: pd.DataFrame, **known: object) -> Context:
    return Context(matrix_study(gains, **known), Options())


def test_three_base_models_with_a_gain_are_enough() -> None:
    assert needs.models(context(GAINS)) is None
    some = GAINS.copy()
    some.loc["a"] = np.nan
    some.loc["b", "a":"b"] = np.nan
    assert needs.models(context(some)) is None
    some.loc["b"] = np.nan
    assert needs.models(context(some)) == (
        "There must be at least 3 base models with a gain, there are 2."
    )


@pytest.mark.parametrize(
    ("models", "targets", "seeds", "reason"),
    [
        (2, 3, False, None),
        (2, 2, True, None),
        (2, 2, False, "Without seeds, ranks are uncertain by the choice of targets, of which there"
                      " are only 2."),
        (1, 3, True, "There must be two base models with an average gain, there are 1."),
        (1, 1, False, "There must be two base models with an average gain, there are 1."),
    ],
)  # fmt: skip
def test_averages_to_rank(models: int, targets: int, seeds: bool, reason: str | None) -> None:
    assert needs.averages(average_gains(random_gains(models, targets), "common"), seeds) == reason


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ({"one": ("a", "b"), "two": ("c",)}, None),
        ({"one": ("x", "a"), "two": ("nobody",)}, "All sources and targets are of one group."),
        ({}, "Targets belong to no known group of tasks."),
        ({"one": ("nobody",)}, "Targets belong to no known group of tasks."),
        ({"one": ("x",), "two": ("nobody",)}, "Targets belong to no known group of tasks."),
    ],
)
def test_groups(groups: dict[str, tuple[str, ...]], reason: str | None) -> None:
    assert needs.groups(context(GAINS, groups=groups)) == reason


def test_two_groups_on_either_side_are_enough() -> None:
    groups = {"one": ("x", "a"), "two": ("b",)}
    assert needs.groups(context(GAINS.loc[["x", "a"]], groups=groups)) is None
    assert needs.groups(context(GAINS[["a"]], groups=groups)) is None
    assert needs.groups(context(GAINS.loc[["x"], ["a"]], groups=groups)) == (
        "All sources and targets are of one group."
    )


def test_base_models_without_a_group_are_named_as_what_is_lacking() -> None:
    gains = GAINS.rename(index=lambda name: f"model {name}")
    assert needs.groups(context(gains, groups={"one": ("a",), "two": ("b",)})) == (
        "Base models belong to no known group of tasks."
    )


def test_groups_are_counted_among_names() -> None:
    groups = {"one": ("a", "b"), "two": ("c",), "three": ("d",)}
    study = context(GAINS, groups=groups)
    for names, count in (("ab", 1), ("abc", 2), ("xy", 0), ("acd", 3)):
        assert needs.groups_among(study, pd.Index(list(names))) == count
