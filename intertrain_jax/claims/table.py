"""All claims in the order of the paper, and their verdicts on records.

A further claim is a module with a `Claim` and a line in the list below. See `docs/claims.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.claims import (
    additive,
    architectures,
    basins,
    estimators,
    forgetting,
    helps,
    probe,
    seeds,
    sensitivity,
    source_size,
    target_size,
    u_shape,
)
from intertrain_jax.claims.claim import NOT_COMPUTED, Claim, Verdict
from intertrain_jax.claims.evidence import Evidence, evidence

_ALL: tuple[Claim, ...] = (
    helps.GOOD_MODELS,
    helps.MOST_HURT,
    sensitivity.SENSITIVITY,
    probe.PROBE_RANKS,
    probe.TOP_THREE,
    additive.ADDITIVE,
    source_size.SOURCE_SIZE_GOOD,
    source_size.SOURCE_SIZE_BAD,
    target_size.TARGET_SIZE,
    u_shape.U_SHAPE,
    seeds.SEEDS_DIFFER,
    seeds.SOURCE_SCORE,
    basins.BASINS,
    architectures.RANKINGS_DIFFER,
    architectures.SENSITIVITY_AGREES,
    forgetting.WEIGHT_DECAY,
    forgetting.PENALTY,
    forgetting.PROBE_FIRST,
    estimators.ESTIMATORS,
)
CLAIMS: Mapping[str, Claim] = MappingProxyType({claim.name: claim for claim in _ALL})


def judge(runs: pd.DataFrame, rankings: pd.DataFrame | None) -> tuple[Verdict, ...]:
    """Returns what records show of every claim, in the order of the table.

    A claim about one architecture is judged on each that the runs have.

    Args:
        runs: one row per run that is done and tested: part, architecture, base, kind ("pretrained",
            "source", "base"), group (a label such as "good", or None), source_size and source_seed (NA
            without a source), target, target_size (training examples used), method ("finetune",
            "probe", "lp_then_ft"), weight_decay, l2_to_base, seed, score (test, in points). Runs may be
            missing.
        rankings: architecture, base, estimator, task, score; None where nothing was ranked.

    Raises:
        IntertrainError: a table lacks a column, or a kind is none of the three.
    """
    every = evidence(runs, rankings)
    names = every.architectures
    verdicts = []
    for claim in _ALL:
        if claim.across or not names:
            verdicts.append(verdict(claim, every, claim.name, None))
            continue
        for name in names:
            label = f"{claim.name}-{_plain(name)}" if len(names) > 1 else claim.name
            verdicts.append(verdict(claim, every.of(name), label, name))
    return tuple(verdicts)


def _plain(architecture: str) -> str:
    """Returns a name as a part of one for files."""
    return "".join(c if c.isalnum() or c in "-._" else "-" for c in architecture)


def verdict(claim: Claim, records: Evidence, label: str, architecture: str | None) -> Verdict:
    """Returns one claim's verdict, also where it cannot be computed."""
    try:
        found = claim.judge(records)
    except IntertrainError as error:
        reason = f"{NOT_COMPUTED}: {error}"
        return Verdict(label, claim.title, claim.paper, "", reason, {}, None, architecture)
    return Verdict(
        label,
        claim.title,
        claim.paper,
        found.found,
        found.verdict,
        found.numbers,
        found.figure,
        architecture,
    )
