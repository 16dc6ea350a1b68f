"""Early stopping and the choice of the best parameters, counted in examples, as pure updates."""

from __future__ import annotations

from dataclasses import dataclass, replace

from intertrain_jax.base import StopReason
from intertrain_jax.config.protocol import Protocol


@dataclass(frozen=True)
class Progress:
    """What early stopping remembers of a run.

    Attributes:
        best: highest validation score so far, as a fraction; None before the first validation.
        reference: the score that the next one has to beat by the protocol's epsilon.
        reference_at: examples seen when `reference` was set; patience counts from here.
        reason: RUNNING until the run has ended.
    """

    best: float | None = None
    reference: float | None = None
    reference_at: int = 0
    reason: StopReason = StopReason.RUNNING


def validated(
    progress: Progress, score: float, examples: int, last: bool, protocol: Protocol
) -> tuple[Progress, bool]:
    """Takes in one validation score.

    Any new maximum is worth keeping the parameters for; only one that is better by more than
    `early_stop_epsilon` restarts the patience (paper, App. B).

    Args:
        progress: before this validation.
        score: validation score as a fraction (NaN counts as the lowest).
        examples: examples seen so far.
        last: whether the schedule has ended.
        protocol: epsilon and patience.

    Returns:
        The progress after it, and whether the current parameters are the best so far.
    """
    score = score if score == score else float("-inf")
    improved = progress.best is None or score > progress.best
    if improved:
        progress = replace(progress, best=score)
    if progress.reference is None or score > progress.reference + protocol.early_stop_epsilon:
        progress = replace(progress, reference=score, reference_at=examples)
    if last:
        progress = replace(progress, reason=StopReason.SCHEDULE)
    elif examples - progress.reference_at >= protocol.patience:
        progress = replace(progress, reason=StopReason.PATIENCE)
    return progress, improved


def diverged(progress: Progress) -> Progress:
    """Ends a run whose loss is no longer finite."""
    return replace(progress, reason=StopReason.DIVERGED)
