"""Average gains of base models over targets, and the table of base models that they order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intertrain_jax.stats.averages import AverageGains, average_gains
from intertrain_jax.study.statistics.statistic import Context, Statistic
from intertrain_jax.study.table import PERCENT, Table

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result


def _compute(context: Context) -> AverageGains:
    missing = context.study.missing
    return average_gains(
        context.gains, context.options.how or ("additive" if missing else "common")
    )


def _tables(result: Result) -> list[Table]:
    """Table 4, with ranks."""
    averages, statistics = result.averages, result.statistics
    over = f"over {len(averages.targets)} targets"
    if averages.how == "additive":
        over += ", missing cells by the additive model"
    if averages.left_out:
        over += f"; without {', '.join(averages.left_out)}"
    of = "seeds" if "average_gain_draws" in statistics else "targets"
    note = f"Average gain in points {over}; interval of the true one at {PERCENT} over {of}."
    rows = result.models()
    if "ranks" not in statistics:
        columns = ["rank", "rank_low", "rank_high", "best", "top3", "groups"]
        rows = rows.drop(columns=columns)
        note += f" No ranks: {result.not_computed['ranks']}"
    else:
        note += (
            " Intervals are drawn towards the other models' averages, as the best measured is likely a"
            " lucky one."
            f" Rank with its interval, probability of being the best and among the three best over"
            f" {statistics['ranks'].basis}; models that share no group are told apart."
        )
    if rows["probe"].isna().all():
        rows = rows.drop(columns="probe")
    return [Table("table4_models", "Base models by average gain (Table 4)", note, rows)]


AVERAGE_GAIN: Statistic[AverageGains] = Statistic(
    name="average_gain",
    definition=(
        "mean_t G[m,t]. 'common': over the targets that all models have; 'additive': of the fit"
        " G[m,t] = a_m + c_t, for all targets. The interval says how much an average would change on"
        " other targets like these; it is null without residual degrees of freedom."
    ),
    source="paper, section 4.2 (g^avg)",
    compute=_compute,
    tables=_tables,
)


def averages_of(context: Context) -> AverageGains:
    """Returns the average gains, which every study has."""
    found = context.value(AVERAGE_GAIN)
    assert found is not None
    return found
