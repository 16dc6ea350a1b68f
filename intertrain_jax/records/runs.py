"""Records of runs: their schema, their ids and their store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from intertrain_jax.base import SCHEMA_VERSION, IntertrainError, StopReason, content_hash
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.strict import build, to_plain
from intertrain_jax.records.store import Problem, read_each, read_json, safe_name, write_atomic

Kind = Literal["pretrained", "source", "base"]
Status = Literal["done", "failed"]


@dataclass(frozen=True)
class BaseRef:
    """What a run starts from.

    Attributes:
        label: row of the matrix: "PT", the source task's name, or the base model's reference.
        reference: the model that was loaded; for source models, the one that the source run began
            with.
        revision: hub revision of `reference`.
        fingerprint: of the weights of `reference`; None while they have not been read.
        source_run: id of the run that made this base model, if one did.
        source_task: the task of that run.
    """

    label: str
    reference: str
    revision: str | None = None
    fingerprint: str | None = None
    source_run: str | None = None
    source_task: str | None = None

    @property
    def model(self) -> str:
        """The model that is loaded, as `config.refs` reads it: the reference, pinned if it is."""
        return self.reference if self.revision is None else f"{self.reference}@{self.revision}"

    @property
    def identity(self) -> dict[str, str | None]:
        """What decides the weights, as far as it is known."""
        if self.source_run is not None:
            return {"run": self.source_run}
        if self.fingerprint is not None:
            return {"fingerprint": self.fingerprint}
        return {"reference": self.reference, "revision": self.revision}


def run_id(
    base: BaseRef, target: str, data_fingerprint: str | None, protocol: Protocol, seed: int
) -> str:
    """Returns the id of a run: a hash of everything that decides its score, and of nothing else."""
    return content_hash(
        {
            "base": base.identity,
            "target": target,
            "data": data_fingerprint,
            "protocol": protocol.identity,
            "seed": seed,
        }
    )


@dataclass(frozen=True)
class RunResult:
    """What came of a run.

    Attributes:
        metric: "accuracy" or "spearman".
        test, validation: scores with the best-validation parameters, in percent.
        n_test, n_validation, n_train: examples of the splits.
        steps: optimiser steps taken.
        examples: examples trained on.
        stop_reason: why training ended.
        history: one mapping per validation, in order: step, examples, train_loss (mean since
            the one before) and validation (percent).
        seconds: the run's share of wall time.
        tokens: tokens trained on, padding not counted.
        unanswered: test examples for which a text-to-text model gave no label's text; they are wrong.
    """

    metric: str
    test: float
    validation: float
    n_test: int
    n_validation: int
    n_train: int
    steps: int
    examples: int
    stop_reason: StopReason
    history: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0
    tokens: int = 0
    unanswered: int = 0


@dataclass(frozen=True)
class DataStamp:
    """The data that a run used.

    Attributes:
        fingerprint: of texts, labels and split assignment.
        source: where they came from, as `data.load` describes it.
    """

    fingerprint: str | None
    source: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A finished or failed run, as it is stored.

    Attributes:
        id: hash that `run_id` gives for the fields below.
        kind: from PT, from a source model, or from a further base model.
        base: what the run started from.
        target: task that it was trained and tested on.
        seed: of head, data order and dropout.
        protocol: resolved, `precision` too.
        data: the data that it used.
        status: "done" has a result, "failed" a reason.
        reason: why it failed, one line.
        result: scores and counts.
        environment: versions and device.
    """

    id: str
    kind: Kind
    base: BaseRef
    target: str
    seed: int
    protocol: Protocol
    data: DataStamp
    status: Status
    reason: str | None = None
    result: RunResult | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """Name of its file: base, seed, train size where limited, id."""
        size = "" if self.protocol.train_size is None else f"--n{self.protocol.train_size}"
        return f"{safe_name(self.base.label)}--{self.seed}{size}--{self.id}.json"


@dataclass(frozen=True)
class Records:
    """What a directory of records holds.

    Attributes:
        by_id: run id → record.
        problems: files that are not whole, valid records; their runs count as not done.
    """

    by_id: dict[str, Record]
    problems: tuple[Problem, ...] = ()


class RecordStore:
    """The records of one experiment, one JSON file per run.

    Args:
        out: results directory; records lie in its `records/`.
    """

    def __init__(self, out: Path) -> None:
        self.root = out / "records"

    def path(self, record: Record) -> Path:
        """Returns the file of a record; it always lies inside the store."""
        return self.root / safe_name(record.target) / record.file_name

    def write(self, record: Record) -> Path:
        """Writes a record: after a crash the file is either whole or not there."""
        path = self.path(record)
        # Scores arrive as NumPy scalars too; one that is not finite is a bug, never a number.
        text = json.dumps(
            to_json(record), indent=1, allow_nan=False, default=lambda scalar: scalar.item()
        )
        write_atomic(path, text + "\n")
        return path

    def read_all(self) -> Records:
        """Reads every record; files that are none become problems, equal ids one record."""
        by_id: dict[str, Record] = {}
        records, problems = read_each(self.root, read_record)
        for record in records:
            known = by_id.get(record.id)
            # A run that failed in one place and was done in another is done.
            if known is None or known.status == "failed":
                by_id[record.id] = record
        return Records(by_id, problems)


def to_json(record: Record) -> dict[str, Any]:
    """Returns a record as plain values, the schema version first."""
    plain: dict[str, Any] = to_plain(asdict(record))
    return {"schema": SCHEMA_VERSION, **plain}


def from_json(raw: object) -> Record:
    """Builds a record from plain values and checks that it is consistent.

    Raises:
        IntertrainError: it is not a record of this schema, or its id does not follow from it.
    """
    if not isinstance(raw, Mapping) or "schema" not in raw:
        raise IntertrainError("not a record: the key 'schema' is missing")
    if raw["schema"] != SCHEMA_VERSION:
        raise IntertrainError(f"schema {raw['schema']!r} is not {SCHEMA_VERSION}")
    record: Record = build(Record, {key: raw[key] for key in raw if key != "schema"}, "", "key")
    expected = run_id(
        record.base, record.target, record.data.fingerprint, record.protocol, record.seed
    )
    if record.id != expected:
        raise IntertrainError(f"its id {record.id} does not follow from its content ({expected})")
    if (record.status == "done") != (record.result is not None and record.reason is None):
        raise IntertrainError("a record has a result if it is done, else a reason")
    return record


def read_record(path: Path) -> Record:
    """Reads one record file.

    Raises:
        IntertrainError: it is truncated, not JSON, or not a record; the message is the reason.
    """
    record = from_json(read_json(path))
    if not path.name.endswith(f"--{record.id}.json"):
        raise IntertrainError(f"its name does not end in its run's id, --{record.id}.json")
    return record
