"""Max-gain: the largest gain of any base model on a target."""

from __future__ import annotations

from intertrain_jax.stats.averages import MaxGain, max_gains
from intertrain_jax.study.statistics.statistic import Statistic
from intertrain_jax.study.table import Table, rows_of

MAX_GAIN: Statistic[tuple[MaxGain, ...]] = Statistic(
    name="max_gain",
    definition="The largest gain of any base model on a target, max_m G[m,t].",
    source="paper, section 2",
    compute=lambda context: max_gains(context.gains),
    plain=lambda value: {"targets": value},
    tables=lambda result: [
        Table(
            "max_gain",
            "Max-gain of every target",
            "The largest gain of any of n base models, in points.",
            rows_of(MAX_GAIN.of(result) or ()),
        )
    ],
)
