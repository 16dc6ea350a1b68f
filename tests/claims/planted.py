"""Planted records that tests of claims share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from intertrain_jax.claims.claim import Claim, Verdict
from intertrain_jax.claims.evidence import evidence
from intertrain_jax.claims.table import verdict
from tools.planted_claims import World, designs, planted

TEN = [f"m{i}" for i in range(10)]
__all__ = ["TEN", "World", "designs", "judged", "planted", "ranked", "replace"]


def judged(
    claim: Claim,
    runs: pd.DataFrame,
    rankings: pd.DataFrame | None = None,
    architecture: str | None = None,
) -> Verdict:
    """Returns the verdict of one claim on records."""
    every = evidence(runs, rankings)
    return verdict(claim, every.of(architecture) if architecture else every, claim.name, None)


def ranked(scores: np.ndarray, estimator: str = "lp", task: str = "mnli") -> pd.DataFrame:
    """Returns a ranking of m0, m1, …"""
    return pd.DataFrame(
        {
            "architecture": "roberta",
            "base": [f"m{i}" for i in range(len(scores))],
            "estimator": estimator,
            "task": task,
            "score": scores,
        }
    )
