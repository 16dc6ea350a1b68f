"""What holds of every registered statistic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.study.analyse import analyse_study
from intertrain_jax.study.result import Result
from intertrain_jax.study.statistics import STATISTICS
from tests.stats.studies import computed, matrix_study, random_gains, study_of_runs


@pytest.fixture(scope="module")
def result() -> Result:
    return analyse_study(study_of_runs())


def test_every_statistic_says_what_it_is() -> None:
    for name, statistic in STATISTICS.items():
        assert statistic.name == name
        assert statistic.definition.endswith(".") and statistic.source


def test_reasons_are_of_known_names_in_the_order_of_the_registry(result: Result) -> None:
    parts = [part for name, found in STATISTICS.items() for part in found.parts or (name,)]
    assert len(set(parts)) == len(parts)
    assert list(result.not_computed) == [part for part in parts if part in result.not_computed]


def test_tables_have_names_of_their_own_and_no_rows_where_nothing_is(result: Result) -> None:
    tables = [table for found in STATISTICS.values() for table in found.tables(result)]
    assert len({table.name for table in tables}) == len(tables)
    bare = Result(result.study, {"average_gain": result.averages}, {"ranks": "Why."})
    rows = {t.name: len(t.rows) for found in STATISTICS.values() for t in found.tables(bare)}
    assert {name for name, count in rows.items() if count} == {"table4_models"}


NAMES = ["a", "b", "c", "d", "e"]
GAINS = random_gains(5, 6).set_axis(NAMES, axis=0).set_axis([*NAMES, "f"], axis=1)
KNOWN = {
    "groups": {"one": ("a", "b"), "two": ("c", "d", "e"), "three": ("f",)},
    "train_sizes": {"a": 100, "b": 2000, "c": 350, "d": 70, "f": 9000},
    "probe": pd.Series({"a": 61.0, "b": 58.0, "c": 67.0, "d": 50.0, "e": 59.0}),
}
# Of each statistic of a matrix, all numbers that follow from the gains without any draw, by name.
NUMBERS: dict[str, Callable[[Any], dict[Any, float]]] = {
    "max_gain": lambda value: {m.target: m.gain for m in value},
    "average_gain": lambda value: value.series().to_dict(),
    "ranks": lambda value: {m.base: m.rank for m in value.table.models},
    "sensitivity": lambda value: {
        name: getattr(value, name).value
        for name in ("pearson", "spearman", "pearson_others", "spearman_others")
    },
    "loss": lambda value: {
        (n.ranking, n.loss.top, t.target): t.loss for n in value for t in n.loss.targets
    },
    "probe_gain": lambda value: {name: c.value for name, c in value[0].coefficients.items()},
    "group_means": lambda value: {(c.sources, c.targets): c.mean for c in value},
    "anova": lambda value: {(t.targets, t.unit): t.f for t in value if np.isfinite(t.f)},
    "symmetry": lambda value: {"value": value.value},
    "size_effects": lambda value: {
        (e.of, e.measure, name): getattr(e, name).value
        for e in value
        for name in ("pearson", "pearson_log", "spearman")
    },
    "regression": lambda value: {r.kind: r.mse for r in value.regressors},
}
# What every gain grows by, if all gains grow by one.
GROWS = {"max_gain", "average_gain", "group_means"}


def numbers(gains: pd.DataFrame, name: str) -> dict[Any, float]:
    """Returns the numbers of a statistic; MNLI's part is played by "b"."""
    study = matrix_study(gains, **KNOWN)
    found = computed(STATISTICS[name], study, representative="b").statistics[name]
    return NUMBERS[name](found)


@pytest.mark.parametrize("missing", [False, True], ids=["whole", "holes"])
@pytest.mark.parametrize("name", NUMBERS)
def test_the_order_of_rows_and_columns_does_not_matter(name: str, missing: bool) -> None:
    gains = GAINS.mask(GAINS > 1.2) if missing else GAINS
    expected = numbers(gains, name)
    assert np.isfinite(list(expected.values())).mean() > 0.9
    turned = numbers(gains.loc[["d", "a", "e", "c", "b"], list("fbdaec")], name)
    assert turned == pytest.approx(expected, rel=1e-6, abs=1e-8, nan_ok=True)


@pytest.mark.parametrize("name", sorted(set(NUMBERS) - {"symmetry"}))
def test_what_all_models_gain_on_all_targets_is_told_apart_by_none(name: str) -> None:
    """Adding a constant to every gain moves gains by it, and no comparison of them."""
    grown = {key: v + (name in GROWS) for key, v in numbers(GAINS, name).items()}
    assert numbers(GAINS + 1.0, name) == pytest.approx(grown, rel=1e-6, abs=1e-8)


# Of statistics that compare models, the numbers that are about no target.
ABOUT_MODELS: dict[str, Callable[[Any], bool]] = {
    "ranks": lambda key: True,
    "loss": lambda key: True,
    "probe_gain": lambda key: True,
    # Of single cells, it is in the variance within groups.
    "anova": lambda key: "source" in key,
    "size_effects": lambda key: "source" in key or "average" not in key,
}


@pytest.mark.parametrize("name", ABOUT_MODELS)
def test_what_a_target_gives_to_all_models_alike_does_not_tell_them_apart(name: str) -> None:
    alike = pd.Series({"a": 5.0, "c": -3.0}).reindex(GAINS.columns, fill_value=0.0)
    before, after = (
        {key: value for key, value in numbers(gains, name).items() if ABOUT_MODELS[name](key)}
        for gains in (GAINS, GAINS + alike)
    )
    assert before and after == pytest.approx(before, rel=1e-6, abs=1e-8)
