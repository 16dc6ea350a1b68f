"""The linear probe among the estimators: it is trained, and ranks, so nothing computes it here."""

from __future__ import annotations

from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.probe.estimators import ESTIMATORS
from intertrain_jax.probe.estimators.lp import ESTIMATOR
from tests.probe_runs import probe_record


def test_it_is_the_only_one_whose_heads_are_trained() -> None:
    assert ESTIMATORS["lp"] is ESTIMATOR
    assert [name for name, found in ESTIMATORS.items() if found.compute is None] == ["lp"]
    assert ESTIMATOR.units == "percent" and ESTIMATOR.higher_is_better
    # Any task has it, and any checkpoint.
    assert ESTIMATOR.regression and not ESTIMATOR.needs_source_head


def test_every_ranking_has_it_first() -> None:
    assert RankConfig(task="rte", models=("a",)).estimators[0] == ESTIMATOR.name
    assert probe_record("a").covers(2, (1e-4, 1e-3), (ESTIMATOR.name,))
