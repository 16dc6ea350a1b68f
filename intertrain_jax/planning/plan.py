"""The plan of an experiment: every run with its id, and which run's model it waits for."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.records.resolution import Resolution
from intertrain_jax.records.results import RunResult
from intertrain_jax.records.runs import BaseRef, DataStamp, Record, RunKind, run_id

PRETRAINED = "PT"


@dataclass(frozen=True)
class Run:
    """One training: a base model, a task and a seed.

    Attributes:
        id: hash of everything that decides its score.
        kind: "pretrained" (from PT: baseline and, if its task is a source, source model), "source"
            (from a source model) or "base" (from a further base model).
        base: what it starts from.
        target: the task it is trained and tested on.
        seed: of head, data order and dropout.
        protocol: with `precision` resolved where the resolution knows it.
        depends_on: id of the run whose best parameters it starts from.
        data_fingerprint: of the target's data; None while they have not been read.
    """

    id: str
    kind: RunKind
    base: BaseRef
    target: str
    seed: int
    protocol: Protocol
    depends_on: str | None = None
    data_fingerprint: str | None = None

    @property
    def name(self) -> str:
        """What people call it: BASE:TARGET:SEED."""
        return f"{self.base.label}:{self.target}:{self.seed}"


@dataclass(frozen=True)
class Plan:
    """All runs of an experiment, every run after the one it depends on.

    Attributes:
        name: of the experiment.
        runs: sorted topologically.
        bases: labels of the matrix's rows, PT first.
        targets: the matrix's columns.
        seeds: how many were asked for.
        makers: ids of the runs that only make a source model: they are not of the matrix, and not
            tested.
    """

    name: str
    runs: tuple[Run, ...]
    bases: tuple[str, ...]
    targets: tuple[str, ...]
    seeds: int
    makers: frozenset[str] = frozenset()

    @cached_property
    def by_id(self) -> dict[str, Run]:
        """Run id → run."""
        return {run.id: run for run in self.runs}

    @cached_property
    def _dependants(self) -> dict[str, tuple[Run, ...]]:
        waiting: dict[str, list[Run]] = {}
        for run in self.runs:
            if run.depends_on is not None:
                waiting.setdefault(run.depends_on, []).append(run)
        return {source: tuple(runs) for source, runs in waiting.items()}

    def dependants(self, run: str) -> tuple[Run, ...]:
        """Returns the runs that start from the model which a run makes."""
        return self._dependants.get(run, ())

    def ready(self, done: Container[str]) -> tuple[Run, ...]:
        """Returns the runs that are not done and wait for nothing."""
        return tuple(
            run
            for run in self.runs
            if run.id not in done and (run.depends_on is None or run.depends_on in done)
        )

    def orphans(self, failed: Container[str]) -> tuple[Run, ...]:
        """Returns the runs that can never start: they depend, at any depth, on a failed run."""
        lost: set[str] = set()
        for run in self.runs:
            if run.depends_on is not None and (run.depends_on in failed or run.depends_on in lost):
                lost.add(run.id)
        return tuple(run for run in self.runs if run.id in lost and run.id not in failed)

    def without(self, ids: Container[str]) -> Plan:
        """Returns the plan less some runs."""
        return replace(self, runs=tuple(run for run in self.runs if run.id not in ids))

    @cached_property
    def matrix_runs(self) -> tuple[Run, ...]:
        """The runs that have a score in a cell: all but those that only make a source model."""
        return tuple(run for run in self.runs if self.in_matrix(run))

    def in_matrix(self, run: Run) -> bool:
        """Whether a run is of the matrix: others only make a source model, and are not tested."""
        return run.id not in self.makers


def build_plan(
    config: ExperimentConfig,
    sources: Sequence[str],
    targets: Sequence[str],
    resolution: Resolution | None = None,
) -> Plan:
    """Returns the in-house experiment's plan.

    PT is trained once on every task and seed: as baseline of targets, as source model of sources; where
    sources have a protocol of their own, twice on a task that is both. Then every source model of the
    same seed, and every further base model, goes to every target.

    Args:
        config: the experiment.
        sources: names of its source tasks, groups expanded.
        targets: names of its target tasks, groups expanded.
        resolution: fingerprints and precision, as far as they are known.

    Raises:
        IntertrainError: two rows of the matrix would be the same model or have the same name, or a
            template is for no task of the experiment.
    """
    resolution = resolution or Resolution()
    protocol, of_sources = (
        _precise(found, resolution) for found in (config.protocol, config.protocol_of_sources)
    )
    pretrained = _base(PRETRAINED, config.model.ref, resolution)
    bases = [_base(ref.label, ref, resolution) for ref in config.model.base_refs]
    _check_rows(pretrained, sources, bases)
    _check_templates(protocol, (*sources, *targets))

    # Made once for every task: a grid has up to 100,000 runs.
    as_target = {task: _own(protocol, task) for task in targets}
    as_source = {task: _own(of_sources, task) for task in sources}

    def make(kind: RunKind, base: BaseRef, target: str, seed: int, own: Protocol) -> Run:
        data = resolution.data_fingerprints.get(target)
        identity = run_id(base, target, data, own, seed)
        return Run(identity, kind, base, target, seed, own, base.source_run, data)

    runs: list[Run] = []
    makers: set[str] = set()
    for seed in range(config.seeds):
        making = {
            task: make("pretrained", pretrained, task, seed, own) for task, own in as_source.items()
        }
        baselines = [
            make("pretrained", pretrained, task, seed, own) for task, own in as_target.items()
        ]
        both = {run.id: run for run in (*making.values(), *baselines)}
        runs += both.values()
        makers |= both.keys() - {run.id for run in baselines}
        for base in bases:
            runs += [make("base", base, task, seed, own) for task, own in as_target.items()]
        for source in sources:
            model = replace(
                pretrained,
                label=source,
                source_run=making[source].id,
                source_task=source,
            )
            runs += [make("source", model, task, seed, own) for task, own in as_target.items()]
    rows = (PRETRAINED, *sources, *(base.label for base in bases))
    ordered = sort_runs(runs)
    return Plan(config.name, ordered, rows, tuple(targets), config.seeds, frozenset(makers))


def sort_runs(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Returns the runs sorted so that each follows the run it depends on.

    Raises:
        IntertrainError: runs wait for each other in a circle, for a run that is not among them, or
            two have one id.
    """
    by_id: dict[str, Run] = {}
    for run in runs:
        if run.id in by_id:
            raise IntertrainError(
                f"runs {by_id[run.id].name} and {run.name} are one run ({run.id}). Remove one."
            )
        by_id[run.id] = run
    for run in by_id.values():
        if run.depends_on is not None and run.depends_on not in by_id:
            raise IntertrainError(
                f"run {run.name} depends on run {run.depends_on}, which is not in the plan. Add it."
            )
    graph = {run.id: [run.depends_on] if run.depends_on else [] for run in by_id.values()}
    try:
        return tuple(by_id[identity] for identity in TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(by_id[identity].name for identity in error.args[1])
        raise IntertrainError(f"runs wait for each other: {circle}. Break the circle.") from error


def record_of(
    run: Run,
    result: RunResult | None,
    reason: str | None,
    origin: Mapping[str, object],
    environment: Mapping[str, str],
    finished: str | None = None,
) -> Record:
    """Returns the record of a run that ended.

    Args:
        run: the run.
        result: its scores; None if it failed.
        reason: why it failed; None if it did not.
        origin: where the target's data came from.
        environment: versions and device.
        finished: when it ended.
    """
    return Record(
        id=run.id,
        kind=run.kind,
        base=run.base,
        target=run.target,
        seed=run.seed,
        protocol=run.protocol,
        data=DataStamp(run.data_fingerprint, dict(origin)),
        status="failed" if result is None else "done",
        reason=reason,
        result=result,
        environment=dict(environment),
        finished=finished,
    )


def _precise(protocol: Protocol, resolution: Resolution) -> Protocol:
    """Returns a protocol with the precision that "auto" means."""
    if protocol.precision != "auto" or resolution.precision is None:
        return protocol
    return replace(protocol, precision=resolution.precision)


def _own(protocol: Protocol, task: str) -> Protocol:
    """Returns a protocol without the templates of other tasks."""
    return protocol if protocol.text is None else replace(protocol, text=protocol.text.of(task))


def _base(label: str, ref: ModelRef, resolution: Resolution) -> BaseRef:
    fingerprint = resolution.model_fingerprints.get(ref.label)
    if fingerprint is None and label == PRETRAINED:
        # Where model.revision pinned it, the reference alone was noted once.
        fingerprint = resolution.model_fingerprints.get(ref.reference)
    return BaseRef(label, ref.reference, ref.revision, fingerprint)


def _check_templates(protocol: Protocol, tasks: Sequence[str]) -> None:
    """Checks that every template is for a task of the experiment."""
    for name in protocol.text.templates if protocol.text else ():
        if name not in tasks:
            raise IntertrainError(
                f"config key 'protocol.text.templates' must name tasks of the experiment, got"
                f" {name!r}.{nearest(name, tasks)} Correct or remove it."
            )


def _check_rows(pretrained: BaseRef, sources: Sequence[str], bases: Sequence[BaseRef]) -> None:
    """Checks that no two rows of the matrix share their name or their weights."""
    taken = {PRETRAINED, *sources}
    by_content = {str(pretrained.identity): pretrained}
    for base in bases:
        if base.label in taken:
            raise IntertrainError(
                f"config key 'model.bases': {base.label!r} is also the name of a source task or of"
                f" the pretrained model. Write the directory as './{base.label}'."
            )
        twin = by_content.setdefault(str(base.identity), base)
        if twin is not base:
            raise IntertrainError(
                f"config key 'model.bases': {base.label!r} is the same model as"
                f" {twin.model!r}, by its weights. Remove it."
            )
