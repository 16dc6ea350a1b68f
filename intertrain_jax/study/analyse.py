"""Every statistic that a study allows, and for the others the reason why not."""

from __future__ import annotations

import time
from collections.abc import Callable

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.study.inputs import Study
from intertrain_jax.study.result import Options, Result
from intertrain_jax.study.statistics import STATISTICS
from intertrain_jax.study.statistics.average_gain import AVERAGE_GAIN
from intertrain_jax.study.statistics.ranks import RANKS
from intertrain_jax.study.statistics.regression import REGRESSION
from intertrain_jax.study.statistics.statistic import Context

# Seconds between two lines on how far an analysis is: none in one of ordinary size.
_EVERY = 5.0


def analyse_study(
    study: Study,
    options: Options | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Result:
    """Computes every statistic that a study allows.

    Args:
        study: any number of base models and targets, any cells missing.
        options: the user's choices.
        say: is told now and then what is computed, where that takes long.

    Raises:
        IntertrainError: the representative that the user names is no base model.
    """
    options = options or Options()
    _check(study, options)
    context = Context(study, options)
    values, told = {}, time.monotonic()
    for k, (name, statistic) in enumerate(STATISTICS.items(), 1):
        if time.monotonic() - told > _EVERY:
            told = time.monotonic()
            say(f"computing {name.replace('_', ' ')}, {k} of {len(STATISTICS)}")
        values[name] = context.value(statistic)
    parts = [part for name, found in STATISTICS.items() for part in found.parts or (name,)]
    return Result(
        study,
        {name: value for name, value in values.items() if value is not None},
        {part: context.reasons[part] for part in parts if part in context.reasons},
        None if study.everything is None else _headlines(study.everything, options),
    )


def _headlines(study: Study, options: Options) -> Result:
    """Computes only what headlines rest on."""
    context = Context(study, options)
    values = {
        AVERAGE_GAIN.name: context.value(AVERAGE_GAIN),
        RANKS.name: context.value(RANKS),
        REGRESSION.name: context.value(REGRESSION),
    }
    found = {name: value for name, value in values.items() if value is not None}
    return Result(study, found, context.reasons)


def _check(study: Study, options: Options) -> None:
    rows = [str(row) for row in study.gains.mean.index]
    named = options.representative
    if named is not None and named not in rows:
        raise IntertrainError(
            f"--representative must be a base model of the study, got {named!r}."
            f"{nearest(named, rows)} Correct it."
        )
