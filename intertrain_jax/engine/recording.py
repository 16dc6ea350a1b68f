"""What a grid has to show: its progress, and the results of runs that ended.

A result is written once the weights that it promises are on disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace

import numpy as np

from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.engine.lane import LaneRun, Standing
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import Effort, RunQueue
from intertrain_jax.planning.status import WorkerState
from intertrain_jax.planning.work import Emit
from intertrain_jax.records.results import RunResult
from intertrain_jax.train.stopping import Progress

# Results are looked at together, about so often.
_WAIT_SECONDS = 1.0


@dataclass(frozen=True)
class GridProgress:
    """What the engine has done so far, for progress bars and summaries.

    Attributes:
        done: runs with a score.
        failed: runs recorded as failed.
        total: runs that this call set out to do.
        lanes: K.
        fuse: of them, of a group and device.
        examples: training examples done.
        tokens: non-padding tokens trained on.
        tokens_left: that are still to be trained on, if runs stop as early as those that ended.
        slots: token slots of the blocks of busy lanes, padding included.
        lane_ticks: micro-steps × lanes.
        busy_ticks: micro-steps × busy lanes.
        compilations: times that a training program was compiled.
        damaged: saved weights that could not be used, so that runs were done again.
        compile_seconds: time in which training programs were compiled.
        seconds: since the engine started.
        running: the runs in lanes.
        workers: that do them, where this process only keeps the books.
    """

    done: int = 0
    failed: int = 0
    total: int = 0
    lanes: int = 0
    fuse: int = 0
    examples: int = 0
    tokens: int = 0
    tokens_left: float = 0.0
    slots: int = 0
    lane_ticks: int = 0
    busy_ticks: int = 0
    compilations: int = 0
    damaged: int = 0
    compile_seconds: float = 0.0
    seconds: float = 0.0
    running: tuple[Run, ...] = ()
    workers: tuple[WorkerState, ...] = ()

    @property
    def active(self) -> int:
        """Runs in lanes."""
        return len(self.running)

    @property
    def occupancy(self) -> float:
        """Share of lane slots that trained a run."""
        return self.busy_ticks / self.lane_ticks if self.lane_ticks else 1.0

    @property
    def padding_share(self) -> float:
        """Share of the token slots of busy lanes that were padding."""
        return 1.0 - self.tokens / self.slots if self.slots else 0.0


class Counts:
    """Keeps account of what the engine has done.

    Args:
        effort: what a run takes.

    Attributes:
        progress: so far.
    """

    def __init__(self, effort: Callable[[Run], Effort]) -> None:
        self.progress = GridProgress()
        self._effort = effort
        # Tokens of the runs that ended: trained on, and of their whole schedules.
        self._stopped_at = self._stopped_of = 0
        self._started = time.monotonic()

    def set(self, **changes: float | tuple[Run, ...]) -> None:
        """Enters what has changed."""
        seconds = time.monotonic() - self._started
        self.progress = replace(self.progress, seconds=seconds, **changes)  # type: ignore[arg-type]

    def ended(self, failed: bool) -> None:
        """Enters that one more run has its record."""
        if failed:
            self.set(failed=self.progress.failed + 1)
        else:
            self.set(done=self.progress.done + 1)

    def trained(self, after: Iterable[Standing], before: Iterable[Standing]) -> None:
        """Enters what runs were sent on by; less than nothing where they are taken back."""
        now, examples, tokens = self.progress, 0, 0
        for sign, standings in ((1, after), (-1, before)):
            for at in standings:
                examples, tokens = examples + sign * at.examples, tokens + sign * at.tokens
        self.set(examples=now.examples + examples, tokens=now.tokens + tokens)

    def stopped(self, lane: LaneRun) -> None:
        """Takes in how early a run ended."""
        self._stopped_at += lane.tokens
        self._stopped_of += self._effort(lane.run).tokens

    def tokens_left(self, waiting: float, lanes: Iterable[LaneRun]) -> float:
        """Returns the tokens still to be trained on, if runs stop as early as those that ended.

        Args:
            waiting: tokens of the runs that wait.
            lanes: runs in lanes.
        """
        stopped = self._stopped_at / self._stopped_of if self._stopped_of else 1.0
        left = waiting * stopped
        for lane in lanes:
            left += max(self._effort(lane.run).tokens * stopped - lane.tokens, 0.0)
        return left


def result_of(
    lane: LaneRun,
    task: EncodedTask,
    ended: Progress,
    test: float | None,
    unanswered: int,
    done: GridProgress,
) -> RunResult | None:
    """Returns the result of a run that ended without diverging; None if its score is undefined.

    Args:
        lane: the run, in its lane still.
        task: that it read.
        ended: how it stands.
        test: score of its best parameters on the test split, as a fraction; None if it was not tested.
        unanswered: test examples that got no answer.
        done: says in which lanes.
    """
    scores = [score for score in (test, ended.best) if score is not None]
    if ended.best is None or not np.isfinite(scores).all():
        return None
    return RunResult(
        metric=task.metric,
        test=None if test is None else 100.0 * test,
        validation=100.0 * ended.best,
        n_test=len(task.test),
        n_validation=len(task.validation),
        n_train=len(lane.train),
        steps=lane.step,
        examples=lane.examples,
        stop_reason=ended.reason,
        history=tuple(lane.history),
        seconds=lane.elapsed,
        tokens=lane.tokens,
        unanswered=unanswered,
        notes=lane.notes,
        lanes=done.lanes,
        fuse=done.fuse,
    )


class Recorder:
    """Holds results back until source models are whole, so that a kill never leaves a record alone.

    Args:
        emit: writes the record of a run that ended.
        checkpoints: where weights are.
        queue: which runs still wait for a source model.
        keep_sources: whether source models stay when nothing waits for them any more.
    """

    def __init__(
        self, emit: Emit, checkpoints: Checkpoints, queue: RunQueue, keep_sources: bool
    ) -> None:
        self._emit, self._checkpoints, self._queue = emit, checkpoints, queue
        self._keep_sources = keep_sources
        self._waiting: list[tuple[Run, RunResult | None, str | None]] = []
        self._since = 0.0

    def add(self, run: Run, result: RunResult | None, reason: str | None) -> None:
        """Takes in the outcome of a run."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append((run, result, reason))

    @property
    def due(self) -> bool:
        """Whether results have waited long enough."""
        return bool(self._waiting) and time.monotonic() - self._since > _WAIT_SECONDS

    def write(self, sources_in_use: Container[str | None], wait: bool) -> None:
        """Writes records whose weights are safe, then deletes the source models that nothing waits for.

        Records are written in the order of their runs' ends: none goes before one that waits.

        Args:
            sources_in_use: ids of the source runs whose models runs in lanes started from.
            wait: until all weights are safe, so that all records are written.
        """
        if wait and self._waiting:
            self._checkpoints.flush()
        held = (
            k for k, (run, *_) in enumerate(self._waiting) if not self._checkpoints.is_safe(run.id)
        )
        ready = next(held, len(self._waiting))
        ended, self._waiting = self._waiting[:ready], self._waiting[ready:]
        self._since = time.monotonic()
        for run, result, reason in ended:
            self._emit(run, result, reason)
            self._checkpoints.forget_lane(run.id)
        if self._keep_sources:
            return
        # A run without its record would be done again after a kill, and would need its source.
        unrecorded = {run.depends_on for run, _, _ in self._waiting}
        for source in {run.depends_on for run, _, _ in ended} - unrecorded:
            unused = source not in sources_in_use
            if source is not None and unused and not self._queue.dependants(source):
                self._checkpoints.forget_source(source)
