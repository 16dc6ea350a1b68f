"""Analysis of variance: do source groups differ on a target group?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from intertrain_jax.stats.groups import Anova, group_anova
from intertrain_jax.study.statistics import needs
from intertrain_jax.study.statistics.statistic import Context, Statistic
from intertrain_jax.study.table import Table

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result


def _needs(context: Context) -> str | None:
    if lacking := needs.groups(context):
        return lacking
    sources = needs.groups_among(context, context.gains.index)
    return "All sources are of one group." if sources < 2 else None


def _compute(context: Context) -> tuple[Anova, ...]:
    gains, groups = context.gains, context.study.groups
    return (*group_anova(gains, groups, "cell"), *group_anova(gains, groups, "source"))


def _tables(result: Result) -> list[Table]:
    tests = [{**asdict(t), "groups": ", ".join(t.groups)} for t in ANOVA.of(result) or ()]
    return [
        Table(
            "anova",
            "Do source groups differ on a target group?",
            "One-way analysis of variance, with cells as observations (as in the paper; they are not"
            " independent) and with sources' means; p_adjusted by Holm over target groups.",
            pd.DataFrame(tests),
        )
    ]


ANOVA: Statistic[tuple[Anova, ...]] = Statistic(
    name="anova",
    definition=(
        "One-way analysis of variance over source groups within a target group, with single cells as"
        " observations as in the paper, and with sources' means; Holm's adjustment over target groups."
        " Null below two groups or without residual degrees of freedom."
    ),
    source="paper, section 5",
    compute=_compute,
    needs=_needs,
    plain=lambda value: {"tests": value},
    tables=_tables,
)
