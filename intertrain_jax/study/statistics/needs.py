"""What statistics need of a study: each function says in one sentence what is lacking, or None."""

from __future__ import annotations

import pandas as pd

from intertrain_jax.readers.csv import FEWEST_MODELS
from intertrain_jax.stats.averages import AverageGains
from intertrain_jax.study.statistics.statistic import Context


def models(context: Context) -> str | None:
    """There must be base models enough to correlate or to fit."""
    known = int(context.gains.notna().any(axis=1).sum())
    if known >= FEWEST_MODELS:
        return None
    return f"There must be at least {FEWEST_MODELS} base models with a gain, there are {known}."


def averages(found: AverageGains, seeds: bool) -> str | None:
    """There must be averages to rank, and where seeds are not known, targets to draw from."""
    known = len(found.series().dropna())
    if known < 2:
        return f"There must be two base models with an average gain, there are {known}."
    if not seeds and len(found.targets) < FEWEST_MODELS:
        return (
            "Without seeds, ranks are uncertain by the choice of targets, of which there are only"
            f" {len(found.targets)}."
        )
    return None


def groups(context: Context) -> str | None:
    """Base models and targets must be of known groups, and not all of one."""
    sources, targets = (
        groups_among(context, context.gains.index),
        groups_among(context, context.gains.columns),
    )
    if not sources or not targets:
        who = "Base models" if targets else "Targets"
        return f"{who} belong to no known group of tasks."
    if sources < 2 and targets < 2:
        return "All sources and targets are of one group."
    return None


def groups_among(context: Context, names: pd.Index) -> int:
    """Returns how many groups the names of rows or columns are of."""
    return sum(bool(set(tasks) & set(names)) for tasks in context.study.groups.values())
