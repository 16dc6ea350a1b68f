"""What the workers of a grid have done, added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from intertrain_jax.cluster.driver import Driver
from intertrain_jax.cluster.seats import Seat
from intertrain_jax.engine.recording import GridProgress

_SUMMED = (
    *("examples", "tokens", "slots", "lane_ticks", "busy_ticks"),
    *("compilations", "compile_seconds"),
)


@dataclass
class Sum:
    """Adds up what workers say.

    Attributes:
        total: runs that the grid set out to do.
        damaged: saved weights that could not be used.
    """

    total: int = 0
    damaged: int = 0
    _done: int = 0
    _failed: int = 0
    _stopped_at: int = 0
    _stopped_of: int = 0
    _gone: GridProgress = field(default_factory=GridProgress)

    def ended(self, failed: bool) -> None:
        """Enters that one more run has its record."""
        if failed:
            self._failed += 1
        else:
            self._done += 1

    def stopped(self, tokens: int, whole: int) -> None:
        """Enters how many tokens a run has trained on, of how many it might have."""
        self._stopped_at += tokens
        self._stopped_of += whole

    def gone(self, seat: Seat) -> None:
        """Keeps what a worker has done that is no more."""
        self._gone = _added(self._gone, seat.report.progress)

    def progress(
        self, seats: Sequence[Seat], driver: Driver | None, seconds: float
    ) -> GridProgress:
        """Returns all of it.

        Args:
            seats: of the workers that are there.
            driver: None before the first one was there.
            seconds: since the grid began.
        """
        found = self._gone
        for seat in seats:
            found = _added(found, seat.report.progress)
        runs = {} if driver is None else driver.queue.runs
        return replace(
            found,
            done=self._done,
            failed=self._failed,
            total=self.total,
            damaged=found.damaged + self.damaged,
            lanes=sum(seat.hello.lanes for seat in seats if seat.hello is not None),
            tokens_left=0.0 if driver is None else self._tokens_left(seats, driver),
            # They compile side by side.
            compile_seconds=found.compile_seconds / max(len(seats), 1),
            seconds=seconds,
            running=tuple(runs[run] for seat in seats for run in seat.report.running),
            workers=tuple(seat.state for seat in seats if seat.state is not None),
        )

    def _tokens_left(self, seats: Sequence[Seat], driver: Driver) -> float:
        """Returns the tokens still to be trained on, if runs stop as early as those that ended."""
        share = self._stopped_at / self._stopped_of if self._stopped_of else 1.0
        boarded = [run for seat in seats for run in driver.on_board(seat.name)]
        tokens = driver.queue.tokens + sum(driver.queue.effort(run).tokens for run in boarded)
        under_way = sum(seat.report.progress.tokens - seat.tokens for seat in seats)
        return max(tokens * share - under_way, 0.0)


def _added(one: GridProgress, other: GridProgress) -> GridProgress:
    sums = {name: getattr(one, name) + getattr(other, name) for name in (*_SUMMED, "damaged")}
    return replace(one, **sums)
