"""Which estimator's scores follow gains: all side by side, and each against the linear probe."""

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
    coefficient,
    transformed,
)
from intertrain_jax.claims.evidence import Evidence, wide
from intertrain_jax.claims.probe import FEWEST_MODELS, LINEAR_PROBE, TASK
from intertrain_jax.stats.clusters import clusters_of
from intertrain_jax.stats.correlation import TAIL, Correlation, correlation
from intertrain_jax.stats.resampling import resample

_REFERENCES = (LINEAR_PROBE, "logme")


@dataclass(frozen=True)
class Lead:
    """By how much one estimator follows gains better than another, over the same models.

    Attributes:
        value, low, high: difference of Spearman's coefficients, with its 95 % interval through Fisher's
            transforms: the jackknife's over models, alike ones together. NaN where it is not known.
        above, below: one-sided p-values of no lead, against one, and against a lead of the other.
    """

    value: float
    low: float
    high: float
    above: float
    below: float


def lead(first: np.ndarray, second: np.ndarray, gains: np.ndarray, cluster: np.ndarray) -> Lead:
    """Returns by how much the first of two estimators follows gains better.

    Args:
        first, second: [n] scores of models.
        gains: [n] their average gains.
        cluster: [n] number of each model's cluster.
    """
    nan = float("nan")
    own = stats.rankdata(gains)
    parts = [resample(stats.rankdata(of), own, cluster) for of in (first, second)]
    values = [
        float(np.corrcoef(stats.rankdata(of), own)[0, 1])
        if np.ptp(of) > 0 and np.ptp(own) > 0
        else nan
        for of in (first, second)
    ]
    if parts[0] is None or parts[1] is None or not np.isfinite(values).all():
        return Lead(nan, nan, nan, 1.0, 1.0)
    apart = parts[0].transformed - parts[1].transformed
    clusters = len(apart)
    error = float(((clusters - 1) * apart.var()) ** 0.5)
    difference, df = transformed(values[0]) - transformed(values[1]), parts[0].df
    if error <= 0:
        return Lead(values[0] - values[1], nan, nan, 1.0, 1.0)
    half = float(stats.t.ppf(1.0 - TAIL, df)) * error
    apart_by = values[0] - values[1]
    # From a difference of transforms to one of coefficients, so that both are zero together.
    slope = apart_by / difference if difference else 1.0 - values[0] ** 2
    return Lead(
        apart_by,
        (difference - half) * slope,
        (difference + half) * slope,
        float(stats.t.sf(difference / error, df)),
        float(stats.t.cdf(difference / error, df)),
    )


def side_by_side(records: Evidence) -> tuple[pd.DataFrame, pd.Series, str]:
    """Returns scores [M models, E estimators] on one task, average gains [M], and the task.

    Raises:
        IntertrainError: there are fewer than two estimators, no linear probe among them, or too few
            models.
    """
    ranked = records.rankings.assign(estimator=records.rankings["estimator"].str.casefold())
    counts = ranked.groupby("task", sort=True)["estimator"].nunique()
    if not len(counts):
        raise IntertrainError("nothing was ranked")
    task = next((name for name in counts.index if name.casefold() == TASK), counts.idxmax())
    scores = wide(ranked[ranked["task"] == task], "base", "estimator", "score")
    averages = records.matrix.averages
    scores = scores[scores.index.isin(averages.index)]
    # An estimator that most models lack would leave few to compare on.
    scores = scores.loc[:, scores.notna().mean() > 0.5].dropna()
    if LINEAR_PROBE not in scores or scores.shape[1] < 2:
        raise IntertrainError(
            f"the linear probe ({LINEAR_PROBE}) and another estimator are needed on {task}, there are"
            f" {', '.join(scores.columns) or 'none'}"
        )
    if len(scores) < FEWEST_MODELS:
        raise IntertrainError(
            f"gains and all estimators' scores are known of {counted(len(scores), 'base model')};"
            f" {FEWEST_MODELS} are needed"
        )
    return scores, averages.reindex(scores.index), str(task)


def _estimators(records: Evidence) -> Finding:
    scores, averages, task = side_by_side(records)
    gains = averages.to_numpy(dtype=float)
    alike = clusters_of(records.matrix.mean.reindex(scores.index)).numbers(list(scores.index))
    of: dict[str, Correlation] = {
        str(name): correlation(scores[name], averages, "spearman", alike) for name in scores
    }
    order = sorted(of, key=lambda name: (-np.nan_to_num(of[name].value, nan=-2.0), name))
    numbers: dict[str, Number] = {"task": task, "models": len(scores)}
    leads: dict[str, Lead] = {}
    for reference in (name for name in _REFERENCES if name in of):
        for name in (name for name in order if name != reference):
            found = lead(scores[reference].to_numpy(), scores[name].to_numpy(), gains, alike)
            numbers |= {
                f"{reference}_less_{name}": found.value,
                f"{reference}_less_{name}_low": found.low,
                f"{reference}_less_{name}_high": found.high,
            }
            if reference == LINEAR_PROBE:
                leads[name] = found
    for name in order:
        numbers |= {
            f"spearman_{name}": of[name].value,
            f"spearman_{name}_low": of[name].low,
            f"spearman_{name}_high": of[name].high,
        }
    verdict = CANNOT_TELL
    if all(found.above <= TAIL for found in leads.values()):
        verdict = SHOWS
    elif any(found.below <= TAIL / len(leads) for found in leads.values()):
        verdict = CONTRARY
    listed = ", ".join(
        f"{name} {coefficient(of[name].value, of[name].low, of[name].high)}" for name in order
    )
    apart = ", ".join(
        f"{name} {found.value:+.2f} {bracketed(found.low, found.high, '+.2f')}"
        if np.isfinite(found.value)
        else f"{name} undefined"
        for name, found in leads.items()
    )
    rows = pd.DataFrame(
        [
            {"name": name, "value": of[name].value, "low": of[name].low, "high": of[name].high}
            for name in order
        ]
    )
    return Finding(
        f"Over {counted(len(scores), 'base model')}, Spearman's correlation of scores on {task} and"
        f" average gains is {listed} (95 %). The linear probe's less each other's: {apart}.",
        verdict,
        numbers,
        drawing.Rows(rows, f"Spearman's correlation of scores on {task} and gains, 95 %"),
    )


ESTIMATORS = Claim(
    name="probe-beats-estimators",
    title="The linear probe follows gains better than estimators that train nothing",
    paper="Beyond the paper, which ranks by the linear probe alone (§4.2).",
    judge=_estimators,
)
