"""A worker's side of its runs: what the driver gave is fed to the loop, what the loop makes is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from intertrain_jax.cluster.mail import Assignment, Ended, Mail, News, Report, Saved, SourceLost
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.checkpoint import WeightsLostError
from intertrain_jax.engine.feed import Weights
from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import Effort
from intertrain_jax.records.results import RunResult

Tree = Any


class LeavingError(KeyboardInterrupt):
    """The worker is to hand over its runs: for the loop, an interruption."""


@dataclass
class Mailbox:
    """The feed of a worker's loop, between the loop's thread and the one that talks to the driver.

    Args:
        effort: what a run takes.
        runs: that may be expected.
        fetch: gets what a reference stands for.
        shared: the source models that are read from a shared filesystem; None where they are sent.
    """

    effort: Callable[[Run], Effort]
    runs: int
    fetch: Callable[[Any], Any]
    shared: Weights | None = None
    _news: list[News] = field(default_factory=list)
    _waiting: dict[str, Assignment] = field(default_factory=dict)
    _taken: dict[str, Assignment] = field(default_factory=dict)
    _kept: dict[str, Tree] = field(default_factory=dict)
    _last: bool = False
    _leaving: bool = False
    _closed: bool = False
    _error: str | None = None
    _refused: bool = False
    _turns: int = 0
    _progress: GridProgress = field(default_factory=GridProgress)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()

    # What the thread that talks to the driver calls.

    def put(self, mail: Mail) -> None:
        """Takes what the driver says."""
        with self._changed:
            self._waiting.update({one.run.id: one for one in mail.runs})
            self._last |= mail.last
            self._leaving |= mail.leave
            self._changed.notify_all()

    def leave(self) -> None:
        """Asks the loop to hand over its runs; safe in a signal's handler."""
        self._leaving = True

    def report(self, seconds: float) -> Report:
        """Returns what there is to say, as soon as there is news, or else after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._news or self._closed, seconds)
            news, self._news = tuple(self._news), []
            running = tuple(run.id for run in self._progress.running)
            progress = replace(self._progress, running=())
            ending = (self._closed, self._error, self._refused)
            return Report(news, self._turns, progress, running, *ending)

    def end(self, error: str | None, refused: bool) -> None:
        """Enters that the loop has ended.

        Args:
            error: that ended it; None if it ended in good order.
            refused: whether the error is the user's to mend.
        """
        with self._changed:
            self._closed, self._error, self._refused = True, error, refused
            self._changed.notify_all()

    # What the loop's thread calls.

    def wait_for_mail(self) -> None:
        """Waits for the first runs, or for word that there are none."""
        while not (self._waiting or self._last or self._leaving):
            self.wait()

    def watch(self, progress: GridProgress) -> None:
        """Takes the loop's progress, and interrupts it when it is to leave."""
        self._progress = progress
        self._turns += 1
        if self._leaving and not self._closed:
            raise LeavingError

    @property
    def weights(self) -> Weights:
        """Itself: weights come with runs and are sent back."""
        return self

    @property
    def more(self) -> bool:
        """Whether a run waits, or may still come."""
        return bool(self._waiting) or not self._last

    @property
    def to_record(self) -> int:
        """Runs that may be expected."""
        return self.runs

    @property
    def tokens(self) -> int:
        """What the runs that wait would train on."""
        with self._changed:
            return sum(self.effort(one.run).tokens for one in self._waiting.values())

    @property
    def due(self) -> bool:
        """Never: what there is to say is said at once."""
        return False

    def open(self) -> int:
        """Returns how many runs may be expected."""
        return self.runs

    def close(self) -> None:
        """Does nothing: all is said."""

    def wait(self) -> None:
        """Waits a moment for a run to come, while there is none."""
        with self._changed:
            ready = lambda: self._waiting or self._last or self._leaving  # noqa: E731
            self._changed.wait_for(ready, 0.5)

    def foreseen(self, count: int) -> Iterator[Run]:
        """Yields the runs that are there."""
        return self.upcoming(None, count)

    def upcoming(self, shape: BlockShape | None, count: int) -> Iterator[Run]:
        """Yields the runs that come next, in the order in which they came."""
        with self._changed:
            runs = [one.run for one in self._waiting.values()]
        if shape is None and runs:
            shape = self.effort(runs[0]).shape
        yield from [run for run in runs if self.effort(run).shape == shape][:count]

    def take_next(self, shape: BlockShape | None) -> Run | None:
        """Takes out the first run that fits."""
        run = next(self.upcoming(shape, 1), None)
        if run is not None:
            with self._changed:
                self._taken[run.id] = self._waiting.pop(run.id)
        return run

    def take_orphans(self) -> list[tuple[Run, str]]:
        """Returns none: they are the driver's."""
        return []

    def put_back(self, run: Run) -> None:
        """Lets a run that was taken wait again, before the others."""
        with self._changed:
            self._waiting = {run.id: self._taken.pop(run.id), **self._waiting}

    def wait_for_source(self, run: Run) -> bool:
        """Gives a run back, whose source model cannot be used."""
        self._taken.pop(run.id)
        self._say(SourceLost(run.id, "its source model could not be had"))
        return True

    def is_tested(self, run: Run) -> bool:
        """Whether anybody reads a run's test score, as the driver said."""
        return self._taken[run.id].tested

    def wants_weights(self, run: Run) -> bool:
        """Whether the weights of a run may be wanted, as the driver said."""
        return self._taken[run.id].wanted

    def keep(self, run: Run, params: Tree, result: RunResult) -> None:
        """Takes the weights of a run, which are sent with its result."""
        self._kept[run.id] = params

    def finish(self, run: Run, result: RunResult | None, reason: str | None) -> bool:
        """Sends what became of a run."""
        self._taken.pop(run.id, None)
        self._say(Ended(run.id, result, reason, self._kept.pop(run.id, None)))
        return True

    def write(self, sources_in_use: Container[str | None], wait: bool) -> None:
        """Does nothing: the driver writes."""

    # As the weights of the loop.

    def load_source(self, run: str, like: Tree) -> Tree:
        """Returns the model of a source run, which came with the run that asks, or lies on a disk."""
        if self.shared is not None:
            return self.shared.load_source(run, like)
        sent = (one.source for one in self._taken.values() if one.run.depends_on == run)
        reference = next((one for one in sent if one is not None), None)
        if reference is None:
            raise WeightsLostError(f"the model of run {run} was not sent")
        return self._fetched(reference)

    def forget_source(self, run: str) -> None:
        """Does nothing: the driver does."""

    def save_lane(self, run: str, step: int, state: Tree, host: dict[str, Any]) -> None:
        """Sends a run in flight."""
        self._say(Saved(run, step, state, host))

    def load_lane(self, run: str, like: Tree) -> tuple[Tree, dict[str, Any]] | None:
        """Returns what was kept of a run in flight, if it came with it."""
        reference = self._taken[run].lane
        if reference is None:
            return None
        state, host = self._fetched(reference)
        return state, dict(host)

    def forget_lane(self, run: str) -> None:
        """Does nothing: the driver does."""

    def _fetched(self, reference: Any) -> Any:
        try:
            return self.fetch(reference)
        # Whatever becomes of what one machine sends another.
        except Exception as error:
            raise WeightsLostError(f"it was lost on its way: {error}") from error

    def _say(self, news: News) -> None:
        with self._changed:
            self._news.append(news)
            self._changed.notify_all()
