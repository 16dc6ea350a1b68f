"""What holds of every registered statistic."""

from __future__ import annotations

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.study.analyse import analyse_study
from intertrain_jax.study.result import Options, Result
from intertrain_jax.study.statistics import STATISTICS
from intertrain_jax.study.statistics.statistic import Context, Statistic
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


def test_a_statistic_that_is_not_there_says_why(result: Result) -> None:
    assert result.statistics["sensitivity"].pearson.n == 5
    with pytest.raises(KeyError, match="'probe_gain' was not computed: There are no probe scores"):
        result.statistics["probe_gain"]
    with pytest.raises(KeyError, match="Did you mean 'symmetry'"):
        result.statistics["symetry"]
    assert "architectures" not in result.statistics


def test_a_value_is_computed_once_and_an_error_is_its_reason() -> None:
    calls = []

    def compute(context: Context) -> int:
        calls.append(context.study.name)
        if len(calls) > 1:
            raise IntertrainError("It is the second time.")
        return 7

    one = Statistic("one", "A number.", "here", compute)
    two = Statistic("two", "Twice it.", "here", lambda context: 2 * (context.value(one) or 0))
    context = Context(study_of_runs(), Options())
    assert (context.value(two), context.value(one), context.value(one)) == (14, 7, 7)
    assert len(calls) == 1
    again = Statistic("again", "A number.", "here", compute)
    assert context.value(again) is None
    assert context.reasons == {"again": "It is the second time."}
    lacking = Statistic("lacking", "No.", "here", compute, needs=lambda context: "It lacks.")
    assert context.value(lacking) is None and context.reasons["lacking"] == "It lacks."
    assert len(calls) == 2
