"""Ranks by average gain, with intervals, over seeds or over targets."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from intertrain_jax.stats.averages import AverageGains
from intertrain_jax.stats.ranks import RankTable, rank_table
from intertrain_jax.study.statistics import needs
from intertrain_jax.study.statistics.average_gain import averages_of
from intertrain_jax.study.statistics.average_gain_draws import AVERAGE_GAIN_DRAWS, DRAWS
from intertrain_jax.study.statistics.statistic import SEED, Context, Statistic


@dataclass(frozen=True)
class GainRanks:
    """Ranks by average gain.

    Attributes:
        basis: what the uncertainty is of: "seeds" (the same targets again) or "targets" (other targets
            like these, by bootstrap), where nothing is known of seeds.
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
    sampled = _bootstrap_targets(context.gains, averages)
    return GainRanks("targets", rank_table(averages.series().dropna(), sampled), sampled)


def _bootstrap_targets(gains: pd.DataFrame, averages: AverageGains) -> pd.DataFrame:
    """Returns average gains over targets drawn with replacement, the same ones for every model.

    A model's missing cells are left out of a draw, as they are of its average.
    """
    average = averages.series().dropna()
    known = gains.loc[average.index, list(averages.targets)]
    centred = known.sub(average, axis=0)
    # What a target gives to all models alike moves no rank, but would where cells are missing.
    centred = centred - centred.mean()
    centred = centred.sub(centred.mean(axis=1), axis=0)
    targets = known.shape[1]
    weights = np.random.default_rng(SEED).multinomial(targets, np.full(targets, 1 / targets), DRAWS)
    sums = weights @ centred.fillna(0.0).to_numpy().T
    counts = weights @ known.notna().to_numpy(dtype=float).T
    moved = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    return pd.DataFrame(average.to_numpy() + moved, columns=average.index)


def _plain(ranks: GainRanks) -> dict[str, Any]:
    return {"basis": ranks.basis, **asdict(ranks.table)}


RANKS: Statistic[GainRanks] = Statistic(
    name="ranks",
    definition=(
        "Ranks by average gain, with intervals, the probability of being the best and among the three"
        " best, and groups of models that cannot be told apart. 'basis' says what the uncertainty is"
        " of: other seeds, or, where there are none, other targets like these."
    ),
    source="posterior draws of the noise model, or a bootstrap over targets",
    compute=_compute,
    needs=_needs,
    plain=_plain,
)
