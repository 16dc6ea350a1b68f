"""The plan of a study: counts by hand, placeholders, what is done, and what is chosen."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.study import Selection, Setting
from intertrain_jax.workflows.study import study
from intertrain_jax.workflows.study_plan import choose, plan_study
from tests.experiments import FakeEngine
from tests.studies import raw_study

GAINS = pd.DataFrame({"t": [1.0, -2.0, 3.0, None], "u": [1.0, 0.0, 2.0, None]}, list("abcd"))


def setting(best: int, worst: int) -> Setting:
    return Setting("p", "p", {}, Selection("a", best, worst))


def test_sources_are_chosen_by_their_average_gain() -> None:
    assert choose(setting(1, 1), GAINS) == ("c", "b")
    assert choose(setting(2, 0), GAINS) == ("c", "a")
    assert choose(setting(0, 2), GAINS) == ("a", "b")
    with pytest.raises(IntertrainError, match="must choose 4 sources of 'a', of which only 3 can"):
        choose(setting(2, 2), GAINS)


def test_others_stand_in_for_sources_until_they_are_known(tmp_path: Path) -> None:
    raw = raw_study(tmp_path)
    plan = plan_study(raw)
    assert plan.runs == 12 + 2 * 6 + 4
    members = {member.setting.label: member for member in plan.members}
    assert members["b-8"].stands_in == ("alpha",) and members["a"].stands_in == ()
    said = "its sources are known when 'a' is done; placeholders: alpha"
    assert sum(said in line for line in plan.lines) == 2
    assert not (tmp_path / "out").exists()
    result = study(raw, runner=FakeEngine())
    after = plan_study(raw)
    assert [m.plan for m in after.members] == [g.plan for g in result.grids.values()]
    assert not any("placeholders" in line for line in after.lines)
    assert "of these, 28 are done and 0 failed; what is left:" in after.lines


def test_too_few_sources_to_choose_from_are_said_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match="must choose 3 sources of 'a', of which only 2"):
        plan_study(raw_study(tmp_path), overrides=["b.sources.best=3"])


def test_the_whole_costs_what_the_parts_cost_less_what_they_share(tmp_path: Path) -> None:
    plan = plan_study(raw_study(tmp_path))
    alone = sum(len(member.plan.runs) for member in plan.members)
    assert alone == 12 + 2 * 10 + 2 * 6 and alone > plan.runs
    # PT and sources alike see all 36 examples of a task ten times, but for the sources of `b`.
    short, long = 2 * (8 + 16), 36 * (plan.runs - 4)
    tokens = plan.cost.train_tokens / (10 * (short + long))
    assert 4 < tokens < 9


def test_a_ranking_counts_its_models_and_their_tokens(tmp_path: Path) -> None:
    raw = raw_study(tmp_path)
    raw["engine"] = {"keep": "sources"}
    before = plan_study(raw).cost.evaluation_tokens
    raw["study"]["d"] = {"rank": {"of": "a", "task": "alpha"}}
    plan = plan_study(raw)
    (ranking,) = plan.rankings
    folder = tmp_path / "out" / "models" / "a"
    assert ranking.models == (str(folder / "alpha"), str(folder / "beta"))
    assert "d: 3 models ranked on 'alpha'" in plan.lines
    assert plan.cost.evaluation_tokens > before
