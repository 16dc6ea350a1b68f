"""Grids of several labs as one, and what keeps them apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.config.experiment import ModelConfig
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.planning.plan import build_plan
from intertrain_jax.records.runs import Record, Runs
from intertrain_jax.workflows.merging import merge
from intertrain_jax.workflows.results import GridResult
from tests.runs import make_config, make_plan, make_record


def lab(
    *bases: str, without: str = "", change: float = 0.0, of: str = "", **more: Any
) -> GridResult:
    """Returns a grid of made up scores; those of runs named `of…` are changed."""
    pretrained = more.pop("pretrained", "model")
    config = make_config(**{"model": ModelConfig(pretrained, bases=bases), "sources": (), **more})
    # Of another model nothing is resolved: it is told by its name.
    other = build_plan(config, config.sources, config.targets)
    plan = make_plan(config) if pretrained == "model" else other
    records: dict[str, Record] = {}
    for run in plan.runs:
        record = make_record(run)
        if of and run.name.startswith(of):
            assert record.score is not None
            record = make_record(run, record.score + change)
        if not (without and run.name.startswith(without)):
            records[run.id] = record
    return GridResult(config, plan, Runs(records), Path("nowhere"))


def test_labs_with_the_same_pretrained_scores_make_one_ranking_of_all_models() -> None:
    one, two = lab("org/a", "org/b"), lab("org/b", "org/c", seeds=3)
    (merged,), notes = merge([("one", one), ("two", two)])
    assert notes == [] and merged.conflicts == () and merged.title == "one + two"
    plan = merged.grid.plan
    assert plan.bases == ("PT", "org/a", "org/b", "org/c") and plan.seeds == 3
    for part in (one, two):
        gains = part.gains
        if part is one:
            assert merged.grid.gains.loc["org/a"].equals(gains.loc["org/a"])
        else:
            assert merged.grid.gains.loc["org/c"].equals(gains.loc["org/c"])
    assert merged.grid.analysis.gains.n.loc["org/a"].tolist() == [2, 2, 2]
    assert merged.grid.analysis.gains.n.loc["org/b"].tolist() == [3, 3, 3]


def test_what_one_lab_lacks_the_other_fills_in() -> None:
    one, two = lab("org/a", without="org/a:beta"), lab("org/a", without="org/a:alpha")
    (merged,), _ = merge([("one", one), ("two", two)])
    assert merged.grid.gains.equals(lab("org/a").gains)


def test_a_run_with_two_scores_counts_as_failed_and_says_both() -> None:
    one, two = lab("org/a"), lab("org/a", of="org/a:beta:1", change=2.0)
    for grids in ([one, two], [one, two, one], [one, two, two]):
        named = [(str(k), grid) for k, grid in enumerate(grids)]
        (merged,), _ = merge(named)
        (said,) = merged.conflicts
        assert "org/a on beta, seed 1" in said and "in 0 and" in said and "in 1:" in said
        (reason,) = merged.grid.failed["reason"]
        assert reason == said
        alone = lab("org/a", without="org/a:beta:1").gains
        assert merged.grid.gains.equals(alone), "neither score is in the average"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (lab("org/c", of="PT:beta", change=2.0), "PT scores otherwise on beta"),
        (lab("org/c", protocol=Protocol(learning_rate=1e-3)), "protocol, or its data, of PT"),
        (lab("org/c", pretrained="other"), None),
        (lab("org/c", targets=("alpha", "beta")), None),
    ],
)
def test_other_numbers_stay_apart(other: GridResult, why: str | None) -> None:
    rankings, notes = merge([("one", lab("org/a")), ("two", other)])
    assert [merged.title for merged in rankings] == ["one", "two"]
    assert rankings[1].grid is other
    if why is None:
        assert notes == []
    else:
        assert why in notes[0] and notes[0].startswith("one and two are rankings of their own: ")


def test_a_label_that_is_another_model_in_each_lab_keeps_them_apart() -> None:
    one, two = lab("org/a"), lab("org/a")
    bases = {run.base for run in two.plan.runs if run.base.label == "org/a"}
    (base,) = bases
    runs = tuple(
        replace(run, id=f"x{k:03}", base=replace(base, fingerprint="else"))
        if run.base is base or run.base == base
        else run
        for k, run in enumerate(two.plan.runs)
    )
    other = GridResult(two.config, replace(two.plan, runs=runs), two.stored, two.out)
    _, (note,) = merge([("one", one), ("two", other)])
    assert "the model of org/a" in note
