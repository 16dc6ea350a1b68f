"""The workers of a grid while it runs: each sits in a seat, and another takes it when one is gone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.cluster.mail import Assignment, Hello, Mail, Report
from intertrain_jax.cluster.pool import Pool, Reference
from intertrain_jax.cluster.worker import Worker
from intertrain_jax.planning.status import WorkerState

# Seconds that a worker waits for news before it reports that there is none: busy, and without runs.
BUSY_SECONDS, IDLE_SECONDS = 1.0, 0.1
# A driver hears at most so many workers a second that have nothing to say.
_HEARD = 100
# Workers that may die in a seat one after another before they have begun.
FALSE_STARTS = 3


@dataclass
class Seat:
    """A worker, and what is under way between it and the driver.

    Attributes:
        name: of the worker.
        handle: what the pool calls it.
        asked: reference of the answer that is awaited; None where nothing was asked.
        hello: what it said when it was ready; None before.
        report: its last one.
        mail: runs that it is to get when its answer is there.
        ended: runs that ended there.
        tokens: that these runs trained on.
        false_starts: workers that died here one after another before they had begun.
    """

    name: str
    handle: Any
    asked: Reference | None = None
    hello: Hello | None = None
    report: Report = field(default_factory=Report)
    mail: list[Assignment] = field(default_factory=list)
    ended: int = 0
    tokens: int = 0
    false_starts: int = 0

    @property
    def state(self) -> WorkerState | None:
        """What there is to say of the worker; None before it is there."""
        if self.hello is None:
            return None
        place, runs = self.hello.place, len(self.report.running)
        device = place.environment.get("device", "")
        lanes = self.hello.lanes
        return WorkerState(self.name, place.node, place.process, device, lanes, runs, self.ended)


def none_left(why: object) -> IntertrainError:
    """Returns the error of workers none of which could start."""
    return IntertrainError(
        f"workers must be able to start, but none is left: {why}. Correct that, and start the same"
        " command again."
    )


class Seats:
    """The workers of a grid.

    Args:
        pool: where they come from.
        setup: reference of what all runs have in common.
    """

    def __init__(self, pool: Pool, setup: Reference) -> None:
        self._pool, self._setup = pool, setup
        self._born = 0
        self._by_reference: dict[Reference, Seat] = {}
        self.seats: list[Seat] = []

    def open(self) -> None:
        """Seats a worker for every device."""
        for _ in range(self._pool.count):
            self.seats.append(self._seated(0))

    def answered(self, seconds: float) -> list[tuple[Seat, Reference]]:
        """Returns the seats whose answers are there, after so many seconds at most."""
        ready = self._pool.ready(list(self._by_reference), seconds)
        return [(self._by_reference.pop(reference), reference) for reference in ready]

    def ask(self, seat: Seat, runs: int, last: bool = False, leave: bool = False) -> None:
        """Sends a seat its mail, and awaits its report.

        Args:
            seat: of which nothing is awaited.
            runs: on board there.
            last, leave: see `Mail`.
        """
        mail, seat.mail = Mail(tuple(seat.mail), last, leave), []
        least = len(self.seats) / _HEARD
        seconds = max(BUSY_SECONDS if runs else IDLE_SECONDS, least)
        seat.asked = seat.handle.exchange.remote(mail, seconds)
        self._by_reference[seat.asked] = seat

    def replace(self, seat: Seat, why: str) -> Seat | None:
        """Ends a worker and seats another one; None where one after another died before it had begun.

        An answer that is still awaited of the one that goes may come all the same.

        Raises:
            IntertrainError: no seat is left.
        """
        self._pool.kill(seat.handle)
        self.seats.remove(seat)
        starts = 0 if seat.hello is not None else seat.false_starts + 1
        if starts < FALSE_STARTS:
            self.seats.append(self._seated(starts))
            return self.seats[-1]
        if not self.seats:
            raise none_left(why)
        return None

    def close(self, whole: bool) -> None:
        """Gives the workers that are ready back to the pool, if all is done; ends the others at once."""
        for seat in self.seats:
            if whole and seat.hello is not None:
                self._pool.rest(seat.handle)
            else:
                self._pool.kill(seat.handle)
        self.seats = []

    def _seated(self, false_starts: int) -> Seat:
        self._born += 1
        handle = self._pool.spawn(Worker)
        seat = Seat(f"worker-{self._born}", handle, false_starts=false_starts)
        seat.asked = handle.begin.remote(self._setup)
        self._by_reference[seat.asked] = seat
        return seat
