"""Does intertraining help: are there base models that beat the pretrained one, and are they few?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.claims import drawing
from intertrain_jax.claims.claim import (
    CANNOT_TELL,
    CONTRARY,
    SHOWS,
    Claim,
    Finding,
    Number,
    bracketed,
)
from intertrain_jax.claims.evidence import Evidence, Matrix
from intertrain_jax.stats.correlation import CONFIDENCE, TAIL
from intertrain_jax.stats.groups import effects_among

# On each side of a 95 % interval.
_FEWEST_TARGETS = 3


@dataclass(frozen=True)
class Better:
    """How many base models are better on average than the pretrained one.

    Attributes:
        models: base, mean, low, high (95 % over targets), n; best first.
        low, high: 95 % interval of the number of models whose true average gain is above zero.
    """

    models: pd.DataFrame
    low: int
    high: int


def better_models(matrix: Matrix) -> Better:
    """Returns how many base models help, with an interval that holds for all of them together.

    A model's average is tested by Student's t over targets, which are a sample. As many as must be
    above zero, at 2.5 %, are the lower end; all but as many as must be below, the upper. What models
    have in common, as they have the pretrained model's noise, makes their tests err together (see
    `effects_among`).

    Raises:
        IntertrainError: no base model has gains on three targets.
    """
    gains = matrix.mean
    gains = gains[gains.count(axis=1) >= _FEWEST_TARGETS]
    if not len(gains):
        raise IntertrainError(f"no base model has gains on {_FEWEST_TARGETS} targets")
    n = gains.count(axis=1).to_numpy()
    mean = gains.mean(axis=1).to_numpy()
    error = gains.std(axis=1, ddof=1).to_numpy() / np.sqrt(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Gains without any spread, such as those of a copy of the pretrained model, say nothing.
        t = np.where(error > 0, mean / error, 0.0)
    half = error * stats.t.ppf(1.0 - TAIL, n - 1)
    above, below = (
        effects_among(np.asarray(of(t, n - 1)), TAIL) for of in (stats.t.sf, stats.t.cdf)
    )
    models = pd.DataFrame(
        {"base": gains.index, "mean": mean, "low": mean - half, "high": mean + half, "n": n}
    )
    order = np.argsort(-mean, kind="stable")
    return Better(models.iloc[order].reset_index(drop=True), above, len(n) - below)


def _cells(matrix: Matrix) -> dict[str, Number]:
    """Returns the shares of gains, of models and of targets that have one, beyond noise of seeds.

    A gain's noise is the standard deviation over seeds of its target, pooled over models; significance
    is by Student's t, adjusted over all gains (Benjamini and Hochberg, 5 %).
    """
    cells = matrix.runs.groupby(["base", "target"])["gain"].agg(["mean", "var", "count"])
    several = cells[cells["count"] > 1]
    freedom = (several["count"] - 1).groupby("target").sum()
    squares = (several["var"] * (several["count"] - 1)).groupby("target").sum()
    target = cells.index.get_level_values("target")
    df = freedom.reindex(target).to_numpy(dtype=float)
    variance = squares.reindex(target).to_numpy(dtype=float) / df
    known = np.isfinite(variance) & (variance > 0)
    if not known.any():
        return {"cells_tested": 0}
    t = cells["mean"][known] / np.sqrt(variance[known] / cells["count"][known])
    q = stats.false_discovery_control(2.0 * stats.t.sf(np.abs(t), df[known]))
    sign = pd.Series(np.where(q <= 1.0 - CONFIDENCE, np.sign(t), 0.0), t.index)
    positive = sign[sign > 0]
    return {
        "cells_tested": len(sign),
        "cells_above": len(positive),
        "cells_below": int((sign < 0).sum()),
        "models_with_a_gain": positive.index.get_level_values("base").nunique(),
        "targets_with_a_gain": positive.index.get_level_values("target").nunique(),
        "targets_tested": sign.index.get_level_values("target").nunique(),
    }


def _found(matrix: Matrix, better: Better) -> str:
    models, best, cells = better.models, better.models.iloc[0], _cells(matrix)
    said = (
        f"Of {counted(len(models), 'base model')}, {int((models['mean'] > 0).sum())} have a positive"
        f" average gain; between {better.low} and {better.high} truly help (95 %, over targets, all"
        f" models together). The best is {best['base']}: {best['mean']:+.2f} points"
        f" {bracketed(best['low'], best['high'], '+.2f')}."
    )
    if cells["cells_tested"]:
        said += (
            f" Beyond the noise of seeds, {cells['cells_above']} of {cells['cells_tested']} gains are"
            f" above zero and {cells['cells_below']} below; {cells['targets_with_a_gain']} of"
            f" {cells['targets_tested']} targets have one above."
        )
    return f"{said} n: {matrix.size}."


def _numbers(matrix: Matrix, better: Better) -> dict[str, Number]:
    models, best = better.models, better.models.iloc[0]
    return {
        "models": len(models),
        "positive": int((models["mean"] > 0).sum()),
        "help_low": better.low,
        "help_high": better.high,
        "best": str(best["base"]),
        "best_gain": float(best["mean"]),
        **_cells(matrix),
    }


def _good_models(records: Evidence) -> Finding:
    better = better_models(records.matrix)
    rows = better.models.rename(columns={"base": "name", "mean": "value"})
    return Finding(
        _found(records.matrix, better),
        SHOWS if better.low > 0 else CONTRARY if better.high == 0 else CANNOT_TELL,
        _numbers(records.matrix, better),
        drawing.Rows(rows, "average gain over targets in points, with 95 % interval"),
    )


def _most_hurt(records: Evidence) -> Finding:
    better = better_models(records.matrix)
    half = len(better.models) / 2.0
    return Finding(
        _found(records.matrix, better),
        SHOWS if better.high < half else CONTRARY if better.low > half else CANNOT_TELL,
        _numbers(records.matrix, better),
    )


GOOD_MODELS = Claim(
    name="good-models-exist",
    title="Some base models are better to start from than the pretrained one",
    paper=(
        "Some intermediate models, MNLI above all, give consistent gains over the pretrained model (§4,"
        " Fig. 1)."
    ),
    judge=_good_models,
)
MOST_HURT = Claim(
    name="most-models-hurt",
    title="Most base models are worse than the pretrained one",
    paper="Most models are worse than the pretrained one, and about 1 in 6 are better (§4, Fig. 1).",
    judge=_most_hurt,
)
