"""What is computed wherever a ranking of models meets their gains: registered coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from numpy.typing import ArrayLike

from intertrain_jax.stats.correlation import Coefficient, Correlation, correlation
from intertrain_jax.stats.weighted_tau import WEIGHTED_TAU

PEARSON = Coefficient(
    "pearson", "Pearson", lambda x, y, own=None: correlation(x, y, "pearson", own)
)
SPEARMAN = Coefficient(
    "spearman", "Spearman", lambda x, y, own=None: correlation(x, y, "spearman", own)
)
COEFFICIENTS: Mapping[str, Coefficient] = MappingProxyType(
    {found.name: found for found in (PEARSON, SPEARMAN, WEIGHTED_TAU)}
)


def coefficients(
    x: ArrayLike, y: ArrayLike, cluster: ArrayLike | None = None
) -> dict[str, Correlation]:
    """Returns every registered coefficient of paired values, by name.

    Args:
        x, y: [n] numbers, NaN where missing.
        cluster: [n] number of each pair's cluster; None if every pair is on its own.
    """
    return {name: found.compute(x, y, cluster) for name, found in COEFFICIENTS.items()}
