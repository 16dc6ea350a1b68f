"""The queue of a grid: which runs wait, and which of the ready ones enters a free lane.

Runs that others wait for come first, then the longest, so that lanes end together. Everything is kept
by block shape in heaps, so that a free lane costs the same whether a hundred runs wait or a hundred
thousand. One process fills its lanes from it, and so does the driver of many workers.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field

from intertrain_jax.data.packing import BlockShape
from intertrain_jax.planning.plan import Run

# Of so many runs that come next, one that is preferred may come first, and the first of them may be
# passed over as often.
_WINDOW = 16


@dataclass(frozen=True)
class Effort:
    """What the queue knows of a run before it starts.

    Attributes:
        shape: block shape of its task; lanes that run together share it.
        tokens: estimated tokens to train on.
    """

    shape: BlockShape
    tokens: int


@dataclass
class _Ready:
    """The ready runs of one block shape.

    Attributes:
        heap: (nobody waits for it, -tokens, id) of each; and of some that were taken out of turn.
        count: how many they are.
        unlocks: runs that wait for any of them.
        tokens: of all of them.
        passed: how often another one was taken before the first.
    """

    heap: list[tuple[bool, int, str]] = field(default_factory=list)
    count: int = 0
    unlocks: int = 0
    tokens: int = 0
    passed: int = 0


class RunQueue:
    """Keeps account of every run of a plan.

    Args:
        runs: all runs of the plan.
        done: ids of those that have a score.
        has_weights: whether the model of a done source run is at hand.
        effort: what a run will take; the same for the same run each time.

    Attributes:
        tokens: that all waiting runs would train on, as far as is known before they start.
        ready: runs that could start now.
    """

    def __init__(
        self,
        runs: Iterable[Run],
        done: Iterable[str],
        has_weights: Callable[[str], bool],
        effort: Callable[[Run], Effort],
    ) -> None:
        self.runs = {run.id: run for run in runs}
        self.done = set(done) & set(self.runs)
        # Source runs that were done before and are repeated for their weights alone.
        self.silent: set[str] = set()
        self._effort = effort
        waiting = [r for r in self.runs if r not in self.done]
        for r in list(waiting):
            source = self.runs[r].depends_on
            if source in self.done and not has_weights(source):
                self.done.discard(source)
                self.silent.add(source)
                waiting.append(source)
        self._waiting: set[str] = set()
        self.tokens = 0
        for r in waiting:
            self._wait(self.runs[r])
        self.ready = 0
        self._offered: set[str] = set()
        # Taken out of turn: their heaps name them still.
        self._stale: set[str] = set()
        self._sources = {run.depends_on for run in self.runs.values()}
        # Source run → the waiting runs that start from its model, in the plan's order.
        self._of_source: dict[str, dict[str, None]] = {}
        for r in waiting:
            source = self.runs[r].depends_on
            if source is not None:
                self._of_source.setdefault(source, {})[r] = None
        self._orphans: list[tuple[Run, str]] = []
        self._ready: dict[BlockShape, _Ready] = {}
        for r in waiting:
            source = self.runs[r].depends_on
            if source is None or source in self.done:
                self._offer(self.runs[r])

    def __len__(self) -> int:
        """Runs that wait to be started."""
        return len(self._waiting)

    @property
    def to_record(self) -> int:
        """Runs still waiting that will leave a record."""
        return len(self._waiting - self.silent)

    @property
    def waiting(self) -> Set[str]:
        """Ids of the runs that wait to be started."""
        return self._waiting

    def dependants(self, run: str) -> int:
        """How many waiting runs need the model that this run makes."""
        return len(self._of_source.get(run, ()))

    def is_source(self, run: str) -> bool:
        """Whether any run of the plan, done or not, starts from the model that this run makes."""
        return run in self._sources

    def effort(self, run: Run) -> Effort:
        """Returns what a run will take."""
        return self._effort(run)

    def take_next(
        self, shape: BlockShape | None, preferred: Callable[[Run], bool] | None = None
    ) -> Run | None:
        """Takes out the run that is to start in a free lane; None if no ready run fits.

        Args:
            shape: in use by busy lanes; None when all lanes are free, so that any will do.
            preferred: of the next few runs, the first that it is true of comes before the others, but no
                run is passed over again and again.
        """
        following = self.upcoming(shape, 1 if preferred is None else _WINDOW)
        first = next(following, None)
        if first is None:
            return None
        ready, run = self._ready[self._effort(first).shape], first
        if preferred is not None and ready.passed < _WINDOW and not preferred(first):
            run = next(filter(preferred, following), first)
        ready.passed = 0 if run is first else ready.passed + 1
        self.take(run)
        return run

    def take(self, run: Run) -> None:
        """Takes out a ready run, whatever its turn."""
        effort = self._effort(run)
        ready = self._ready[effort.shape]
        self._offered.discard(run.id)
        self._stale.add(run.id)
        while ready.heap and ready.heap[0][2] in self._stale:
            self._stale.discard(heapq.heappop(ready.heap)[2])
        self.ready -= 1
        ready.count -= 1
        ready.unlocks -= self.dependants(run.id)
        ready.tokens -= effort.tokens
        self._leave(run)

    def heads(self) -> dict[BlockShape, Run]:
        """Returns the run that comes next, of every block shape of which there is one."""
        shapes = [shape for shape, ready in self._ready.items() if ready.count]
        return {shape: next(self.upcoming(shape, 1)) for shape in shapes}

    def upcoming(self, shape: BlockShape | None, count: int) -> Iterator[Run]:
        """Yields the runs that `take_next` would take, were nothing to become ready in between.

        Args:
            shape: as for `take_next`; runs of other shapes are not yielded.
            count: at most so many; each costs the logarithm of that, whatever waits.
        """
        if shape is None:
            shape = self._busiest_shape()
        ready = None if shape is None else self._ready.get(shape)
        if ready is None or not ready.heap:
            return
        # What may come next: the children in the heap of what has come.
        heap, at, left = ready.heap, [(ready.heap[0], 0)], count
        while at and left:
            (_, _, identity), k = heapq.heappop(at)
            for child in (2 * k + 1, 2 * k + 2):
                if child < len(heap):
                    heapq.heappush(at, (heap[child], child))
            if identity not in self._stale:
                left -= 1
                yield self.runs[identity]

    def take_orphans(self) -> list[tuple[Run, str]]:
        """Takes out the waiting runs whose source run failed since the last call, each with why."""
        found, self._orphans = self._orphans, []
        for run, _ in found:
            self._leave(run)
        return found

    def put_back(self, run: Run) -> None:
        """Lets a run that was taken wait again."""
        self._wait(run)
        if run.depends_on is not None:
            self._of_source.setdefault(run.depends_on, {})[run.id] = None
        self._offer(run)

    def wait_for_source(self, run: Run) -> bool:
        """Lets a run that was taken wait until its source run has been done again.

        Returns:
            Whether it does; False if the source run was repeated before.
        """
        source = run.depends_on
        assert source is not None
        if source in self.done and source in self.silent:
            return False
        self._wait(run)
        self._of_source.setdefault(source, {})[run.id] = None
        if source in self.done:
            self.done.discard(source)
            self.silent.add(source)
            self._wait(self.runs[source])
            self._offer(self.runs[source])
        return True

    def close(self, run: Run, failure: str | None) -> None:
        """Enters the outcome of a run that was taken: its dependants become ready, or orphans."""
        dependants = [self.runs[r] for r in self._of_source.get(run.id, ())]
        if failure is None:
            self.done.add(run.id)
            for dependant in dependants:
                self._offer(dependant)
        else:
            self._orphans += [(dependant, failure) for dependant in dependants]

    def _offer(self, run: Run) -> None:
        if run.id in self._offered:
            return
        self._offered.add(run.id)
        effort, unlocks = self._effort(run), self.dependants(run.id)
        ready = self._ready.setdefault(effort.shape, _Ready())
        if run.id in self._stale:
            self._stale.discard(run.id)
        else:
            heapq.heappush(ready.heap, (unlocks == 0, -effort.tokens, run.id))
        self.ready += 1
        ready.count += 1
        ready.unlocks += unlocks
        ready.tokens += effort.tokens

    def _wait(self, run: Run) -> None:
        if run.id not in self._waiting:
            self._waiting.add(run.id)
            self.tokens += self._effort(run).tokens

    def _leave(self, run: Run) -> None:
        if run.id in self._waiting:
            self._waiting.discard(run.id)
            self.tokens -= self._effort(run).tokens
        if run.depends_on is not None:
            self._of_source[run.depends_on].pop(run.id, None)

    def _busiest_shape(self) -> BlockShape | None:
        """Returns the shape to turn to: of the runs that others wait for, else of the most work."""
        shapes = [shape for shape, ready in self._ready.items() if ready.count]
        if not shapes:
            return None

        def rank(shape: BlockShape) -> tuple[bool, int, int]:
            return (self._ready[shape].unlocks > 0, self._ready[shape].tokens, shape.length)

        return max(shapes, key=rank)
