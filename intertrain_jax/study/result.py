"""What an analysis is told, and what it finds: every statistic of a study by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from intertrain_jax.base import nearest
from intertrain_jax.readers.units import is_correlation
from intertrain_jax.records.runs import Record
from intertrain_jax.stats.averages import AverageGains, How
from intertrain_jax.stats.clusters import How as Cluster
from intertrain_jax.stats.correlation import TAIL
from intertrain_jax.study.inputs import Study
from intertrain_jax.study.statistics.average_gain import AVERAGE_GAIN
from intertrain_jax.study.statistics.ranks import RANKS


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
        cluster: which models are resampled together in what is computed over models: see
            `stats.clusters.clusters_of`.
    """

    how: How | None = None
    representative: str | None = None
    other: Study | None = None
    sizes: Sequence[Mapping[str, Record]] = ()
    cluster: Cluster = "auto"


class Statistics(Mapping[str, Any]):
    """The statistics of a result by name; one that was not computed says why not.

    Args:
        values: name → value.
        reasons: name → why it was not computed.
    """

    def __init__(self, values: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
        self._values, self._reasons = values, reasons

    def __getitem__(self, name: str) -> Any:
        """Returns a statistic; what it holds is described by its class."""
        if name in self._values:
            return self._values[name]
        if name in self._reasons:
            raise KeyError(f"{name!r} was not computed: {self._reasons[name]}")
        raise KeyError(f"there is no statistic {name!r}.{nearest(name, self._values)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        """Names what there is."""
        return f"Statistics({', '.join(self._values)})"


@dataclass(frozen=True)
class Result:
    """Every statistic of a study.

    Attributes:
        study: what was analysed.
        values: name of a statistic → its value; those that were not computed are left out.
        not_computed: name of a statistic, or of a part of one → why not.
        everything: of the study with the rows that are left out, what headlines rest on; None where
            none is left out.
    """

    study: Study
    values: Mapping[str, Any]
    not_computed: Mapping[str, str] = field(default_factory=dict)
    everything: Result | None = None

    @cached_property
    def statistics(self) -> Statistics:
        """Statistics by name, such as "sensitivity", whose values have their parts as attributes."""
        return Statistics(self.values, self.not_computed)

    @property
    def averages(self) -> AverageGains:
        """Average gains, which every study has."""
        found = AVERAGE_GAIN.of(self)
        assert found is not None
        return found

    def models(self) -> pd.DataFrame:
        """Returns one row per base model, best average first, for people to read.

        Columns: base, average (points), low, high (interval at `CONFIDENCE` of the true average, from
        the draws that ranks rest on: over seeds, the pretrained model's included, or over targets. They
        are drawn towards the other models' averages, as the best measured is likely a lucky one), cells,
        probe, rank, rank_low, rank_high, best, top3 (probabilities), groups (numbers joined by blanks);
        NaN where unknown.
        """
        rows = {m.base: [m.gain, m.low, m.high, m.n] for m in self.averages.models}
        found = RANKS.of(self)
        columns = ["average", "low", "high", "cells"]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        if found is not None:
            # Of one seed or two the draws know no bound, but scores do.
            low, high = _possible(self.study, self.averages.targets)
            table["low"] = found.averages.quantile(TAIL).clip(low, high)
            table["high"] = found.averages.quantile(1.0 - TAIL).clip(low, high)
        table["probe"] = self.study.probe.reindex(table.index).astype(float)
        ranks = {} if found is None else {m.base: m for m in found.table.models}
        for column, name in _RANKS.items():
            table[column] = [getattr(ranks[b], name) if b in ranks else np.nan for b in table.index]
        table["groups"] = [
            " ".join(map(str, ranks[b].groups)) if b in ranks else "" for b in table.index
        ]
        table = table.rename_axis("base").reset_index()
        return table.sort_values(["average", "base"], ascending=[False, True], ignore_index=True)


def _possible(study: Study, targets: Sequence[str]) -> tuple[float, float]:
    """Returns the least and the largest average gain that scores in percent allow."""
    metrics = {r.result.metric for r in study.records.values() if r.result is not None}
    correlated = "spearman" in metrics or any(map(is_correlation, targets))
    least, most = (-100.0 if correlated else 0.0), 100.0
    start = float(study.pretrained_scores.reindex(list(targets)).mean(skipna=False))
    return (least - most, most - least) if np.isnan(start) else (least - start, most - start)


# Columns of the table of models → fields of a ranked model.
_RANKS = {"rank": "rank", "rank_low": "low", "rank_high": "high", "best": "best", "top3": "top3"}
