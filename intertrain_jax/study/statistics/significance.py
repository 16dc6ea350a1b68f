"""How many gains stand out from the spread over seeds."""

from __future__ import annotations

from intertrain_jax.stats.averages import Significance, count_significant
from intertrain_jax.study.statistics.statistic import Context, Statistic


def _needs(context: Context) -> str | None:
    several = (context.study.gains.n.to_numpy() > 1).any()
    return None if several else "No cell has two seeds."


SIGNIFICANCE: Statistic[Significance] = Statistic(
    name="significance",
    definition=(
        "Cells whose mean gain is more than two standard deviations over seeds from zero, and cells"
        " whose seed-paired t-test is significant after Benjamini and Hochberg's adjustment. No cell's"
        " deviation is believed to be below its target's."
    ),
    source="paper, Fig. 1; Benjamini and Hochberg 1995",
    compute=lambda context: count_significant(context.study.gains),
    needs=_needs,
)
