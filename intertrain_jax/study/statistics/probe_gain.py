"""Linear probe against average gain: §4.2 and Fig. 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from intertrain_jax.stats.clusters import Clusters
from intertrain_jax.stats.coefficients import coefficients
from intertrain_jax.stats.correlation import Correlation
from intertrain_jax.stats.lines import Line, fit_line
from intertrain_jax.study.statistics.average_gain import averages_of
from intertrain_jax.study.statistics.statistic import (
    CLUSTERED,
    NULL_CORRELATIONS,
    Context,
    Named,
    Statistic,
)
from intertrain_jax.study.table import PERCENT, Table, line_row

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result

INTACT, PUBLISHED, ALL = "intact rows", "all rows as published", "all rows"
# The largest series of models is left out for comparison where it has at least this share of them.
_LARGE = 0.1


@dataclass(frozen=True)
class ProbeGain:
    """Linear probe against average gain.

    Attributes:
        models: which rows: `INTACT`, `PUBLISHED`, `ALL`, or one of these without the largest series.
        coefficients: by name, those of `stats.coefficients`.
        line: average gain = slope · probe + intercept.
        points: base model → probe and average, of which both are known: what the rest is of.
    """

    models: str
    coefficients: Mapping[str, Correlation]
    line: Line
    points: pd.DataFrame

    @property
    def pearson(self) -> Correlation:
        """Pearson's."""
        return self.coefficients["pearson"]

    @property
    def spearman(self) -> Correlation:
        """Spearman's."""
        return self.coefficients["spearman"]


def _compute(context: Context) -> tuple[ProbeGain, ...]:
    """Of intact rows, without the largest series of models, and of a leaderboard as it was published."""
    study, everything = context.study, context.study.with_suspicious
    average = averages_of(context).series().dropna()
    table = pd.DataFrame({"probe": study.probe, "average": average}).dropna()
    found = []
    if everything is not None and everything["suspicious"].any():
        table = everything.loc[~everything["suspicious"], ["probe", "average"]].dropna()
        found = [(INTACT, table), (PUBLISHED, everything[["probe", "average"]].dropna())]
    else:
        found = [(ALL, table)]
    series = context.clusters.largest(list(map(str, table.index)))
    if series is not None and len(series[1]) >= _LARGE * len(table):
        without = table.drop(index=list(series[1]))
        name = f"{found[0][0]} without the {len(series[1])} models of {series[0]}"
        found.append((name, without))
    return tuple(_of_rows(models, rows, context.clusters) for models, rows in found)


def _of_rows(models: str, table: pd.DataFrame, clusters: Clusters) -> ProbeGain:
    x, y = table["probe"].to_numpy(dtype=float), table["average"].to_numpy(dtype=float)
    own = clusters.numbers(list(map(str, table.index)))
    return ProbeGain(models, coefficients(x, y, own), fit_line(x, y, own), table)


def _correlations(found: tuple[ProbeGain, ...]) -> Named:
    for rows in found:
        for name, coefficient in rows.coefficients.items():
            yield f"probe and average gain, {rows.models}: {name}", coefficient


def _plain(found: tuple[ProbeGain, ...]) -> dict[str, Any]:
    return {"rows": [{"models": p.models, **p.coefficients, "line": p.line} for p in found]}


def _tables(result: Result) -> list[Table]:
    rows = [{"rows": p.models, **line_row(p.line)} for p in PROBE_GAIN.of(result) or ()]
    return [
        Table(
            "probe_line",
            "Average gain = slope · probe + intercept",
            f"Least squares; intervals at {PERCENT} by Student's t, by the jackknife over clusters of"
            " models where there are clusters.",
            pd.DataFrame(rows),
        )
    ]


PROBE_GAIN: Statistic[tuple[ProbeGain, ...]] = Statistic(
    name="probe_gain",
    definition=(
        "Correlations of the linear probe on MNLI with the average gain, and the line average ="
        " slope·probe + intercept; once more without the models of the largest series, where that has a"
        " tenth of all or more." + NULL_CORRELATIONS + CLUSTERED
    ),
    source="paper, section 4.2, Fig. 2, App. F",
    compute=_compute,
    needs=lambda context: None if len(context.study.probe) else "There are no probe scores.",
    plain=_plain,
    tables=_tables,
    correlations=_correlations,
)
