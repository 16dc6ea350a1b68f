"""The table of claims: every claim gives a verdict, on any records, for each architecture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from intertrain_jax.claims import judge
from intertrain_jax.claims.evidence import COLUMNS
from intertrain_jax.claims.table import CLAIMS
from tests.claims.planted import TEN, World, designs, planted, ranked

GAINS = np.linspace(-4.0, 2.0, 10)
VERDICTS = ("shows", "shows the contrary", "cannot tell", "not computed: ")


def runs_of(world: World, **columns: object) -> pd.DataFrame:
    return planted(np.random.default_rng(0), world, designs(TEN, **columns), GAINS[:, None])


RUNS = runs_of(World())


@pytest.mark.parametrize(
    "runs",
    [
        pd.DataFrame(columns=list(COLUMNS)),
        RUNS.query("base == 'PT'"),
        RUNS.query("base != 'PT'"),
        RUNS.head(1),
        RUNS.query("base in ('PT', 'm1')"),
        RUNS.query("target == 't01'"),
        RUNS.query("seed == 0"),
        RUNS.assign(score=50.0),
        RUNS.assign(score=np.nan),
        RUNS.sample(frac=0.1, random_state=0),
        RUNS.assign(group="good"),
    ],
)
def test_every_claim_has_a_verdict_on_whatever_there_is(runs: pd.DataFrame) -> None:
    found = judge(runs, ranked(GAINS))
    assert [v.claim for v in found] == list(CLAIMS)
    for verdict in found:
        assert verdict.verdict.startswith(VERDICTS), verdict
        computed = not verdict.verdict.startswith("not computed")
        assert bool(verdict.found) == computed, verdict
        assert "nan" not in verdict.found, verdict
        assert all(isinstance(value, int | float | str) for value in verdict.numbers.values())


def test_each_architecture_is_judged_for_itself() -> None:
    two = pd.concat([RUNS, RUNS.assign(architecture="bert", score=60.0)])
    found = {v.claim: v for v in judge(two, ranked(GAINS))}
    assert found["probe-ranks-models-roberta"].verdict == "shows"
    assert found["probe-ranks-models-roberta"].architecture == "roberta"
    assert found["probe-ranks-models-bert"].verdict.startswith("not computed")
    several = [claim for claim in CLAIMS.values() if not claim.across]
    assert len(found) == len(CLAIMS) + len(several)


def test_every_claim_says_where_the_paper_has_it() -> None:
    for name, claim in CLAIMS.items():
        assert name == claim.name and claim.title and claim.paper.endswith(".")
        assert "§" in claim.paper or "App." in claim.paper, name


def test_the_order_of_rows_does_not_matter() -> None:
    shuffled = RUNS.sample(frac=1.0, random_state=3)
    first, second = judge(RUNS, ranked(GAINS)), judge(shuffled, ranked(GAINS))
    assert [v.found for v in first] == [v.found for v in second]
