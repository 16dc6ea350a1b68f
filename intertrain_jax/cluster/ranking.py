"""A ranking on many workers: models are handed out in groups, outcomes come back in any order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from intertrain_jax.cluster.mail import Ranking
from intertrain_jax.cluster.pool import Pool, Reference, WorkerDiedError
from intertrain_jax.cluster.worker import Worker
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import TaskData
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.probe.ranker import MOST_TOGETHER, Outcome, RankProgress, prepare

# Workers that may die with a model, as in a grid.
_DEATHS = 3
_LISTEN_SECONDS = 0.5


class Groups:
    """Which models are probed together, and what a worker's death costs them.

    Models of a worker that died are tried again, each alone the last time, so that none fails for
    another's sake.

    Args:
        refs: models, in the order in which they are handed out.
        size: of a group.
    """

    def __init__(self, refs: Sequence[ModelRef], size: int) -> None:
        self._waiting = deque(tuple(refs[k : k + size]) for k in range(0, len(refs), size))
        self._deaths: dict[ModelRef, int] = {}

    def take(self) -> tuple[ModelRef, ...] | None:
        """Takes out the next group; None where there is none."""
        return self._waiting.popleft() if self._waiting else None

    def died(self, group: Iterable[ModelRef]) -> list[ModelRef]:
        """Takes back the group of a worker that died; returns those of its models that fail by that."""
        failed, again = [], []
        for ref in group:
            self._deaths[ref] = self._deaths.get(ref, 0) + 1
            if self._deaths[ref] >= _DEATHS:
                failed.append(ref)
            elif self._deaths[ref] == _DEATHS - 1:
                self._waiting.appendleft((ref,))
            else:
                again.append(ref)
        if again:
            self._waiting.appendleft(tuple(again))
        return failed


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
        shared = self.pool.put(setup)
        groups = Groups(refs, self._group(len(refs)))
        began, progress = time.monotonic(), RankProgress(total=len(refs))
        busy: dict[Reference, tuple[Any, tuple[ModelRef, ...]]] = {}
        workers, free = self.pool.count, deque[Any]()
        try:
            while True:
                while len(busy) < workers and (group := groups.take()) is not None:
                    worker = free.popleft() if free else self.pool.spawn(Worker)
                    busy[worker.rank.remote(shared, group)] = worker, group
                if not busy:
                    return progress
                for reference in self.pool.ready(list(busy), _LISTEN_SECONDS):
                    worker, group = busy.pop(reference)
                    try:
                        outcomes, made = self.pool.get(reference)
                        free.append(worker)
                    except WorkerDiedError as error:
                        self.pool.kill(worker)
                        reason = f"{_DEATHS} workers died with it, the last one: {error}"
                        outcomes = [Outcome(ref, reason) for ref in groups.died(group)]
                        made = RankProgress(failed=len(outcomes), passed=len(outcomes))
                    if outcomes:
                        emit(outcomes)
                    seconds = time.monotonic() - began
                    progress = replace(_added(progress, made), seconds=seconds)
                    watch(progress)
        finally:
            for worker, _ in busy.values():
                self.pool.kill(worker)
            for worker in free:
                self.pool.rest(worker)

    def _group(self, models: int) -> int:
        """Returns how many models a worker gets: as many as have their heads trained together."""
        wanted = MOST_TOGETHER if self.config.group == "auto" else int(self.config.group)
        return max(1, min(wanted, -(-models // self.pool.count)))


def _added(one: RankProgress, other: RankProgress) -> RankProgress:
    names = ("done", "failed", "passed", "examples", "device_seconds")
    sums = {name: getattr(one, name) + getattr(other, name) for name in names}
    # A worker's programs are counted again with every group.
    return replace(one, **sums, compilations=max(one.compilations, other.compilations))
