"""Scores of an experiment out of its records, joined by (base model, target, seed)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from intertrain_jax.records.runs import Record
from intertrain_jax.stats.gains import Expected


def score_table(expected: Iterable[Expected], records: Mapping[str, Record]) -> pd.DataFrame:
    """Returns one row per expected run: base, target, seed, status, score, reason, id.

    Args:
        expected: the runs that the matrix needs.
        records: run id → record.

    Returns:
        `status` is "done", "failed" or "missing"; only done runs have a score (percent on test).
    """
    rows = []
    for run in expected:
        record = records.get(run.id)
        score = None if record is None else record.score
        # One that only made a source model, in another grid, has no score yet.
        unknown = record is None or (record.status == "done" and score is None)
        rows.append(
            {
                "base": run.base,
                "target": run.target,
                "seed": run.seed,
                "status": "missing" if record is None or unknown else record.status,
                "score": np.nan if score is None else score,
                "reason": "" if record is None else record.reason or "",
                "id": run.id,
            }
        )
    columns = ["base", "target", "seed", "status", "score", "reason", "id"]
    table = pd.DataFrame(rows, columns=columns)
    if table.duplicated(["base", "target", "seed"]).any():
        raise ValueError("two expected runs have the same base, target and seed")
    return table.astype({"score": float})


def metric_notes(records: Sequence[Record]) -> tuple[str, ...]:
    """Returns sentences that say which targets are not scored by accuracy, and whether rows were cut."""
    others = sorted({r.target for r in records if r.result and r.result.metric != "accuracy"})
    notes = []
    if others:
        notes.append(f"Scored by rank correlation, not accuracy: {', '.join(others)}.")
    limits = sorted({str(r.data.source.get("limit")) for r in records} - {"None"})
    if limits:
        notes.append(f"Test only: every split was cut to {', '.join(limits)} rows.")
    return tuple(notes)


def lacking_notes(gains: pd.DataFrame, pretrained: pd.Series[float]) -> list[str]:
    """Returns what there is to say of targets and base models without any gain, a sentence each.

    Args:
        gains: [M base models, N targets] NaN where missing.
        pretrained: target → the pretrained model's score, as far as it is known; empty where gains are
            all that was given.
    """
    said = []
    targets = [target for target in gains.columns if gains[target].isna().all()]
    untested = [
        t for t in targets if len(pretrained) and not np.isfinite(pretrained.get(t, np.nan))
    ]
    for names, why in (
        (untested, "as the pretrained model has no score there"),
        ([t for t in targets if t not in untested], "as no base model has a score there"),
    ):
        if names:
            said.append(f"No gain is known on {', '.join(map(repr, map(str, names)))}, {why}.")
    rest = gains.drop(columns=targets)
    models = [base for base in rest.index if rest.loc[base].isna().all()]
    if models:
        said.append(
            f"No gain is known of {', '.join(map(repr, map(str, models)))}: no score counts."
        )
    return said
