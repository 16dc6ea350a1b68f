"""Scores of the pretrained model without intertraining: Table 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from intertrain_jax.study.statistics.statistic import Context, Statistic
from intertrain_jax.study.table import Table

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result


def _needs(context: Context) -> str | None:
    if context.study.pretrained_scores.isna().all():
        return "The pretrained model's own scores are not known."
    return None


def _compute(context: Context) -> pd.DataFrame:
    """Returns target, mean, std and n of the pretrained model's scores."""
    study = context.study
    if study.runs is None:
        known = study.pretrained_scores.dropna()
        return pd.DataFrame(
            {"target": known.index, "mean": known.to_numpy(), "std": np.nan, "n": 1}
        )
    runs = study.runs[(study.runs["base"] == study.pretrained) & study.runs["score"].notna()]
    grouped = runs.groupby("target", sort=False)["score"]
    table = pd.DataFrame({"mean": grouped.mean(), "std": grouped.std(ddof=1), "n": grouped.count()})
    order = [target for target in context.gains.columns if target in table.index]
    return table.reindex(order).reset_index(names="target")


def _tables(result: Result) -> list[Table]:
    scores = PRETRAINED_SCORES.of(result)
    return [
        Table(
            "table3_pretrained_scores",
            f"Scores of {result.study.pretrained} without intertraining (Table 3)",
            "Test score in percent: mean and standard deviation over n seeds.",
            pd.DataFrame() if scores is None else scores,
        )
    ]


PRETRAINED_SCORES: Statistic[pd.DataFrame] = Statistic(
    name="pretrained_scores",
    definition=(
        "The pretrained model's test scores in percent: mean and standard deviation over seeds; the"
        " deviation is null below two seeds."
    ),
    source="paper, Table 3",
    compute=_compute,
    needs=_needs,
    plain=lambda value: {"targets": value},
    tables=_tables,
)
