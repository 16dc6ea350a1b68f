"""Records of runs: their schema and their ids."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

from intertrain_jax.base import IntertrainError, content_hash
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.records.results import RunResult
from intertrain_jax.records.sound import check_result, check_time
from intertrain_jax.records.store import RecordType, Status, Stored, safe_name

RunKind = Literal["pretrained", "source", "base"]


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
        finished: when it ended, as `base.time_now` has it; None where that was not noted.
    """

    id: str
    kind: RunKind
    base: BaseRef
    target: str
    seed: int
    protocol: Protocol
    data: DataStamp
    status: Status
    reason: str | None = None
    result: RunResult | None = None
    environment: dict[str, str] = field(default_factory=dict)
    finished: str | None = None

    @property
    def score(self) -> float | None:
        """Its test score in percent; None if it failed, or only made a source model."""
        return None if self.result is None else self.result.test


def _check(record: Record) -> None:
    expected = run_id(
        record.base, record.target, record.data.fingerprint, record.protocol, record.seed
    )
    if record.id != expected:
        raise IntertrainError(f"its id {record.id} does not follow from its content ({expected})")
    if (record.status == "done") != (record.result is not None and record.reason is None):
        raise IntertrainError("a record has a result if it is done, else a reason")
    check_time(record.finished)
    if record.result is not None:
        # From PT, a task that is no target only makes a source model.
        check_result(record.result, record.data.source, untested=record.kind == "pretrained")


def _facts(record: Record) -> tuple[Hashable, Hashable] | None:
    """What is alike for all runs on the same data."""
    result = record.result
    if result is None or record.data.fingerprint is None:
        return None
    same = (result.metric, result.n_test, result.n_validation)
    return (record.target, record.data.fingerprint), same


def _name(record: Record) -> str:
    """Base, seed, and train size where it was limited."""
    size = "" if record.protocol.train_size is None else f"--n{record.protocol.train_size}"
    return f"{safe_name(record.base.label)}--{record.seed}{size}"


def is_better(result: RunResult | None, known: Record | None) -> bool:
    """Whether what came of a run is to be recorded in place of what is known of it.

    What failed takes the place of nothing that was done, and what was done is done once; but a test
    score takes the place of none.
    """
    if known is None or known.status == "failed":
        return True
    return known.score is None and result is not None and result.test is not None


def _wins(new: Record, known: Record) -> bool:
    return new.status == "done" and is_better(new.result, known)


RUNS: RecordType[str, Record] = RecordType(
    "records", Record, _check, _name, lambda run: run.id, _wins, _facts
)
Runs = Stored[str, Record]
