"""Every statistic of a study, one module each, registered here in the order in which they are shown.

A further one is a module with a `Statistic` and a line in the list below: what it needs, "not computed
because", summary.json, the tables and `Result.statistics` follow. See `docs/statistics.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from intertrain_jax.study.statistics.anova import ANOVA
from intertrain_jax.study.statistics.architectures import ARCHITECTURES
from intertrain_jax.study.statistics.average_gain import AVERAGE_GAIN
from intertrain_jax.study.statistics.average_gain_draws import AVERAGE_GAIN_DRAWS
from intertrain_jax.study.statistics.gain_intervals import GAIN_INTERVALS
from intertrain_jax.study.statistics.group_means import GROUP_MEANS
from intertrain_jax.study.statistics.loss import LOSS
from intertrain_jax.study.statistics.max_gain import MAX_GAIN
from intertrain_jax.study.statistics.noise import NOISE
from intertrain_jax.study.statistics.pretrained_scores import PRETRAINED_SCORES
from intertrain_jax.study.statistics.probe_gain import PROBE_GAIN
from intertrain_jax.study.statistics.ranks import RANKS
from intertrain_jax.study.statistics.regression import REGRESSION
from intertrain_jax.study.statistics.sensitivity import SENSITIVITY
from intertrain_jax.study.statistics.significance import SIGNIFICANCE
from intertrain_jax.study.statistics.size_curves import SIZE_CURVES
from intertrain_jax.study.statistics.size_effects import SIZE_EFFECTS
from intertrain_jax.study.statistics.source_scores import SOURCE_SCORES
from intertrain_jax.study.statistics.statistic import Statistic
from intertrain_jax.study.statistics.symmetry import SYMMETRY

_ALL: tuple[Statistic[Any], ...] = (
    MAX_GAIN,
    AVERAGE_GAIN,
    SIGNIFICANCE,
    NOISE,
    GAIN_INTERVALS,
    AVERAGE_GAIN_DRAWS,
    RANKS,
    SENSITIVITY,
    LOSS,
    PRETRAINED_SCORES,
    PROBE_GAIN,
    GROUP_MEANS,
    ANOVA,
    REGRESSION,
    SYMMETRY,
    SIZE_EFFECTS,
    SIZE_CURVES,
    SOURCE_SCORES,
    ARCHITECTURES,
)
STATISTICS: Mapping[str, Statistic[Any]] = MappingProxyType({found.name: found for found in _ALL})
