"""Where the runs of a loop come from, and where what becomes of them goes.

The loop knows no more of the rest of its grid than this. `engine.books.Books` is a grid's own, in one
process; a worker of a cluster has a mailbox instead.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any, Protocol

from intertrain_jax.data.packing import BlockShape
from intertrain_jax.planning.plan import Run
from intertrain_jax.records.results import RunResult

Tree = Any


class Weights(Protocol):
    """Weights that outlive a lane; `engine.checkpoint.Checkpoints` has them on disk."""

    def load_source(self, run: str, like: Tree) -> Tree:
        """Returns a source run's model as numpy arrays.

        Raises:
            WeightsLostError: it cannot be used.
        """

    def forget_source(self, run: str) -> None:
        """Deletes a source run's model."""

    def save_lane(self, run: str, step: int, state: Tree, host: dict[str, Any]) -> None:
        """Keeps a run in flight and its host state, instead of what was kept of it before."""

    def load_lane(self, run: str, like: Tree) -> tuple[Tree, dict[str, Any]] | None:
        """Returns what was kept of a run in flight, or None.

        Raises:
            WeightsLostError: it cannot be used.
        """

    def forget_lane(self, run: str) -> None:
        """Deletes what was kept of a run in flight."""


class Feed(Protocol):
    """Gives a loop its runs, and takes what they make."""

    @property
    def weights(self) -> Weights:
        """Where runs start from, and where they are saved."""

    @property
    def more(self) -> bool:
        """Whether a run waits, or may still come."""

    @property
    def to_record(self) -> int:
        """Runs that wait and will leave a record."""

    @property
    def tokens(self) -> int:
        """What the runs that wait would train on."""

    @property
    def due(self) -> bool:
        """Whether results have waited to be written for long enough."""

    def open(self) -> int:
        """Begins; returns how many runs are to be expected, 0 where there are none."""

    def close(self) -> None:
        """Ends; everything is written."""

    def wait(self) -> None:
        """Waits for a run, where none may be ready while no lane is busy."""

    def foreseen(self, count: int) -> Iterator[Run]:
        """Yields runs that may come, the next `count` in their order, then others in any."""

    def upcoming(self, shape: BlockShape | None, count: int) -> Iterator[Run]:
        """Yields the runs that `take_next` would take."""

    def take_next(self, shape: BlockShape | None) -> Run | None:
        """Takes out the run that is to start in a free lane; None if no run fits.

        Args:
            shape: in use by busy lanes; None when all lanes are free.
        """

    def take_orphans(self) -> list[tuple[Run, str]]:
        """Takes out the runs whose source run failed since the last call, each with why."""

    def put_back(self, run: Run) -> None:
        """Lets a run that was taken wait again."""

    def wait_for_source(self, run: Run) -> bool:
        """Lets a run that was taken wait until its source run has been done again, if it can be."""

    def is_tested(self, run: Run) -> bool:
        """Whether anybody reads a run's test score."""

    def wants_weights(self, run: Run) -> bool:
        """Whether the weights of a run may be wanted when its score is known."""

    def keep(self, run: Run, params: Tree, result: RunResult) -> None:
        """Takes the weights of a run that ended."""

    def finish(self, run: Run, result: RunResult | None, reason: str | None) -> bool:
        """Takes what became of a run; says whether that is recorded."""

    def write(self, sources_in_use: Container[str | None], wait: bool) -> None:
        """Writes what is known of runs that ended.

        Args:
            sources_in_use: ids of the source runs whose models runs in lanes started from.
            wait: until all of it can be written; else what cannot be yet stays for a later call.
        """
