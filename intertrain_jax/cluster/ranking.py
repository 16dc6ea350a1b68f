"""A ranking on many workers: models are handed out in groups, outcomes come back in any order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

from intertrain_jax.cluster.driver import Rules
from intertrain_jax.cluster.mail import Probing, Ranking
from intertrain_jax.cluster.pool import Pool, Reference, WorkerDiedError
from intertrain_jax.cluster.seats import FALSE_STARTS, none_left
from intertrain_jax.cluster.worker import Worker
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import TaskData
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.probe.ranker import MOST_TOGETHER, Outcome, RankProgress, prepare

# What a worker's death and its silence mean, as in a grid.
_RULES = Rules()
_LISTEN_SECONDS = 0.5
# Seconds that a worker takes to its models before it says how far it is.
_TELL_SECONDS = 2.0


class Groups:
    """Which models are probed together, and what a worker's death costs them.

    Models of a worker that died are tried again, each alone the last time, so that none fails for
    another's sake.

    Args:
        refs: models, in the order in which they are handed out.
        size: of a group.

    Attributes:
        total: how many models there are.
    """

    def __init__(self, refs: Sequence[ModelRef], size: int) -> None:
        self.total = len(refs)
        self._waiting = deque(tuple(refs[k : k + size]) for k in range(0, len(refs), size))
        self._deaths: dict[ModelRef, int] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self) -> tuple[ModelRef, ...] | None:
        """Takes out the next group; None where there is none."""
        return self._waiting.popleft() if self._waiting else None

    def died(self, group: Iterable[ModelRef]) -> list[ModelRef]:
        """Takes back the group of a worker that died; returns those of its models that fail by that."""
        failed, again = [], []
        for ref in group:
            self._deaths[ref] = self._deaths.get(ref, 0) + 1
            if self._deaths[ref] >= _RULES.deaths:
                failed.append(ref)
            elif self._deaths[ref] == _RULES.deaths - 1:
                self._waiting.appendleft((ref,))
            else:
                again.append(ref)
        if again:
            self._waiting.appendleft(tuple(again))
        return failed


@dataclass
class _Bench:
    """A worker and the models that it probes.

    Attributes:
        worker: what the pool calls it.
        group: its models.
        asked: when it was asked for the answer that is awaited.
        moved: when it was first seen to have called as many programs as it has.
        said: its last answer.
    """

    worker: Any
    group: tuple[ModelRef, ...]
    asked: float
    moved: float
    said: Probing = field(default_factory=Probing)

    def told(self, said: Probing, now: float) -> None:
        """Takes an answer in."""
        if said.turns != self.said.turns:
            self.moved = now
        self.said, self.asked = said, now

    def fault(self, now: float) -> str | None:
        """Returns why it is given up; None if it is not."""
        if now - self.asked > _RULES.silent_seconds:
            return f"it gave no answer for {_RULES.silent_seconds / 60:g} minutes"
        if now - self.moved > _RULES.stuck_seconds:
            return f"it took no step for {_RULES.stuck_seconds / 60:g} minutes"
        return None


@dataclass
class WorkersRanking:
    """A ranking whose models are probed by workers.

    Args:
        pool: of workers.
        config: the ranking.
        protocol: of the probe, precision resolved.
        data: of the task.
        downloads: where models off the hub go that are deleted after use.
        architectures: hashes, of the models that were ranked there before.
    """

    pool: Pool
    config: RankConfig
    protocol: Protocol
    data: TaskData
    downloads: Path | None
    architectures: Collection[str]

    def __post_init__(self) -> None:
        given = (self.config, self.protocol, self.data, lane_mesh(1), self.downloads)
        self._own = prepare(*given, self.architectures)

    def require(self, ref: ModelRef) -> None:
        """Checks that there is a model without which the ranking makes no sense.

        Raises:
            IntertrainError: it cannot be probed; says why.
        """
        self._own.require(ref)

    def run(
        self,
        refs: Sequence[ModelRef],
        emit: Callable[[Sequence[Outcome]], None],
        watch: Callable[[RankProgress], None],
    ) -> RankProgress:
        """Probes models on all workers, and gives outcomes to `emit` as they come."""
        # Decided here: no worker sees all models.
        shape = self._own.shape_of(refs)
        downloads = None if self.downloads is None else str(self.downloads.absolute())
        known = tuple(self.architectures)
        setup = Ranking(self.config, self.protocol, self.data, downloads, known, shape)
        groups = Groups(refs, self._group(len(refs)))
        return probed_by_workers(self.pool, self.pool.put(setup), groups, emit, watch)

    def _group(self, models: int) -> int:
        """Returns how many models a worker gets: as many as have their heads trained together."""
        wanted = MOST_TOGETHER if self.config.group == "auto" else int(self.config.group)
        return max(1, min(wanted, -(-models // self.pool.count)))


class _Crew:
    """The workers of a ranking: those that are to begin, those without models, and those with.

    Args:
        pool: where they come from.
        setup: reference of what the models have in common.
    """

    def __init__(self, pool: Pool, setup: Reference) -> None:
        self._pool, self._setup = pool, setup
        self._coming: dict[Reference, Any] = {}
        self._free: list[Any] = []
        self._false_starts = 0
        self.busy: dict[Reference, _Bench] = {}

    def call(self, groups: int) -> None:
        """Asks for as many workers as there is room for, and as groups are to be probed."""
        wanted = min(self._pool.count, len(self.busy) + groups)
        here = len(self.busy) + len(self._free) + len(self._coming)
        if self._false_starts < FALSE_STARTS:
            for _ in range(wanted - here):
                worker = self._pool.spawn(Worker)
                self._coming[worker.place.remote(None)] = worker

    def give(self, groups: Groups) -> None:
        """Gives models to workers that are there: one that has no room yet may never come."""
        while self._free and (group := groups.take()) is not None:
            worker, now = self._free.pop(), time.monotonic()
            self.busy[worker.probe.remote(self._setup, group)] = _Bench(worker, group, now, now)

    def listen(self) -> list[tuple[_Bench, str | None]]:
        """Takes answers in; returns who is done with its models, or is lost, and why that is.

        Raises:
            IntertrainError: no worker can start.
        """
        found: list[tuple[_Bench, str | None]] = []
        for reference in self._pool.ready([*self._coming, *self.busy], _LISTEN_SECONDS):
            if reference in self._coming:
                self._begun(reference)
                continue
            bench = self.busy.pop(reference)
            try:
                bench.told(self._pool.get(reference), time.monotonic())
            except WorkerDiedError as error:
                found.append((bench, str(error)))
                continue
            if bench.said.outcomes is None:
                self.busy[bench.worker.probed.remote(_TELL_SECONDS)] = bench
            else:
                self._free.append(bench.worker)
                found.append((bench, None))
        for reference, bench in list(self.busy.items()):
            if (why := bench.fault(time.monotonic())) is not None:
                found.append((self.busy.pop(reference), why))
        for bench, why in found:
            if why is not None:
                self._pool.kill(bench.worker)
        return found

    def close(self) -> None:
        """Gives workers without models back to the pool, and ends the others."""
        for worker in (*self._coming.values(), *(bench.worker for bench in self.busy.values())):
            self._pool.kill(worker)
        for worker in self._free:
            self._pool.rest(worker)

    def _begun(self, reference: Reference) -> None:
        worker = self._coming.pop(reference)
        try:
            self._pool.get(reference)
        except WorkerDiedError as error:
            self._pool.kill(worker)
            self._false_starts += 1
            left = self._coming or self._free or self.busy
            if self._false_starts >= FALSE_STARTS and not left:
                raise none_left(error) from error
            return
        self._free.append(worker)
        self._false_starts = 0


def probed_by_workers(
    pool: Pool,
    setup: Reference,
    groups: Groups,
    emit: Callable[[Sequence[Outcome]], None],
    watch: Callable[[RankProgress], None],
) -> RankProgress:
    """Hands groups of models out to workers, and gives outcomes to `emit` as they come.

    A worker that dies, that gives no answer for two minutes or that takes no step for thirty is
    replaced, and its models are tried again.

    Args:
        pool: of workers.
        setup: reference of what the models have in common.
        groups: of models.
        emit: called with what became of the models of a group.
        watch: called with the progress.

    Raises:
        IntertrainError: no worker can start, or one refused.
    """
    began, done = time.monotonic(), RankProgress(total=groups.total)
    crew = _Crew(pool, setup)
    try:
        while crew.busy or groups:
            crew.call(len(groups))
            crew.give(groups)
            for bench, why in crew.listen():
                outcomes, made = bench.said.outcomes or (), bench.said.progress
                if why is not None:
                    reason = f"{_RULES.deaths} workers died with it, the last one: {why}"
                    outcomes = tuple(Outcome(ref, reason) for ref in groups.died(bench.group))
                    made = RankProgress(failed=len(outcomes), passed=len(outcomes))
                if outcomes:
                    emit(outcomes)
                done = _added(done, made)
            done = replace(done, seconds=time.monotonic() - began)
            watch(reduce(_added, (bench.said.progress for bench in crew.busy.values()), done))
        return done
    finally:
        crew.close()


def _added(one: RankProgress, other: RankProgress) -> RankProgress:
    names = ("done", "failed", "passed", "examples", "device_seconds")
    sums = {name: getattr(one, name) + getattr(other, name) for name in names}
    # A worker's programs are counted again with every group.
    return replace(one, **sums, compilations=max(one.compilations, other.compilations))
