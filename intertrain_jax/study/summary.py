"""A result as finite JSON: every statistic by name, with its definition and where that comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from intertrain_jax.stats.correlation import CONFIDENCE
from intertrain_jax.study.analyse import SEED
from intertrain_jax.study.pairs import PairsResult
from intertrain_jax.study.result import Result

SCHEMA = 1
_CORRELATION = " An interval is null below four pairs; all is null where one side is constant."
# Name → definition, and where it is defined.
DEFINITIONS: Mapping[str, tuple[str, str]] = {
    "max_gain": (
        "The largest gain of any base model on a target, max_m G[m,t].",
        "paper, section 2",
    ),
    "average_gain": (
        "mean_t G[m,t]. 'common': over the targets that all models have; 'additive': of the fit"
        " G[m,t] = a_m + c_t, for all targets. The interval says how much an average would change on"
        " other targets like these; it is null without residual degrees of freedom.",
        "paper, section 4.2 (g^avg)",
    ),
    "significance": (
        "Cells whose mean gain is more than two standard deviations over seeds from zero, and cells"
        " whose seed-paired t-test is significant after Benjamini and Hochberg's adjustment.",
        "paper, Fig. 1; Benjamini and Hochberg 1995",
    ),
    "noise": (
        "Standard deviations of scores over seeds, per target, pooled over base models and shrunk"
        " towards each other; and of averages over targets. Null without degrees of freedom.",
        "paper, Fig. 5 and Table 3; Smyth 2004",
    ),
    "gain_intervals": (
        "Intervals of gains by the noise model, from seeds; and, as an upper bound for unseen examples,"
        " from seeds and the sampling of test examples. The cells are in tables/gain_intervals.csv.",
        "noise model: std_t²·(1/n_base + 1/n_pretrained)",
    ),
    "average_gain_draws": (
        "Average gains with the error from seeds. 'shared_error' is the pretrained model's: it moves all"
        " averages together, and no rank.",
        "noise model",
    ),
    "ranks": (
        "Ranks by average gain, with intervals, the probability of being the best and among the three"
        " best, and groups of models that cannot be told apart. 'basis' says what the uncertainty is"
        " of: other seeds, or, where there are none, other targets like these.",
        "posterior draws of the noise model, or a bootstrap over targets",
    ),
    "sensitivity": (
        "Correlation over targets of one representative model's gains with max-gain, over all models"
        " and over all others." + _CORRELATION,
        "paper, section 4.1",
    ),
    "loss": (
        "loss_n(t) = max_m G[m,t] - max over the n top-ranked models of G[m,t]: average, maximum and"
        " number of targets above one point.",
        "paper, section 4.2, Tables 1 and 6",
    ),
    "pretrained_scores": (
        "The pretrained model's test scores in percent: mean and standard deviation over seeds; the"
        " deviation is null below two seeds.",
        "paper, Table 3",
    ),
    "probe_gain": (
        "Correlations of the linear probe on MNLI with the average gain, and the line average ="
        " slope·probe + intercept." + _CORRELATION,
        "paper, section 4.2, Fig. 2, App. F",
    ),
    "group_means": (
        "Mean gain of a group of sources on a group of targets; a task of two groups counts in the"
        " narrower one. The interval takes sources as the sample, and is null below two.",
        "paper, section 5, Table 2",
    ),
    "anova": (
        "One-way analysis of variance over source groups within a target group, with single cells as"
        " observations as in the paper, and with sources' means; Holm's adjustment over target groups."
        " Null below two groups or without residual degrees of freedom.",
        "paper, section 5",
    ),
    "regression": (
        "Mean squared error of (b_m + t_t)·t'_t, of b_m and of t_t; of the same fits to shuffled gains;"
        " and of cells held out.",
        "paper, section 5",
    ),
    "symmetry": (
        "s = (|S| - |V|)/(|S| + |V|) with S and V the symmetric and skew-symmetric parts, in Frobenius'"
        " norm, beside its distribution when targets' names are permuted.",
        "paper, App. G",
    ),
    "size_effects": (
        "Correlations of train size with the average gain of sources, and with average and spread of"
        " the gains of targets." + _CORRELATION,
        "paper, section 6.1",
    ),
    "size_curves": (
        "Mean gain at several train sizes, over the same units at every size.",
        "paper, Fig. 3, 4, 8 to 10",
    ),
    "source_scores": (
        "Correlation of source models' score on their own task with their average score on the other"
        " targets, within sources; n is the number of source models less that of sources, plus one."
        + _CORRELATION,
        "paper, section 6.2, Fig. 11",
    ),
    "architectures": (
        "Correlations between two pretrained models of max-gains, of targets' average gains and of base"
        " models' average gains." + _CORRELATION,
        "paper, section 6.3",
    ),
}


def summarise(result: Result) -> dict[str, Any]:
    """Returns a result as plain values for `summary.json`; NaN becomes null."""
    study = result.study
    values = {
        "max_gain": {"targets": result.max_gain},
        "average_gain": result.averages,
        "significance": result.significance,
        "noise": result.noise,
        "gain_intervals": _interval_counts(result),
        "average_gain_draws": _draws(result),
        "ranks": result.ranks and {"basis": result.ranks.basis, **asdict(result.ranks.table)},
        "sensitivity": result.sensitivity,
        "loss": {
            f"loss_{named.loss.top}_by_{named.ranking.replace(' ', '_')}": named.loss
            for named in result.losses
        },
        "pretrained_scores": _pretrained(result),
        "probe_gain": {"rows": result.probe} if result.probe else None,
        "group_means": {"cells": result.group_means} if result.group_means else None,
        "anova": {"tests": result.anova} if result.anova else None,
        "regression": {"regressors": result.regressions} if result.regressions else None,
        "symmetry": result.symmetry,
        "size_effects": {"effects": result.size_effects} if result.size_effects else None,
        "size_curves": {"curves": result.curves} if result.curves else None,
        "source_scores": result.source_scores,
        "architectures": result.architectures,
    }
    gains = study.gains
    return {
        "schema": SCHEMA,
        "study": {
            "name": study.name,
            "kind": study.kind,
            "pretrained": study.pretrained,
            "base_models": len(gains.mean),
            "targets": len(gains.mean.columns),
            "seeds": gains.asked,
            "cells": study.cells,
            "cells_missing": study.missing,
            "cells_with_fewer_seeds": study.thin,
            "left_out": plain([_finding(finding) for finding in study.left_out]),
            "notes": list(study.notes),
        },
        "units": "gains in points of percent, squared errors in points squared",
        "confidence": CONFIDENCE,
        "seed": SEED,
        "statistics": _described(values),
        "not_computed": dict(result.not_computed),
    }


def summarise_pairs(result: PairsResult) -> dict[str, Any]:
    """Returns what two measurements say as plain values for `summary.json`."""
    pairs = result.pairs
    values = {
        "probe_gain": {
            "x": pairs.x_name,
            "y": pairs.y_name,
            "rows": len(pairs.x),
            "pearson": result.pearson,
            "spearman": result.spearman,
            "line": result.line,
        }
    }
    return {
        "schema": SCHEMA,
        "study": {"name": pairs.name, "kind": "pairs"},
        "confidence": CONFIDENCE,
        "statistics": _described(values),
    }


def plain(value: Any) -> Any:
    """Returns a value as JSON knows it: dataclasses and tables as mappings, NaN and infinity as None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, pd.DataFrame):
        return [plain(row) for row in value.to_dict("records")]
    if isinstance(value, pd.Series):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        # Six digits: beyond them, libraries differ.
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _described(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the statistics that there are, each with its definition and source."""
    found = {}
    for name, value in values.items():
        if value is not None and value != {}:
            definition, source = DEFINITIONS[name]
            found[name] = {"definition": definition, "source": source, **plain(value)}
    return found


def _interval_counts(result: Result) -> dict[str, Any] | None:
    """Returns how many gains have an interval, and how many of them do not hold zero."""
    counts = {}
    for name, intervals in (("seeds", result.intervals), ("unseen", result.intervals_unseen)):
        if intervals is not None:
            low, high = intervals.low.to_numpy(), intervals.high.to_numpy()
            counts[name] = {
                "n": int(np.isfinite(low).sum()),
                "above_zero": int((low > 0).sum()),
                "below_zero": int((high < 0).sum()),
            }
    return counts or None


def _draws(result: Result) -> dict[str, Any] | None:
    draws = result.draws
    if draws is None:
        return None
    return {
        "estimate": draws.estimate,
        "error": draws.error,
        "shared_error": draws.shared_error,
        "between_std": draws.between_std,
        "draws": len(draws.draws),
    }


def _pretrained(result: Result) -> dict[str, Any] | None:
    table = pretrained_scores(result)
    return {"targets": table} if len(table) else None


def pretrained_scores(result: Result) -> pd.DataFrame:
    """Returns target, mean, std and n of the pretrained model's scores (Table 3)."""
    study = result.study
    scores = study.pretrained_scores
    if study.runs is None:
        known = scores.dropna()
        return pd.DataFrame(
            {"target": known.index, "mean": known.to_numpy(), "std": np.nan, "n": 1}
        )
    runs = study.runs[(study.runs["base"] == study.pretrained) & study.runs["score"].notna()]
    grouped = runs.groupby("target", sort=False)["score"]
    table = pd.DataFrame({"mean": grouped.mean(), "std": grouped.std(ddof=1), "n": grouped.count()})
    return table.reindex([t for t in study.gains.mean.columns if t in table.index]).reset_index(
        names="target"
    )


def _finding(finding: Any) -> dict[str, Any]:
    return {
        name: getattr(finding, name) for name in ("row", "model", "rule", "severity", "evidence")
    }
