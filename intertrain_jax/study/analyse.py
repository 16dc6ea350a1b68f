"""Every statistic that a study allows, and for the others the reason why not."""

from __future__ import annotations

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.study.inputs import Study
from intertrain_jax.study.result import Options, Result
from intertrain_jax.study.statistics import STATISTICS
from intertrain_jax.study.statistics.statistic import Context


def analyse_study(study: Study, options: Options | None = None) -> Result:
    """Computes every statistic that a study allows.

    Args:
        study: any number of base models and targets, any cells missing.
        options: the user's choices.

    Raises:
        IntertrainError: the representative that the user names is no base model.
    """
    options = options or Options()
    _check(study, options)
    context = Context(study, options)
    values = {name: context.value(statistic) for name, statistic in STATISTICS.items()}
    parts = [part for name, found in STATISTICS.items() for part in found.parts or (name,)]
    return Result(
        study,
        {name: value for name, value in values.items() if value is not None},
        {part: context.reasons[part] for part in parts if part in context.reasons},
    )


def _check(study: Study, options: Options) -> None:
    rows = [str(row) for row in study.gains.mean.index]
    named = options.representative
    if named is not None and named not in rows:
        raise IntertrainError(
            f"--representative must be a base model of the study, got {named!r}."
            f"{nearest(named, rows)} Correct it."
        )
