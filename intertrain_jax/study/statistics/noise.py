"""Noise: how much scores vary over seeds, per target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from intertrain_jax.stats.noise import NoiseModel, fit_noise
from intertrain_jax.study.statistics.statistic import Context, Statistic
from intertrain_jax.study.table import Table, rows_of

if TYPE_CHECKING:
    from intertrain_jax.study.result import Result


def _needs(context: Context) -> str | None:
    runs = context.study.runs
    if runs is None:
        return "One number per cell is known: seeds have no spread."
    if (runs.groupby(["base", "target"])["score"].count() > 1).any():
        return None
    return "No base model has two seeds on any target."


def _compute(context: Context) -> NoiseModel:
    assert context.study.runs is not None
    return fit_noise(context.study.runs[["base", "target", "seed", "score"]])


def _plain(noise: NoiseModel) -> dict[str, Any]:
    """Returns all but what is of single cells."""
    hidden = ("cell_variance", "cell_n", "cells", "common")
    shown = {k: v for k, v in vars(noise).items() if k not in hidden}
    return shown | {"common_std": noise.common.std}


def _tables(result: Result) -> list[Table]:
    noise = NOISE.of(result)
    return [
        Table(
            "noise",
            "Standard deviation of scores over seeds",
            "Points; n scores, df degrees of freedom; raw pooled over base models, std shrunk towards"
            f" other targets'. The average over targets has"
            f" {noise.average_std if noise else math.nan:.2f}.",
            rows_of(noise.targets if noise else ()),
        )
    ]


NOISE: Statistic[NoiseModel] = Statistic(
    name="noise",
    plain=_plain,
    definition=(
        "Standard deviations of scores over seeds, per target, pooled over base models and shrunk"
        " towards each other; and of averages over targets. Null without degrees of freedom."
    ),
    source="paper, Fig. 5 and Table 3; Smyth 2004",
    compute=_compute,
    needs=_needs,
    tables=_tables,
)
