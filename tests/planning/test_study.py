"""Several plans as one: what is shared is done once, and tested if any plan tests it."""

from __future__ import annotations

from dataclasses import replace

from intertrain_jax.config.study import Setting
from intertrain_jax.planning.study import Member, groups_of, unite
from tests.runs import make_config, make_plan


def member(**changes: object) -> Member:
    config = make_config(**changes)
    return Member(Setting("p", "p", {}), config, make_plan(config))


def test_runs_that_plans_share_are_one_run() -> None:
    first = member(sources=("alpha",), targets=("beta",), seeds=1)
    second = member(sources=("alpha",), targets=("beta", "gamma"), seeds=1)
    other = member(
        sources=("alpha",), targets=("beta",), seeds=1, source_protocol={"train_size": 9}
    )
    plan = unite("all", [first.plan, second.plan, other.plan])
    # PT on alpha twice, beta, gamma; from alpha to beta and gamma, and from the small alpha to beta.
    assert len(plan.runs) == 4 + 2 + 1
    assert plan.by_id.keys() == {run.id for one in (first, second, other) for run in one.plan.runs}
    assert (plan.targets, plan.bases, plan.seeds) == (("beta", "gamma"), ("PT", "alpha"), 1)


def test_a_run_is_tested_if_one_of_the_plans_tests_it() -> None:
    source = member(sources=("alpha",), targets=("beta",), seeds=1).plan
    target = member(sources=(), targets=("alpha",), seeds=1).plan
    assert len(source.makers) == 1 and source.makers == {run.id for run in target.runs}
    assert unite("all", [source]).makers == source.makers
    for plans in ([source, target], [target, source]):
        assert unite("all", plans).makers == frozenset()


def test_grids_of_one_model_and_one_reading_train_together() -> None:
    alike = [member(), member(seeds=1), member(source_protocol={"train_size": 5})]
    config = alike[0].config
    longer = replace(config, protocol=replace(config.protocol, max_length=99))
    few = replace(config, data=replace(config.data, limit=3))
    others = [replace(alike[0], config=longer), replace(alike[0], config=few)]
    assert groups_of([alike[0], others[0], *alike[1:], others[1]]) == [
        alike,
        [others[0]],
        [others[1]],
    ]
