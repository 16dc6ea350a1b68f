"""Symmetry of the square part of a matrix: does A help B as B helps A?"""

from __future__ import annotations

from intertrain_jax.readers.csv import FEWEST_MODELS
from intertrain_jax.stats.symmetry import Symmetry, symmetry
from intertrain_jax.study.statistics.statistic import SEED, Context, Statistic


def _needs(context: Context) -> str | None:
    both = [name for name in context.gains.index if name in context.gains.columns]
    if len(both) >= FEWEST_MODELS:
        return None
    return f"Only {len(both)} names are both a base model and a target; {FEWEST_MODELS} are needed."


SYMMETRY: Statistic[Symmetry] = Statistic(
    name="symmetry",
    definition=(
        "s = (|S| - |V|)/(|S| + |V|) with S and V the symmetric and skew-symmetric parts, in Frobenius'"
        " norm, beside its distribution when targets' names are permuted."
    ),
    source="paper, App. G",
    compute=lambda context: symmetry(context.gains, SEED),
    needs=_needs,
)
