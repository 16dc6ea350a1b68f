"""What an analysis is told, and what it finds: every statistic of a study by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.records.runs import Record
from intertrain_jax.stats.averages import AverageGains, How, MaxGain, Significance
from intertrain_jax.stats.correlation import CONFIDENCE, Correlation
from intertrain_jax.stats.groups import Anova, GroupMean
from intertrain_jax.stats.lines import Line
from intertrain_jax.stats.noise import AverageDraws, GainIntervals, NoiseModel
from intertrain_jax.stats.ranking import Loss, RankTable
from intertrain_jax.stats.regress import Regression, Regressor
from intertrain_jax.stats.sensitivity import Architectures, Sensitivity
from intertrain_jax.stats.sizes import SizeEffect
from intertrain_jax.stats.symmetry import Symmetry
from intertrain_jax.study.curves import NamedCurve
from intertrain_jax.study.inputs import Study
from intertrain_jax.study.source_scores import SourceScores


@dataclass(frozen=True)
class Options:
    """What the user may choose about an analysis.

    Attributes:
        how: averages over common targets, or by the additive model; None takes the additive model
            where cells are missing, and the plain average where none is.
        representative: base model whose gains stand for max-gain; None takes MNLI if it is there, else
            the model with the highest average.
        other: a second study, of another architecture.
        sizes: records of the same grid at other train sizes.
    """

    how: How | None = None
    representative: str | None = None
    other: Study | None = None
    sizes: Sequence[Mapping[str, Record]] = ()


@dataclass(frozen=True)
class ProbeGain:
    """Linear probe against average gain (§4.2, Fig. 2 of the paper).

    Attributes:
        models: which rows.
        pearson, spearman: correlations.
        line: average gain = slope · probe + intercept.
    """

    models: str
    pearson: Correlation
    spearman: Correlation
    line: Line


@dataclass(frozen=True)
class Ranking:
    """Ranks by average gain.

    Attributes:
        basis: what the uncertainty is of: "seeds" (the same targets again) or "targets" (other targets
            like these, by bootstrap), where nothing is known of seeds.
        table: the ranks.
        averages: draws that they rest on.
    """

    basis: str
    table: RankTable
    averages: pd.DataFrame


@dataclass(frozen=True)
class NamedLoss:
    """A loss and the ranking that it is of: "probe", "average" or "average of other targets"."""

    ranking: str
    loss: Loss


@dataclass(frozen=True)
class Result:
    """Every statistic of a study; None, or empty, where it was not computed.

    Attributes:
        study: what was analysed.
        averages: average gains.
        max_gain: of every target.
        significance: counts.
        noise: variances over seeds.
        intervals: of gains, from seeds.
        intervals_unseen: of gains on unseen examples: seeds and sampling of the test set.
        draws: of average gains, from seeds.
        ranks: by average gain.
        sensitivity: of targets.
        losses: what the top-ranked models lose.
        probe: against average gain; for a leaderboard without and with the suspicious rows.
        group_means, anova: by group.
        regressions, bilinear: the regressors, and the bilinear fit.
        symmetry: of the square part.
        size_effects, curves: of train sizes.
        source_scores: source score against average score.
        architectures: two studies compared.
        not_computed: name of a statistic → why not.
    """

    study: Study
    averages: AverageGains
    max_gain: tuple[MaxGain, ...]
    significance: Significance | None = None
    noise: NoiseModel | None = None
    intervals: GainIntervals | None = None
    intervals_unseen: GainIntervals | None = None
    draws: AverageDraws | None = None
    ranks: Ranking | None = None
    sensitivity: Sensitivity | None = None
    losses: tuple[NamedLoss, ...] = ()
    probe: tuple[ProbeGain, ...] = ()
    group_means: tuple[GroupMean, ...] = ()
    anova: tuple[Anova, ...] = ()
    regressions: tuple[Regression, ...] = ()
    bilinear: Regressor | None = None
    symmetry: Symmetry | None = None
    size_effects: tuple[SizeEffect, ...] = ()
    curves: tuple[NamedCurve, ...] = ()
    source_scores: SourceScores | None = None
    architectures: Architectures | None = None
    not_computed: Mapping[str, str] = field(default_factory=dict)

    def models(self) -> pd.DataFrame:
        """Returns one row per base model, best average first, for people to read.

        Columns: base, average (points), low, high (interval at `CONFIDENCE`: over seeds, the pretrained
        model's included, where there are draws; else over targets), cells, probe, rank, rank_low,
        rank_high, best, top3 (probabilities), groups (numbers joined by blanks); NaN where unknown.
        """
        rows = {
            m.base: {"average": m.gain, "low": m.low, "high": m.high, "cells": m.n}
            for m in self.averages.models
        }
        table = pd.DataFrame.from_dict(rows, orient="index")
        if self.draws is not None:
            error = np.hypot(self.draws.error, self.draws.shared_error)
            half = float(stats.norm.ppf(0.5 + CONFIDENCE / 2.0)) * error
            table["low"], table["high"] = self.draws.estimate - half, self.draws.estimate + half
        table["probe"] = self.study.probe.reindex(table.index).astype(float)
        ranks = {} if self.ranks is None else {m.base: m for m in self.ranks.table.models}
        for column, name in _RANKS.items():
            table[column] = [getattr(ranks[b], name) if b in ranks else np.nan for b in table.index]
        table["groups"] = [
            " ".join(map(str, ranks[b].groups)) if b in ranks else "" for b in table.index
        ]
        table = table.rename_axis("base").reset_index()
        return table.sort_values(["average", "base"], ascending=[False, True], ignore_index=True)


# Columns of the table of models → fields of a ranked model.
_RANKS = {"rank": "rank", "rank_low": "low", "rank_high": "high", "best": "best", "top3": "top3"}
