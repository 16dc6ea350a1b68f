"""Two measurements of the same models, such as a probe and an average gain (Table 4 of the paper)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from intertrain_jax.readers.pairs import Pairs
from intertrain_jax.stats.clusters import How as Cluster
from intertrain_jax.stats.clusters import clusters_of
from intertrain_jax.stats.coefficients import coefficients
from intertrain_jax.stats.correlation import Correlation
from intertrain_jax.stats.lines import Line, fit_line


@dataclass(frozen=True)
class PairsResult:
    """What two measurements say about each other.

    Attributes:
        pairs: the measurements.
        coefficients: by name, those of `stats.coefficients`.
        line: y = slope · x + intercept.
    """

    pairs: Pairs
    coefficients: Mapping[str, Correlation]
    line: Line

    @property
    def pearson(self) -> Correlation:
        """Pearson's."""
        return self.coefficients["pearson"]

    @property
    def spearman(self) -> Correlation:
        """Spearman's."""
        return self.coefficients["spearman"]


def analyse_pairs(pairs: Pairs, cluster: Cluster = "auto") -> PairsResult:
    """Returns correlations and the least-squares line.

    Args:
        pairs: the measurements.
        cluster: which models are resampled together, by their names: see `stats.clusters.clusters_of`.
    """
    own = None
    if cluster != "none":
        names = [name or f"line {line}" for line, name in enumerate(pairs.models, 2)]
        own = clusters_of(pd.DataFrame(index=names), cluster).numbers(names)
    x, y = pairs.x, pairs.y
    return PairsResult(pairs, coefficients(x, y, own), fit_line(x, y, own))
