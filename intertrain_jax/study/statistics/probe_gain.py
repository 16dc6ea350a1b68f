"""Linear probe against average gain: §4.2 and Fig. 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from intertrain_jax.stats.coefficients import coefficients
from intertrain_jax.stats.correlation import Correlation
from intertrain_jax.stats.lines import Line, fit_line
from intertrain_jax.study.statistics.average_gain import averages_of
from intertrain_jax.study.statistics.statistic import (
    NULL_CORRELATIONS,
    Context,
    Named,
    Statistic,
)
from intertrain_jax.study.table import PERCENT, Table, line_row

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result


@dataclass(frozen=True)
class ProbeGain:
    """Linear probe against average gain.

    Attributes:
        models: which rows.
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
    """Of a leaderboard, once more with the rows that are left out."""
    study, everything = context.study, context.study.with_suspicious
    if everything is None or not everything["suspicious"].any():
        average = averages_of(context).series().dropna()
        return (_of_rows("all rows", pd.DataFrame({"probe": study.probe, "average": average})),)
    return (
        _of_rows("without suspicious rows", everything[~everything["suspicious"]]),
        _of_rows("with suspicious rows", everything),
    )


def _of_rows(models: str, table: pd.DataFrame) -> ProbeGain:
    x, y = table["probe"].to_numpy(dtype=float), table["average"].to_numpy(dtype=float)
    return ProbeGain(
        models, coefficients(x, y), fit_line(x, y), table[["probe", "average"]].dropna()
    )


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
            f"Least squares; intervals at {PERCENT} by Student's t.",
            pd.DataFrame(rows),
        )
    ]


PROBE_GAIN: Statistic[tuple[ProbeGain, ...]] = Statistic(
    name="probe_gain",
    definition=(
        "Correlations of the linear probe on MNLI with the average gain, and the line average ="
        " slope·probe + intercept." + NULL_CORRELATIONS
    ),
    source="paper, section 4.2, Fig. 2, App. F",
    compute=_compute,
    needs=lambda context: None if len(context.study.probe) else "There are no probe scores.",
    plain=_plain,
    tables=_tables,
    correlations=_correlations,
)
