"""Gain from base model and target without interaction: the bilinear regressor and its two parts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pandas as pd

from intertrain_jax.base import counted
from intertrain_jax.stats.regress import Regression, Regressor, fit_regressor, regression
from intertrain_jax.study.statistics import needs
from intertrain_jax.study.statistics.statistic import SEED, Context, Statistic
from intertrain_jax.study.table import Table

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result

_SHUFFLES = 100
_FORMULAS = {"bilinear": "(b + t)·t'", "base": "b", "target": "t"}


@dataclass(frozen=True)
class Regressions:
    """How well gains follow from base model and target alone.

    Attributes:
        regressors: bilinear, of the base model only, of the target only.
        fit: the bilinear one.
    """

    regressors: tuple[Regression, ...]
    fit: Regressor

    @property
    def bilinear(self) -> Regression:
        """How well the bilinear one fits."""
        return next(found for found in self.regressors if found.kind == "bilinear")


def _needs(context: Context) -> str | None:
    """Says why a regressor would fit everything."""
    if lacking := needs.models(context):
        return lacking
    gains = context.gains
    rows, columns = gains.dropna(how="all").dropna(axis=1, how="all").shape
    if columns < 2:
        return "There is only one target with a gain."
    if int(gains.notna().to_numpy().sum()) <= rows + 2 * columns - 2:
        return (
            "There are no more gains than the bilinear regressor has parameters:"
            f" {counted(rows, 'base model')} on {counted(columns, 'target')}."
        )
    return None


def _compute(context: Context) -> Regressions:
    gains = context.gains
    return Regressions(
        (
            regression(gains, "bilinear", SEED, _SHUFFLES),
            regression(gains, "base", SEED, _SHUFFLES),
            regression(gains, "target", SEED, _SHUFFLES),
        ),
        fit_regressor(gains, "bilinear", SEED),
    )


def _tables(result: Result) -> list[Table]:
    found = REGRESSION.of(result)
    rows = [{"gain": _FORMULAS[r.kind], **asdict(r)} for r in (found.regressors if found else ())]
    targets, bases = pd.DataFrame(), pd.DataFrame()
    if found is not None:
        targets = pd.DataFrame({"scale": found.fit.scale, "offset": found.fit.offset})
        targets = targets.reset_index(names="target")
        bases = pd.DataFrame({"base": found.fit.base}).reset_index(names="model")
    return [
        Table(
            "regression",
            "Gain from base model and target without interaction",
            "Mean squared error in points squared, of the fit, of fits to shuffled gains (mean and"
            " standard deviation; p: share that does as well), and of cells held out (with the standard"
            " deviation over fold seeds), each beside the variance that a constant leaves.",
            pd.DataFrame(rows),
        ),
        Table(
            "regression_targets",
            "Targets in the bilinear regressor",
            "Gain = base · scale + offset: scale is the sensitivity, its root mean square is one.",
            targets,
        ),
        Table(
            "regression_bases",
            "Base models in the bilinear regressor",
            "Gain = base · scale + offset: base is in points, with mean zero over models.",
            bases,
        ),
    ]


REGRESSION: Statistic[Regressions] = Statistic(
    name="regression",
    definition=(
        "Mean squared error of (b_m + t_t)·t'_t, of b_m and of t_t; of the same fits to shuffled gains;"
        " and of cells held out."
    ),
    source="paper, section 5",
    compute=_compute,
    needs=_needs,
    plain=lambda value: {"regressors": value.regressors},
    tables=_tables,
)
