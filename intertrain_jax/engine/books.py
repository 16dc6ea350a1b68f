"""The books of a grid: what waits, whose weights are kept, and what is written when."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Any

from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.engine.keeping import Keeping
from intertrain_jax.engine.recording import Recorder
from intertrain_jax.engine.tasks import GridTasks
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import Effort, RunQueue
from intertrain_jax.planning.work import Emit, GridWork
from intertrain_jax.records.results import RunResult


class Books:
    """A grid's own books, of which a loop of the same process is fed.

    Args:
        work: the grid.
        emit: writes the record of a run that ended.
        effort: what a run will take.

    Attributes:
        queue: the runs that wait.
        weights: the checkpoints of the experiment.
    """

    def __init__(self, work: GridWork, emit: Emit, effort: Callable[[Run], Effort]) -> None:
        kept = work.options.kept
        self._plan, self._keeps = work.plan, kept != "none"
        self.weights = Checkpoints(work.out / "checkpoints")
        self.queue = RunQueue(work.plan.runs, work.done, self.weights.has_source, effort)
        self._keeping = Keeping(kept, self.weights, self.queue)
        self._recorder = Recorder(emit, self.weights, self.queue, self._keeps)

    @property
    def more(self) -> bool:
        """Whether a run waits."""
        return bool(len(self.queue))

    @property
    def to_record(self) -> int:
        """Runs that wait and will leave a record."""
        return self.queue.to_record

    @property
    def tokens(self) -> int:
        """What the runs that wait would train on."""
        return self.queue.tokens

    @property
    def due(self) -> bool:
        """Whether results have waited to be written for long enough."""
        return self._recorder.due

    def open(self) -> int:
        """Takes the directory over, less what is of no use in it; returns how many runs wait."""
        self.weights.take_over()
        wanted = {run for run in self.queue.runs if self.queue.dependants(run)}
        self.weights.keep_only(self.queue.waiting, None if self._keeps else wanted)
        return len(self.queue)

    def close(self) -> None:
        """Ends; everything is written."""
        self.weights.close()

    def wait(self) -> None:
        """Returns: where no lane is busy, a run is ready or none is left."""

    def foreseen(self, count: int) -> Iterator[Run]:
        """Yields the runs that wait, the next ones first."""
        yield from self.queue.upcoming(None, count)
        yield from (run for run in self.queue.runs.values() if run.id in self.queue.waiting)

    def upcoming(self, shape: BlockShape | None, count: int) -> Iterator[Run]:
        """Yields the runs that come next."""
        return self.queue.upcoming(shape, count)

    def take_next(self, shape: BlockShape | None) -> Run | None:
        """Takes out the run that is to start in a free lane."""
        return self.queue.take_next(shape)

    def take_orphans(self) -> list[tuple[Run, str]]:
        """Takes out the runs whose source run failed."""
        return self.queue.take_orphans()

    def put_back(self, run: Run) -> None:
        """Lets a run that was taken wait again."""
        self.queue.put_back(run)

    def wait_for_source(self, run: Run) -> bool:
        """Lets a run that was taken wait until its source run has been done again."""
        return self.queue.wait_for_source(run)

    def is_tested(self, run: Run) -> bool:
        """Whether anybody reads a run's score: not if it only makes a source model, or only again."""
        return self._plan.in_matrix(run) and run.id not in self.queue.silent

    def wants_weights(self, run: Run) -> bool:
        """Whether the weights of a run may be wanted when its score is known."""
        return self._keeping.needs(run)

    def keep(self, run: Run, params: Any, result: RunResult) -> None:
        """Begins to write the weights of a run that ended, if they are wanted."""
        self._keeping.save(run, params, result)

    def finish(self, run: Run, result: RunResult | None, reason: str | None) -> bool:
        """Closes a run's account; its record is written once its weights are safe."""
        self.queue.close(run, reason)
        return self.record(run, result, reason)

    def record(self, run: Run, result: RunResult | None, reason: str | None) -> bool:
        """Lets what became of a run be written; says whether it is recorded at all."""
        if run.id in self.queue.silent:
            return False
        self._recorder.add(run, result, reason)
        return True

    def write(self, sources_in_use: Container[str | None], wait: bool) -> None:
        """Writes the records of runs that ended."""
        self._recorder.write(sources_in_use, wait)


def books_of(work: GridWork, emit: Emit, tasks: GridTasks) -> Books:
    """Returns the books of a grid whose tasks are at hand."""
    return Books(work, emit, tasks.effort_of)
