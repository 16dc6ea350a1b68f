"""The books of a grid on many workers: who has which run, what comes next, and what a death costs.

Nothing here computes, waits or knows the time: events come in as calls, what is to be done goes out as
values. A death, of a worker or of its machine, or a silence that is taken for one, costs its runs what
they did since they were last saved: they go to the front. A run that two workers died with is given to
one alone, so that the third death tells whose fault it was. Deaths count while the run is not saved
farther between them: where machines live shorter than a run takes, none is its fault.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from intertrain_jax.data.packing import BlockShape
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import RunQueue

# "new" is to be recorded, "same" was recorded before, "different" contradicts what was.
Verdict = Literal["new", "same", "different"]

# Workers get runs beyond their lanes while this many runs per lane are ready: what waits at one worker
# cannot be done by another that is free.
_PLENTY = 4
# A shape that a worker has compiled is preferred to one with longer runs, up to so much longer ones.
_COMPILED_WORTH = 1.5
# Source models that a worker is believed to hold.
_SOURCES_HELD = 4


@dataclass(frozen=True)
class Rules:
    """What the driver goes by.

    Attributes:
        ahead: runs that a worker gets beyond its lanes, while there are plenty.
        deaths: of workers with the same run on board, none of which saved it farther than the last,
            after which that run has failed.
        silent_seconds: a worker with runs that gives no answer for so long is given up,
        stuck_seconds: and one that answers and takes no step.
    """

    ahead: int = 2
    deaths: int = 3
    silent_seconds: float = 120.0
    stuck_seconds: float = 1800.0


@dataclass(frozen=True)
class Given:
    """A run that a worker is to do.

    Attributes:
        worker: its name.
        run: to be done.
        attempt: 1, and one more for every worker that died with it.
    """

    worker: str
    run: Run
    attempt: int


@dataclass
class _Worker:
    """A worker as the driver sees it.

    Attributes:
        lanes: runs that it trains at once.
        shapes_at_once: block shapes that these may have.
        moved: when it last took a step, or got its first run.
        heard: when it was last heard, or asked.
        steps: that it has told of.
        runs: on board, in the order given.
        shapes: block shapes that it has compiled.
        sources: source runs whose models it holds, the last used at the end.
        alone: whether its run is to have no neighbour, or those it has are to end for such a run.
    """

    lanes: int
    shapes_at_once: int
    moved: float
    heard: float
    steps: int = 0
    runs: dict[str, Run] = field(default_factory=dict)
    shapes: set[BlockShape] = field(default_factory=set)
    sources: dict[str, None] = field(default_factory=dict)
    alone: bool = False

    @property
    def room(self) -> int:
        """Lanes without a run."""
        return 0 if self.alone else max(self.lanes - len(self.runs), 0)

    def got(self, run: Run, shape: BlockShape) -> None:
        """Enters that it has a run, and what it holds once that has begun."""
        self.runs[run.id] = run
        self.shapes.add(shape)
        if run.depends_on is not None:
            self.sources.pop(run.depends_on, None)
            self.sources[run.depends_on] = None
            if len(self.sources) > _SOURCES_HELD:
                del self.sources[next(iter(self.sources))]


class Driver:
    """Hands out the runs of a queue to workers. No call costs more the more runs there are.

    Args:
        queue: of the grid.
        rules: to go by.

    Attributes:
        queue: the same; of its runs, the driver takes and closes those that it hands out.
    """

    def __init__(self, queue: RunQueue, rules: Rules = Rules()) -> None:
        self.queue, self._rules = queue, rules
        self._workers: dict[str, _Worker] = {}
        self._lanes = 0
        # Run → the worker that has it.
        self._at: dict[str, str] = {}
        # Runs of workers that died, to come first; and those that are to be alone.
        self._front: deque[Run] = deque()
        self._suspects: deque[Run] = deque()
        self._deaths: dict[str, int] = {}
        # Step at which a run was last saved, and at which it was when a worker last died with it.
        self._saved: dict[str, int] = {}
        self._died_at: dict[str, int] = {}
        # Of runs that were given more than once: what came of them.
        self._outcomes: dict[str, str] = {}
        # Workers with a free lane; and those of whom there was news since runs were last handed out.
        self._free: dict[str, None] = {}
        self._news: dict[str, None] = {}

    @property
    def finished(self) -> bool:
        """Whether no run waits, and none is on board."""
        return not len(self.queue) and not self._at and not self._suspects

    @property
    def workers(self) -> tuple[str, ...]:
        """Names of the workers that are there."""
        return tuple(self._workers)

    def on_board(self, worker: str) -> tuple[Run, ...]:
        """Returns the runs that a worker has."""
        return tuple(self._workers[worker].runs.values()) if worker in self._workers else ()

    @property
    def sources_in_use(self) -> set[str | None]:
        """Source runs whose models runs outside the queue start from."""
        held = {run.depends_on for one in self._workers.values() for run in one.runs.values()}
        return held | {run.depends_on for run in self._suspects}

    def attempts(self, run: str) -> int:
        """Returns how often a run has been begun since it was last saved farther, this time included."""
        return self._deaths.get(run, 0) + 1

    def join(self, worker: str, lanes: int, now: float, fused: int | None = None) -> None:
        """Enters a worker.

        Args:
            worker: a name that none had before.
            lanes: runs that it trains at once.
            now: seconds, from any beginning.
            fused: lanes of a group, whose runs share a block shape; None if there is one group.
        """
        groups = -(-lanes // (fused or max(lanes, 1)))
        self._workers[worker] = _Worker(lanes, groups, now, now)
        self._lanes += lanes
        self._note(worker)

    def asked(self, worker: str, now: float) -> None:
        """Enters that a worker was asked for an answer, as it had given the last one."""
        if (known := self._workers.get(worker)) is not None:
            known.heard = now

    def beat(self, worker: str, steps: int, now: float) -> None:
        """Enters a worker's answer: how many steps it has taken so far."""
        if (known := self._workers.get(worker)) is not None:
            known.heard = now
            if steps != known.steps:
                known.steps, known.moved = steps, now

    def saved(self, run: str, step: int) -> None:
        """Enters that a run in flight was saved at a step."""
        self._saved[run] = step

    def ended(
        self, worker: str, run: str, outcome: str, failure: str | None, now: float
    ) -> Verdict:
        """Enters what came of a run, whoever has it by now, and closes it in the queue.

        Args:
            worker: that says so, if only after it was given up.
            run: its id.
            outcome: what is the same where a run was done twice and all is well.
            failure: why it failed; None if it did not.
            now: seconds.
        """
        if (known := self._workers.get(worker)) is not None and run in known.runs:
            known.moved = known.heard = now
            self._unload(worker, run)
        ended = self.queue.runs[run]
        self._saved.pop(run, None)
        twice = self._deaths.get(run, 0) > 0
        if twice and run in self._outcomes:
            return "same" if self._outcomes[run] == outcome else "different"
        if run not in self._at and run in self.queue.waiting:
            self.queue.take(ended)  # it was to be done again
        if twice:
            self._outcomes[run] = outcome
        self.queue.close(ended, failure)
        return "new"

    def died(self, worker: str, why: str, now: float) -> list[tuple[Run, str]]:
        """Enters that a worker is no more; its runs go to the front.

        Args:
            worker: its name.
            why: one line.
            now: seconds.

        Returns:
            The runs that have failed by this, closed in the queue, each with the reason.
        """
        failed = []
        for run in self._remove(worker):
            step = self._saved.get(run.id, 0)
            farther = step > self._died_at.get(run.id, step)
            self._deaths[run.id] = 1 if farther else self._deaths.get(run.id, 0) + 1
            self._died_at[run.id] = step
            if run.id in self._outcomes:
                continue  # another worker has done it meanwhile
            if self._deaths[run.id] >= self._rules.deaths:
                reason = f"{self._rules.deaths} workers died with it, the last one: {why}"
                self._outcomes[run.id] = reason
                self.queue.close(run, reason)
                failed.append((run, reason))
                continue
            if self._deaths[run.id] == self._rules.deaths - 1:
                self._suspects.append(run)
            else:
                self.queue.put_back(run)
                self._front.append(run)
        return failed

    def left(self, worker: str, now: float) -> None:
        """Enters that a worker has ended in good order; its runs go to the front, free of suspicion."""
        for run in self._remove(worker):
            self.queue.put_back(run)
            self._front.append(run)

    def source_lost(self, worker: str, run: Run) -> bool:
        """Takes a run from a worker whose source model is damaged, until that has been made again.

        Returns:
            Whether it waits for that; False if the model was made again before: then it is the caller's
            to record a failure.
        """
        self._unload(worker, run.id)
        if self.queue.wait_for_source(run):
            return True
        self.queue.close(run, "its source model is damaged again")
        return False

    def silent(self, now: float) -> list[str]:
        """Returns the workers that have runs, and have not answered for too long."""
        latest = now - self._rules.silent_seconds
        return [name for name, one in self._workers.items() if one.runs and one.heard < latest]

    def stuck(self, now: float) -> list[str]:
        """Returns the workers that have runs, and have not taken a step for too long."""
        latest = now - self._rules.stuck_seconds
        return [name for name, one in self._workers.items() if one.runs and one.moved < latest]

    def give(self, now: float) -> list[Given]:
        """Hands out runs: one after another to the free lanes, and some ahead where plenty are ready."""
        given: list[Given] = []
        self._isolate(given, now)
        while self._free and (self.queue.ready or self._front):
            for name in sorted(self._free, key=lambda w: len(self._workers[w].runs)):
                if not self._load(name, self._next(name), given, now):
                    break
        if self.queue.ready >= _PLENTY * self._lanes:
            for name in self._news:
                worker = self._workers[name]
                while not worker.alone and len(worker.runs) < worker.lanes + self._rules.ahead:
                    if not self._load(name, self._next(name), given, now):
                        break
        self._news.clear()
        return given

    def _isolate(self, given: list[Given], now: float) -> None:
        """Gives suspects to workers without runs, and lets as many others run empty as are needed."""
        while self._suspects and self._suspects[0].id in self._outcomes:
            self._suspects.popleft()  # a worker that was given up has done it
        if not self._suspects:
            return
        emptying = [n for n, one in self._workers.items() if one.alone and not one.runs]
        idle = [n for n, one in self._workers.items() if not one.runs and not one.alone]
        for name in (*emptying, *idle):
            if not self._suspects:
                return
            self._load(name, self._suspects.popleft(), given, now)
            self._workers[name].alone = True
            self._free.pop(name, None)
        coming = sum(one.alone and len(one.runs) > 1 for one in self._workers.values())
        for name in list(self._news)[: max(len(self._suspects) - coming, 0)]:
            self._workers[name].alone = True
            self._free.pop(name, None)

    def _next(self, name: str) -> Run | None:
        """Takes out the run that suits a worker best."""
        while self._front:
            run = self._front.popleft()
            if run.id in self.queue.waiting:
                self.queue.take(run)
                return run
        worker = self._workers[name]
        shape = self._shape_for(worker)
        if shape is None:
            return None
        return self.queue.take_next(shape, lambda run: run.depends_on in worker.sources)

    def _shape_for(self, worker: _Worker) -> BlockShape | None:
        """Returns the block shape to turn to: fused lanes share one, and compiling costs."""
        heads = self.queue.heads()
        if not heads:
            return None
        efforts = {shape: self.queue.effort(run) for shape, run in heads.items()}
        running = {self.queue.effort(run).shape for run in worker.runs.values()}
        bound = worker.shapes_at_once < worker.lanes and len(running) >= worker.shapes_at_once
        allowed = running & heads.keys() if bound else None

        def worth(shape: BlockShape) -> tuple[bool, float, int]:
            unlocks = self.queue.dependants(heads[shape].id) > 0
            known = _COMPILED_WORTH if shape in worker.shapes else 1.0
            return unlocks, known * efforts[shape].tokens, shape.length

        return max(allowed or heads, key=worth)

    def _load(self, name: str, run: Run | None, given: list[Given], now: float) -> bool:
        if run is None:
            return False
        worker = self._workers[name]
        if not worker.runs:
            worker.moved = worker.heard = now
        worker.got(run, self.queue.effort(run).shape)
        self._at[run.id] = name
        given.append(Given(name, run, self.attempts(run.id)))
        if not worker.room:
            self._free.pop(name, None)
        return True

    def _unload(self, name: str, run: str) -> None:
        worker = self._workers[name]
        del worker.runs[run]
        if self._at.get(run) == name:
            del self._at[run]
        if not worker.runs:
            worker.alone = False
        self._note(name)

    def _note(self, name: str) -> None:
        self._news[name] = None
        if self._workers[name].room:
            self._free[name] = None

    def _remove(self, worker: str) -> Iterable[Run]:
        """Takes a worker out of the books; returns the runs that nobody else has by now."""
        gone = self._workers.pop(worker, None)
        if gone is None:
            return []
        self._lanes -= gone.lanes
        self._free.pop(worker, None)
        self._news.pop(worker, None)
        lost = [run for run in gone.runs.values() if self._at.get(run.id) == worker]
        for run in lost:
            del self._at[run.id]
        return lost
