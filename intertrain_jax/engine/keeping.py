"""Which runs' weights a grid keeps: those that others start from, the best of each target, or all."""

from __future__ import annotations

from typing import Any

from intertrain_jax.config.experiment import Keep
from intertrain_jax.engine.checkpoint import Checkpoints
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import RunQueue
from intertrain_jax.records.results import RunResult


class Keeping:
    """Decides whose weights are written when a run ends, and writes them.

    Args:
        keep: what is asked for: "none" is what runs still wait for, "sources" every source model, "best"
            also the run of every target with the best validation score, "all" every run.
        checkpoints: where weights go.
        queue: which runs are sources, and which still wait for them.
    """

    def __init__(self, keep: Keep, checkpoints: Checkpoints, queue: RunQueue) -> None:
        self._keep, self._checkpoints, self._queue = keep, checkpoints, queue
        # Target → (validation score, run) of the best run so far.
        self._best: dict[str, tuple[float, str]] = {}

    def needs(self, run: Run) -> bool:
        """Whether the weights of a run may be wanted when its score is known."""
        return self._keep in ("best", "all") or self._is_source(run.id)

    def save(self, run: Run, params: Any, result: RunResult) -> None:
        """Begins to write a run's weights if they are wanted, and deletes those that it has beaten."""
        known = self._best.get(run.target)
        first = known is None or result.validation > known[0]
        if not (self._is_source(run.id) or self._keep == "all" or (self._keep == "best" and first)):
            return
        self._checkpoints.save_source(run.id, params)
        if self._keep == "best" and first:
            self._best[run.target] = result.validation, run.id
            if known is not None and not self._queue.is_source(known[1]):
                self._checkpoints.forget_source(known[1])

    def _is_source(self, run: str) -> bool:
        kept = self._keep != "none" and self._queue.is_source(run)
        return kept or bool(self._queue.dependants(run))
