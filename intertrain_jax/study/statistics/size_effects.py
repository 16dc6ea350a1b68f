"""Train sizes of tasks against their gains: §6.1."""

from __future__ import annotations

from intertrain_jax.stats.sizes import SizeEffect, size_effects
from intertrain_jax.study.statistics import needs
from intertrain_jax.study.statistics.statistic import (
    CLUSTERED,
    NULL_CORRELATIONS,
    Context,
    Named,
    Statistic,
)


def _needs(context: Context) -> str | None:
    if lacking := needs.models(context):
        return lacking
    sizes = set(context.study.train_sizes.values())
    if not sizes:
        return "Train sizes are not known."
    return "All tasks have the same train size." if len(sizes) == 1 else None


def _correlations(found: tuple[SizeEffect, ...]) -> Named:
    for effect in found:
        what = f"train size and {effect.measure} gain of {effect.of}s"
        for name in ("pearson", "pearson_log", "spearman"):
            yield f"{what}: {name}", getattr(effect, name)


SIZE_EFFECTS: Statistic[tuple[SizeEffect, ...]] = Statistic(
    name="size_effects",
    definition=(
        "Correlations of train size with the average gain of sources, and with average and spread of"
        " the gains of targets." + NULL_CORRELATIONS + CLUSTERED
    ),
    source="paper, section 6.1",
    compute=lambda context: size_effects(
        context.gains, context.study.train_sizes, context.clusters
    ),
    needs=_needs,
    plain=lambda value: {"effects": value},
    correlations=_correlations,
)
