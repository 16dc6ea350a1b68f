"""Records of probed models, also of those that failed: their schema and their ids."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.base import IntertrainError, content_hash
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.records.results import RunResult
from intertrain_jax.records.runs import BaseRef, DataStamp
from intertrain_jax.records.sound import check_result, check_time
from intertrain_jax.records.store import RecordType, Status, Stored, safe_name

_ROUNDING = 1e-3


def probe_id(
    model: ModelRef, files: str | None, target: str, data: str | None, protocol: Protocol
) -> str:
    """Returns the id of a model's probe: a hash of what decides its scores, known before it is loaded.

    Args:
        model: whose identity is its reference and revision on the hub,
        files: but the content of its files where they lie on disk.
        target: the task.
        data: fingerprint of its data.
        protocol: of the probe, precision resolved; its learning rate does not count.
    """
    identity = {key: x for key, x in protocol.identity.items() if key != "learning_rate"}
    known: dict[str, str | None] = {"reference": model.reference, "revision": model.revision}
    if files is not None:
        known = {"files": files}
    return content_hash({"model": known, "target": target, "data": data, "protocol": identity})


@dataclass(frozen=True)
class HeadScore:
    """What came of one head.

    Attributes:
        seed: of its initial values, its data order and its dropout.
        learning_rate: peak of its schedule.
        result: scores and counts; the history is kept for the chosen learning rate only.
        reason: why there is no result.
    """

    seed: int
    learning_rate: float
    result: RunResult | None = None
    reason: str | None = None


@dataclass(frozen=True)
class ProbeRecord:
    """A probed model, or one that could not be probed, as it is stored.

    Attributes:
        id: of `probe_id`.
        model: label, reference, revision (of a hub model: the commit) and weights' fingerprint.
        target: the task.
        data: that were used.
        protocol: of the probe, precision resolved.
        seeds: heads per learning rate.
        learning_rates: that were tried.
        estimators: names of what was asked for.
        status: "done" has heads, "failed" a reason.
        reason: why it failed, one line.
        architecture: hash of the model's shape, which all models of a ranking share.
        tokenizer: hash of its tokenizer's words; where it has none, whose it read.
        learning_rate: the chosen one.
        heads: of all seeds and learning rates.
        answers: per test example, of the chosen learning rate's heads in the order of their seeds:
            whether they were right, or for a regression their outputs; see `pack_answers`.
        labels: for a regression, the test labels.
        one_class: seeds whose head of the chosen learning rate gives one class to every test example:
            what it has is the share of that class, and no score.
        largest_class: share of the test examples that are of the largest class, in percent; None for a
            regression, and where it was not counted.
        estimates: by estimator, beside "lp"; None where it is not defined.
        notes: further things to know, one line each.
        seconds: of loading, features, heads and estimators.
        tokens: of one forward pass over all splits.
        environment: versions and device.
        finished: when it ended, as `base.time_now` has it; None where that was not noted.
    """

    id: str
    model: BaseRef
    target: str
    data: DataStamp
    protocol: Protocol
    seeds: int
    learning_rates: tuple[float, ...]
    estimators: tuple[str, ...]
    status: Status
    reason: str | None = None
    architecture: str | None = None
    tokenizer: str | None = None
    learning_rate: float | None = None
    heads: tuple[HeadScore, ...] = ()
    answers: str | None = None
    labels: str | None = None
    one_class: tuple[int, ...] = ()
    largest_class: float | None = None
    estimates: dict[str, float | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    tokens: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    finished: str | None = None

    @property
    def chosen(self) -> tuple[HeadScore, ...]:
        """The heads with a result at the chosen learning rate, by seed."""
        found = [h for h in self.heads if h.learning_rate == self.learning_rate and h.result]
        return tuple(sorted(found, key=lambda head: head.seed))

    def covers(self, seeds: int, rates: tuple[float, ...], estimators: tuple[str, ...]) -> bool:
        """Whether it has all that is asked for; a failed one has whatever is asked for."""
        if self.status == "failed":
            return True
        same = self.seeds == seeds and set(rates) == set(self.learning_rates)
        return same and set(estimators) <= set(self.estimators)


def _check(record: ProbeRecord) -> None:
    if (record.status == "done") != (bool(record.chosen) and record.reason is None):
        raise IntertrainError("a record has scores if it is done, else a reason")
    check_time(record.finished)
    for head in record.heads:
        if head.result is not None:
            check_result(head.result, record.data.source)
    if not all(x is None or isfinite(x) for x in record.estimates.values()):
        raise IntertrainError("its estimates must be numbers, or null where there is none")
    if record.status == "done":
        _check_answers(record)


def _check_answers(record: ProbeRecord) -> None:
    """Checks that the answers are of the chosen heads, and as right as these are said to be."""
    results = [head.result for head in record.chosen if head.result is not None]
    metric, size = results[0].metric, results[0].n_test
    if any((result.metric, result.n_test) != (metric, size) for result in results):
        raise IntertrainError("its heads must have one metric and one test split")
    if record.answers is None:
        return
    try:
        answers_SxN = unpack_answers(record.answers, len(results), size, metric != "accuracy")
        if record.labels is not None:
            unpack_answers(record.labels, 1, size, outputs=True)
    except (ValueError, TypeError, zlib.error) as error:
        raise IntertrainError(f"its answers cannot be read: {error}") from error
    right_S = 100.0 * answers_SxN.mean(axis=1)
    for result, right in zip(results, right_S, strict=True):
        assert result.test is not None  # as it was checked
        if metric == "accuracy" and abs(result.test - right) > _ROUNDING:
            raise IntertrainError(
                f"its test accuracy must be that of its answers, {right:g}, but is {result.test:g}"
            )


def _facts(record: ProbeRecord) -> tuple[Hashable, Hashable] | None:
    """What is alike for all probes on the same data."""
    if record.status == "failed" or record.data.fingerprint is None:
        return None
    result = record.chosen[0].result
    assert result is not None
    same = (result.metric, result.n_test, result.n_validation)
    return (record.target, record.data.fingerprint), same


def _name(record: ProbeRecord) -> str:
    """The model; names that only differ where they are no harmless part of a path are kept apart."""
    name = safe_name(record.model.label)
    own = "" if name == record.model.label else f"--{content_hash(record.model.label, 8)}"
    return name + own


# Two models of one list may have equal files, and then have one id.
PROBES: RecordType[tuple[str, str], ProbeRecord] = RecordType(
    "probes", ProbeRecord, _check, _name, lambda probe: (probe.model.label, probe.id), facts=_facts
)
Probes = Stored[tuple[str, str], ProbeRecord]


def choose_rate(heads: Sequence[HeadScore]) -> float | None:
    """Returns the learning rate with the best mean validation score; None where none has a result.

    A rate at which a head diverged comes after those at which none did; of equals, the lower wins.
    """
    by_rate: dict[float, list[float]] = {}
    for head in heads:
        if head.result is not None:
            by_rate.setdefault(head.learning_rate, []).append(head.result.validation)
    if not by_rate:
        return None
    return min(by_rate, key=lambda rate: (-len(by_rate[rate]), -np.mean(by_rate[rate]), rate))


def pack_answers(answers_SxN: NDArray[Any]) -> str:
    """Packs right-or-wrong [S, N] as bits, or float32 outputs, into compressed base64."""
    data = answers_SxN.astype("<f4") if answers_SxN.dtype.kind == "f" else np.packbits(answers_SxN)
    return base64.b64encode(zlib.compress(data.tobytes(), 9)).decode("ascii")


def unpack_answers(text: str, heads: int, examples: int, outputs: bool) -> NDArray[Any]:
    """Returns what `pack_answers` packed: bool [S, N], or float32 where `outputs` is true."""
    most = heads * examples * 4 + 8
    data = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), most)
    wanted = heads * examples * 4 if outputs else -(-heads * examples // 8)
    if len(data) != wanted:
        raise ValueError(f"{len(data)} bytes are not those of {heads} heads on {examples} examples")
    if outputs:
        return np.frombuffer(data, "<f4").reshape(heads, examples)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=heads * examples)
    return bits.reshape(heads, examples).astype(np.bool_)
