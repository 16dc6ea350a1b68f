"""Transferability estimators, one module each: how well features or a head suit a task's labels.

All are functions of plain arrays in float64 NumPy on the host. Features of the sizes met here (at
most about 50,000 × 1,024) are reduced to one D×D matrix in about a second, while float32, which an
accelerator would use, cannot hold the squared condition number of that matrix.

A further one is a module with a value `ESTIMATOR` and a place in the list below; names, help,
dispatch and the columns of a ranking follow. See `docs/estimators.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.probe.estimators import hscore, knn, leep, logme, lp, nce
from intertrain_jax.probe.estimators.estimator import Estimator

ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {module.ESTIMATOR.name: module.ESTIMATOR for module in (lp, logme, hscore, knn, leep, nce)}
)


def check_estimators(names: Sequence[str]) -> None:
    """Checks that estimators of a configuration are known.

    Raises:
        IntertrainError: one is not.
    """
    for name in names:
        if name not in ESTIMATORS:
            raise IntertrainError(
                f"config key 'estimators' must name some of {', '.join(ESTIMATORS)}, got"
                f" {name!r}.{nearest(name, ESTIMATORS)} Correct it."
            )
