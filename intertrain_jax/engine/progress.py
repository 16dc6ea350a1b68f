"""What the engine has done so far: the counts behind progress bars and summaries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GridProgress:
    """What the engine has done so far, for progress bars and summaries.

    Attributes:
        done: runs with a score.
        failed: runs recorded as failed.
        total: runs that this call set out to do.
        active: runs in lanes.
        lanes: K.
        examples: training examples done.
        tokens: non-padding tokens trained on.
        slots: token slots of the blocks of busy lanes, padding included.
        lane_ticks: micro-steps × lanes.
        busy_ticks: micro-steps × busy lanes.
        compilations: times that a training program was compiled.
        train_seconds: time in training dispatches, as seen between synchronisations.
        evaluation_seconds: time in evaluations.
        seconds: since the engine started.
    """

    done: int = 0
    failed: int = 0
    total: int = 0
    active: int = 0
    lanes: int = 0
    examples: int = 0
    tokens: int = 0
    slots: int = 0
    lane_ticks: int = 0
    busy_ticks: int = 0
    compilations: int = 0
    train_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def occupancy(self) -> float:
        """Share of lane slots that trained a run."""
        return self.busy_ticks / self.lane_ticks if self.lane_ticks else 1.0

    @property
    def padding_share(self) -> float:
        """Share of the token slots of busy lanes that were padding."""
        return 1.0 - self.tokens / self.slots if self.slots else 0.0
