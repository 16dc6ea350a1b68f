"""Do sources rank alike, and are targets alike sensitive, in several architectures?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import tanh

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.claims import drawing
from intertrain_jax.claims.claim import (
    Claim,
    Finding,
    Number,
    beyond,
    coefficient,
    transformed,
    unrelated,
)
from intertrain_jax.claims.evidence import Evidence
from intertrain_jax.stats.averages import AverageGains, average_gains
from intertrain_jax.stats.correlation import CONFIDENCE, correlation
from intertrain_jax.stats.resampling import resample

_FEWEST = 5


@dataclass(frozen=True)
class Agreement:
    """How far architectures agree on something of each source, or of each target.

    Attributes:
        pairs: one row per pair of architectures: name, value, low, high (Spearman's, 95 %), n.
        value, low, high: of all pairs, through the mean of Fisher's transforms.
        n: the fewest sources, or targets, of any pair.
    """

    pairs: pd.DataFrame
    value: float
    low: float
    high: float
    n: int


def gains_by_architecture(records: Evidence) -> dict[str, pd.DataFrame]:
    """Returns architecture → gains [M, N], over what all of them have.

    Raises:
        IntertrainError: there is one architecture only, or they have too few sources or targets in
            common.
    """
    names = records.architectures
    if len(names) < 2:
        raise IntertrainError("there is one architecture only")
    gains = {name: records.of(name).matrix.mean for name in names}
    rows = sorted(set.intersection(*(set(of.index) for of in gains.values())))
    columns = sorted(set.intersection(*(set(of.columns) for of in gains.values())))
    if len(rows) < _FEWEST or len(columns) < _FEWEST:
        raise IntertrainError(
            f"{', '.join(names)} have {counted(len(rows), 'base model')} and"
            f" {counted(len(columns), 'target')} in common; {_FEWEST} of each are needed"
        )
    return {name: of.loc[rows, columns] for name, of in gains.items()}


def agreement(values: Mapping[str, pd.Series]) -> Agreement:
    """Returns Spearman's correlations of each pair of architectures, and of all pairs together.

    Pairs have their sources in common: the interval of their mean is the jackknife's, which leaves each
    source out of all of them, by Student's t, and not narrower than that of as many separate pairs.

    Args:
        values: architecture → measure of each source, or of each target.
    """
    pairs = []
    for first, second in combinations(sorted(values), 2):
        a, b = values[first].align(values[second], join="inner")
        found = correlation(a, b, "spearman")
        pairs.append((f"{first}, {second}", found.value, found.low, found.high, found.n))
    table = pd.DataFrame(pairs, columns=["name", "value", "low", "high", "n"])
    n, nan = int(table["n"].min()), float("nan")
    if not np.isfinite(table["low"]).all():
        return Agreement(table, nan, nan, nan, n)
    if len(table) == 1:
        one = table.iloc[0]
        return Agreement(table, float(one["value"]), float(one["low"]), float(one["high"]), n)
    ranks = pd.DataFrame(values).dropna().rank()
    every = [resample(*pair, np.arange(len(ranks))) for pair in combinations(ranks.to_numpy().T, 2)]
    left_out = [of.transformed for of in every if of is not None]
    if len(left_out) < len(every):
        return Agreement(table, nan, nan, nan, n)
    middle = float(np.mean([transformed(value) for value in table["value"]]))
    error = float(((len(ranks) - 1) * np.mean(left_out, axis=0).var()) ** 0.5)
    # It is not believed to be smaller than that of pairs that have nothing in common.
    error = max(error, ((1.0 + tanh(middle) ** 2 / 2.0) / ((n - 3) * len(table))) ** 0.5)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, len(ranks) - 1)) * error
    return Agreement(table, tanh(middle), tanh(middle - half), tanh(middle + half), n)


def _finding(found: Agreement, what: str, verdict: str, more: str) -> Finding:
    numbers: dict[str, Number] = {
        "n": found.n,
        "spearman": found.value,
        "spearman_low": found.low,
        "spearman_high": found.high,
    }
    numbers |= {f"spearman of {row['name']}": row["value"] for _, row in found.pairs.iterrows()}
    all_pairs = {"name": "all pairs", "value": found.value, "low": found.low, "high": found.high}
    rows = found.pairs.drop(columns="n")
    if len(rows) > 1:
        rows = pd.concat([pd.DataFrame([all_pairs]), rows], ignore_index=True)
    return Finding(
        f"{what} correlate across {counted(len(found.pairs), 'pair')} of architectures by Spearman"
        f" {coefficient(found.value, found.low, found.high)} (95 %, n = {found.n}).{more}",
        verdict,
        numbers,
        drawing.Rows(rows, f"Spearman's correlation of {what[0].lower()}{what[1:]}, 95 %"),
    )


def _reliability(fit: AverageGains) -> float:
    """Returns the share of sources' variance in averages that is not of errors over targets."""
    gains = np.array([model.gain for model in fit.models])
    errors = np.array([model.error for model in fit.models])
    variance = float(np.nanvar(gains, ddof=1))
    return max(1.0 - float(np.nanmean(np.square(errors))) / variance, 0.0) if variance > 0 else 0.0


def _rankings_differ(records: Evidence) -> Finding:
    gains = gains_by_architecture(records)
    fits = {name: average_gains(of, "additive") for name, of in gains.items()}
    averages = {name: fit.series().dropna() for name, fit in fits.items()}
    found = agreement(averages)
    reliability = float(np.prod([_reliability(fit) for fit in fits.values()])) ** (1 / len(fits))
    best = ", ".join(f"{of.idxmax()} ({name})" for name, of in averages.items() if len(of))
    verdict = unrelated(found.low, found.high, reliability)
    return _finding(found, "Average gains of sources", verdict, f" The best source is {best}.")


def _sensitivity_agrees(records: Evidence) -> Finding:
    gains = gains_by_architecture(records)
    found = agreement({name: of.max().dropna() for name, of in gains.items()})
    verdict = beyond(found.low, found.high, "above")
    return _finding(found, "Max-gains of targets", verdict, "")


RANKINGS_DIFFER = Claim(
    name="sources-rank-differently",
    title="Sources rank differently in different architectures",
    paper=(
        "Average gains of sources do not correlate across RoBERTa, BERT and T5, though MNLI is the best"
        " in all three (§6.3, Fig. 12 and 13)."
    ),
    judge=_rankings_differ,
    across=True,
)
SENSITIVITY_AGREES = Claim(
    name="targets-are-alike-sensitive",
    title="Targets are alike sensitive in different architectures",
    paper="Max-gains of targets correlate across all architectures, Pearson 0.6 to 0.94 (§6.3).",
    judge=_sensitivity_agrees,
    across=True,
)
