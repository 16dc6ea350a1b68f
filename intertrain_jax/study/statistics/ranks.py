"""Ranks by average gain, with intervals, over seeds or over targets."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from intertrain_jax.stats.average_draws import draws_over_targets
from intertrain_jax.stats.ranks import RankTable, rank_table
from intertrain_jax.study.statistics import needs
from intertrain_jax.study.statistics.average_gain import averages_of
from intertrain_jax.study.statistics.average_gain_draws import AVERAGE_GAIN_DRAWS
from intertrain_jax.study.statistics.statistic import SEED, Context, Statistic


@dataclass(frozen=True)
class GainRanks:
    """Ranks by average gain.

    Attributes:
        basis: what the uncertainty is of: "seeds" (the same targets again) or "targets" (other targets
            like these), where nothing is known of seeds.
        table: the ranks.
        averages: draws that they rest on.
    """

    basis: str
    table: RankTable
    averages: pd.DataFrame


def _needs(context: Context) -> str | None:
    seeds = context.value(AVERAGE_GAIN_DRAWS) is not None
    return needs.averages(averages_of(context), seeds)


def _compute(context: Context) -> GainRanks:
    draws = context.value(AVERAGE_GAIN_DRAWS)
    if draws is not None:
        return GainRanks("seeds", rank_table(draws.estimate, draws.draws), draws.draws)
    averages = averages_of(context)
    sampled = draws_over_targets(context.gains, averages, SEED)
    return GainRanks("targets", rank_table(averages.series().dropna(), sampled), sampled)


def _plain(ranks: GainRanks) -> dict[str, Any]:
    return {"basis": ranks.basis, **asdict(ranks.table)}


RANKS: Statistic[GainRanks] = Statistic(
    name="ranks",
    definition=(
        "Ranks by average gain, with intervals, the probability of being the best and among the three"
        " best, and groups of models that cannot be told apart. 'basis' says what the uncertainty is"
        " of: other seeds, or, where there are none, other targets like these."
    ),
    source="posterior draws, of the noise model or of deviations from additivity",
    compute=_compute,
    needs=_needs,
    plain=_plain,
)
