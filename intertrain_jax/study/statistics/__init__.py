"""Every statistic of a study, one module each, registered here in the order in which they are shown.

A further one is a module with a `Statistic` called as the module is, and a line in the list below: what
it needs, "not computed because", summary.json, the tables and `Result.statistics` follow. See
`docs/statistics.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

from intertrain_jax.study.statistics.statistic import Statistic

# Modules of this folder; each has its statistic under its own name in capitals.
_MODULES = (
    "max_gain",
    "average_gain",
    "significance",
    "collapsed",
    "noise",
    "gain_intervals",
    "average_gain_draws",
    "ranks",
    "sensitivity",
    "loss",
    "pretrained_scores",
    "probe_gain",
    "group_means",
    "anova",
    "regression",
    "symmetry",
    "size_effects",
    "size_curves",
    "source_scores",
    "architectures",
)
_ALL: tuple[Statistic[Any], ...] = tuple(
    getattr(import_module(f"{__name__}.{name}"), name.upper()) for name in _MODULES
)
STATISTICS: Mapping[str, Statistic[Any]] = MappingProxyType({found.name: found for found in _ALL})
