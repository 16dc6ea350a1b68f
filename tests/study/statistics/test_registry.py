"""What holds of every registered statistic."""

from __future__ import annotations

import pytest

from intertrain_jax.study.analyse import analyse_study
from intertrain_jax.study.result import Result
from intertrain_jax.study.statistics import STATISTICS
from tests.stats.studies import study_of_runs


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
