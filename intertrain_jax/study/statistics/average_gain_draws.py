"""Average gains with the error that seeds leave, as draws that ranks rest on."""

from __future__ import annotations

from typing import Any

from intertrain_jax.stats.average_draws import AverageDraws, average_draws
from intertrain_jax.study.statistics import needs
from intertrain_jax.study.statistics.average_gain import averages_of
from intertrain_jax.study.statistics.gain_intervals import counted
from intertrain_jax.study.statistics.noise import NOISE
from intertrain_jax.study.statistics.statistic import SEED, Context, Statistic


def _needs(context: Context) -> str | None:
    if context.value(NOISE) is None:
        return context.reasons["noise"]
    return needs.averages(averages_of(context), seeds=True)


def _compute(context: Context) -> AverageDraws:
    noise = context.value(NOISE)
    assert noise is not None
    how = averages_of(context).how
    return average_draws(*counted(context, noise), SEED, how=how)


def _plain(draws: AverageDraws) -> dict[str, Any]:
    return {
        "estimate": draws.estimate,
        "error": draws.error,
        "shared_error": draws.shared_error,
        "between_std": draws.between_std,
        "draws": len(draws.draws),
    }


AVERAGE_GAIN_DRAWS: Statistic[AverageDraws] = Statistic(
    name="average_gain_draws",
    definition=(
        "Average gains with the error from seeds. 'shared_error' is the pretrained model's: it moves all"
        " averages together, and no rank."
    ),
    source="noise model",
    compute=_compute,
    needs=_needs,
    plain=_plain,
)
