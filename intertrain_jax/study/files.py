"""Writes an experiment's records, scores and gains as CSV files, and every statistic as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from intertrain_jax.records.csv_text import csv_text
from intertrain_jax.records.runs import Record
from intertrain_jax.records.store import write_atomic
from intertrain_jax.stats.collapse import without_collapsed
from intertrain_jax.stats.gains import Expected, GainMatrices, gain_matrices, summarise_scores
from intertrain_jax.study.scores import score_table


@dataclass(frozen=True)
class Analysis:
    """What `analysis/` holds.

    Attributes:
        runs: one row per expected run.
        scores: one row per cell.
        gains: the matrices.
    """

    runs: pd.DataFrame
    scores: pd.DataFrame
    gains: GainMatrices


def analyse(
    expected: Iterable[Expected],
    records: Mapping[str, Record],
    pretrained: str,
    bases: Sequence[str],
    targets: Sequence[str],
    asked: int,
) -> Analysis:
    """Computes scores and gains.

    Args:
        expected: the runs that the matrix needs.
        records: run id → record; those that were not expected do not count.
        pretrained: label of the pretrained model's row.
        bases, targets: order of rows and columns.
        asked: seeds asked for.
    """
    runs = without_collapsed(score_table(expected, records))
    return Analysis(
        runs,
        summarise_scores(runs, bases, targets),
        gain_matrices(runs, pretrained, bases, targets, asked),
    )


def write_analysis(folder: Path, analysis: Analysis, records: Mapping[str, Record]) -> None:
    """Writes records.csv, scores.csv and the gain matrices; each file is replaced whole.

    Args:
        folder: made if needed.
        analysis: of the experiment.
        records: every record of the experiment, whether it was expected or not.
    """
    expected = set(analysis.runs["id"])
    flat = pd.DataFrame(
        [{**flat_record(record), "expected": record.id in expected} for record in records.values()]
    )
    if len(flat):
        # A whole number beside an empty cell must stay whole.
        flat = flat.convert_dtypes().sort_values(["target", "base", "seed", "id"])
    gains = analysis.gains
    tables = {
        "records": flat,
        "scores": analysis.scores,
        "gains": gains.mean.reset_index(),
        "gains_std": gains.std.reset_index(),
        "gains_n": gains.n.reset_index(),
        "gains_significant": gains.significant.astype("Int64").reset_index(),
        "gains_q": gains.q.reset_index(),
    }
    for name, table in tables.items():
        text = csv_text(table)
        write_atomic(folder / f"{name}.csv", text)


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Writes `summary.json`: finite numbers, null for what is undefined."""
    text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomic(folder / "summary.json", text + "\n")


def flat_record(record: Record) -> dict[str, Any]:
    """Returns a record as one row: its history and its data's source are left out."""
    result = {} if record.result is None else asdict(record.result)
    result.pop("history", None)
    result["notes"] = "; ".join(result.get("notes", ())) or None
    protocol = asdict(record.protocol)
    text = protocol.pop("text") or {}
    return {
        "id": record.id,
        "kind": record.kind,
        "base": record.base.label,
        "reference": record.base.reference,
        "revision": record.base.revision,
        "fingerprint": record.base.fingerprint,
        "source_run": record.base.source_run,
        "target": record.target,
        "seed": record.seed,
        "status": record.status,
        "reason": record.reason,
        "finished": record.finished,
        "data_fingerprint": record.data.fingerprint,
        "limit": record.data.source.get("limit"),
        **{key: str(value) if key == "stop_reason" else value for key, value in result.items()},
        **{f"protocol.{key}": value for key, value in protocol.items()},
        **{f"protocol.text.{key}": value for key, value in text.items()},
        **{f"environment.{key}": value for key, value in record.environment.items()},
    }
