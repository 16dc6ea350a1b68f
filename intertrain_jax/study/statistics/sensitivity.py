"""Sensitivity of targets: do the gains of one representative model stand for max-gain?"""

from __future__ import annotations

from intertrain_jax.stats.sensitivity import Sensitivity, sensitivity
from intertrain_jax.study.statistics import needs
from intertrain_jax.study.statistics.average_gain import averages_of
from intertrain_jax.study.statistics.statistic import (
    NULL_CORRELATIONS,
    Context,
    Named,
    Statistic,
)

# The paper's representative, where the user names none.
_REPRESENTATIVE = "mnli"


def _representative(context: Context) -> str | None:
    """Returns the base model that the user names, else MNLI's, else the best on average."""
    rows = [str(row) for row in context.gains.index]
    named = context.options.representative
    named = named or next((row for row in rows if row.casefold() == _REPRESENTATIVE), None)
    average = averages_of(context).series().dropna()
    return named or (str(average.idxmax()) if len(average) else None)


def _needs(context: Context) -> str | None:
    if lacking := needs.models(context):
        return lacking
    if context.gains.shape[1] < 3:
        return "There are fewer than three targets."
    if _representative(context) is None:
        return "No base model has an average gain to stand out by."
    return None


def _correlations(found: Sensitivity) -> Named:
    for name in ("pearson", "spearman", "pearson_others", "spearman_others"):
        yield f"gain of {found.representative} and max-gain: {name}", getattr(found, name)


SENSITIVITY: Statistic[Sensitivity] = Statistic(
    name="sensitivity",
    definition=(
        "Correlation over targets of one representative model's gains with max-gain, over all models"
        " and over all others." + NULL_CORRELATIONS
    ),
    source="paper, section 4.1",
    compute=lambda context: sensitivity(context.gains, _representative(context) or ""),
    needs=_needs,
    correlations=_correlations,
)
