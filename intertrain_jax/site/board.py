"""A board: one ranking with everything that its pages show, as plain values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from intertrain_jax.diagnosis.findings import Finding
from intertrain_jax.records.probes import ProbeRecord
from intertrain_jax.records.runs import Record
from intertrain_jax.study.result import Result

NAN = float("nan")
# Letters of a time that are its day.
_DAY = 10
# Scores that differ by less are one.
_SAME = 1e-9


@dataclass(frozen=True)
class Cell:
    """A gain on one target.

    Attributes:
        gain: in points.
        low, high: its interval from seeds; NaN where nothing is known of seeds.
        n: seeds.
        own: whether the model was trained on the target.
    """

    gain: float
    low: float = NAN
    high: float = NAN
    n: int = 1
    own: bool = False


@dataclass(frozen=True)
class Model:
    """A row of a ranking.

    Attributes:
        name: as given (untrusted text).
        average, low, high: average gain in points with its interval; NaN where unknown.
        rank, rank_low, rank_high: 1 is best; NaN without a rank.
        best: probability of being the best.
        groups: numbers of the groups of models that cannot be told apart.
        probe: score of the linear probe in percent.
        status: "complete", "partial", "failed", "left out" or "not tested".
        reason: why it is not complete, one sentence each.
        cells: target → gain.
        facts: what is known of where it comes from: word → text.
    """

    name: str
    average: float = NAN
    low: float = NAN
    high: float = NAN
    rank: float = NAN
    rank_low: float = NAN
    rank_high: float = NAN
    best: float = NAN
    groups: tuple[int, ...] = ()
    probe: float = NAN
    status: str = "complete"
    reason: str = ""
    cells: Mapping[str, Cell] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def ranked(self) -> bool:
        """Whether it has a rank."""
        return math.isfinite(self.rank)

    @property
    def measured(self) -> bool:
        """Whether there is any number of it."""
        return bool(self.cells) or any(map(math.isfinite, (self.average, self.rank, self.probe)))

    @property
    def paged(self) -> bool:
        """Whether there is anything to say of it in a row of the ranking and on a page of its own."""
        return self.status != "not tested" or math.isfinite(self.probe)

    @property
    def seeds(self) -> int:
        """Seeds of the cell that has most."""
        return max((cell.n for cell in self.cells.values()), default=0)


@dataclass(frozen=True)
class Target:
    """A column of a ranking.

    Attributes:
        name: as given (untrusted text).
        score, std: the pretrained model's mean score in percent, and the standard deviation of a score
            over seeds; NaN where unknown.
        df: degrees of freedom of `std`.
        train, test: examples; None where unknown.
        dataset: hub id of its dataset, if it has one.
    """

    name: str
    score: float = NAN
    std: float = NAN
    df: float = NAN
    train: int | None = None
    test: int | None = None
    dataset: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far the runs of a ranking are.

    Attributes:
        done, failed, total: runs.
        said: what is running, failing and left, in a sentence.
    """

    done: int
    failed: int
    total: int
    said: str


@dataclass(frozen=True)
class Board:
    """One ranking.

    Attributes:
        title: what it is called (untrusted text).
        slug: folder of its pages.
        pretrained: the model that gains are over.
        measure: what is ranked by, such as "average gain".
        models: best first, those without a rank last.
        targets: columns.
        result: its statistics; None where there are none.
        findings: what `doctor` found.
        methods: the protocol in sentences.
        stamps: data, versions and dates of its runs: word → text.
        missing: what a reader must know that is missing, one sentence each.
        conflicts: runs that two result sets have with different scores.
        records: of its runs.
        command: that adds a model.
        progress: of its runs; None where all are done, or there are none.
        examined: whether `doctor` could examine it.
        times: when its records were made, the first and the last; None where nothing says so.
    """

    title: str
    slug: str
    pretrained: str
    measure: str
    models: tuple[Model, ...]
    targets: tuple[Target, ...]
    result: Result | None = None
    findings: tuple[Finding, ...] = ()
    methods: tuple[str, ...] = ()
    stamps: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    command: str = ""
    progress: Progress | None = None
    examined: bool = True
    times: tuple[str, str] | None = None

    @property
    def date(self) -> str:
        """The days of its runs; an empty text where nothing says so."""
        if self.times is None:
            return ""
        first, last = (time[:_DAY] for time in self.times)
        return first if first == last else f"{first} to {last}"

    @property
    def tested(self) -> int:
        """Models with a measured average."""
        return sum(math.isfinite(model.average) for model in self.models)

    @property
    def suspicious(self) -> frozenset[str]:
        """Names of models with an error that `doctor` found."""
        return frozenset(f.model for f in self.findings if f.severity == "error")

    @property
    def seeds(self) -> bool:
        """Whether cells have intervals."""
        return any(math.isfinite(c.low) for model in self.models for c in model.cells.values())

    def sorted_models(self) -> tuple[Model, ...]:
        """Returns the models as they are listed: by rank, then by average, then by name."""
        return tuple(sorted(self.models, key=order))


def times_of(records: Iterable[Record | ProbeRecord]) -> tuple[str, str] | None:
    """Returns when the first and the last of some records were made; None where none says so."""
    times = [record.finished for record in records if record.finished is not None]
    return (min(times), max(times)) if times else None


def order(model: Model) -> tuple[float, float, str]:
    """Returns what models are sorted by."""
    rank = model.rank if model.ranked else math.inf
    average = -model.average if math.isfinite(model.average) else math.inf
    return rank, average, model.name


def conflict(known: Record, first: str, record: Record, second: str) -> str | None:
    """Returns what two records of one run say where their scores differ, without a full stop.

    Args:
        known, record: of one run.
        first, second: what the result sets are called that have them.
    """
    if known.score is None or record.score is None or abs(known.score - record.score) <= _SAME:
        return None
    return (
        f"Run {record.id} ({record.base.label} on {record.target}, seed {record.seed}) scores"
        f" {known.score:.4g} in {first} and {record.score:.4g} in {second}"
    )


def conflicts(sets: Sequence[tuple[str, Mapping[str, Record]]]) -> list[str]:
    """Returns a sentence per run that two result sets have with different scores.

    Args:
        sets: (name, run id → record) of each ranking.
    """
    seen: dict[str, tuple[str, Record]] = {}
    found = []
    for name, records in sets:
        for key, record in sorted(records.items()):
            if record.score is None:
                continue
            first, known = seen.setdefault(key, (name, record))
            said = conflict(known, first, record, name)
            if said is not None:
                found.append(f"{said}: each ranking shows its own; nothing is averaged.")
    return found
