"""Mean gains of groups of sources on groups of targets: Table 2."""

from __future__ import annotations

from intertrain_jax.stats.groups import GroupMean, group_means
from intertrain_jax.study.statistics import needs
from intertrain_jax.study.statistics.statistic import Statistic
from intertrain_jax.study.table import PERCENT, Table, rows_of

GROUP_MEANS: Statistic[tuple[GroupMean, ...]] = Statistic(
    name="group_means",
    definition=(
        "Mean gain of a group of sources on a group of targets; a task of two groups counts in the"
        " narrower one. The interval takes sources as the sample, and is null below two."
    ),
    source="paper, section 5, Table 2",
    compute=lambda context: tuple(group_means(context.gains, context.study.groups)),
    needs=needs.groups,
    plain=lambda value: {"cells": value},
    tables=lambda result: [
        Table(
            "table2_groups",
            "Mean gain of source groups on target groups (Table 2)",
            f"Points, over the cells there are. Interval at {PERCENT} with sources as the sample.",
            rows_of(GROUP_MEANS.of(result) or ()),
        )
    ],
)
