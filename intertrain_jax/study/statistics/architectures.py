"""Two pretrained models compared: do their max-gains and averages agree? §6.3."""

from __future__ import annotations

from intertrain_jax.readers.csv import FEWEST_MODELS
from intertrain_jax.stats.sensitivity import Architectures, compare_architectures
from intertrain_jax.study.statistics.statistic import (
    CLUSTERED,
    NULL_CORRELATIONS,
    Context,
    Named,
    Statistic,
)


def _needs(context: Context) -> str | None:
    other = context.options.other
    if other is None:
        return "No second study was given with --with."
    common = context.gains.columns.intersection(other.gains.mean.columns)
    if len(common) >= FEWEST_MODELS:
        return None
    return f"Only {len(common)} targets are common to both studies; {FEWEST_MODELS} are needed."


def _compute(context: Context) -> Architectures:
    assert context.options.other is not None
    other = context.options.other.gains.mean
    return compare_architectures(context.gains, other, context.clusters)


def _correlations(found: Architectures) -> Named:
    for name in Architectures.__dataclass_fields__:
        yield f"architectures: {name}", getattr(found, name)


ARCHITECTURES: Statistic[Architectures] = Statistic(
    name="architectures",
    definition=(
        "Correlations between two pretrained models of max-gains, of targets' average gains and of base"
        " models' average gains." + NULL_CORRELATIONS + CLUSTERED
    ),
    source="paper, section 6.3",
    compute=_compute,
    needs=_needs,
    correlations=_correlations,
)
