"""What came of a run or of a probe's head: its scores and counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from intertrain_jax.base import StopReason


@dataclass(frozen=True)
class RunResult:
    """What came of a run.

    Attributes:
        metric: "accuracy" or "spearman".
        test, validation: scores with the best-validation parameters, in percent; `test` is None for a
            run that only makes a source model, which is not tested.
        n_test, n_validation, n_train: examples of the splits.
        steps: optimiser steps taken.
        examples: examples trained on.
        stop_reason: why training ended.
        history: one mapping per validation, in order: step, examples, train_loss (mean since
            the one before) and validation (percent).
        seconds: the run's share of wall time.
        lanes, fuse: of the engine that did it, and of a group of one device: programs of another layout
            add up in another order, and differ in last digits. 0 where they are not known.
        tokens: tokens trained on, padding not counted.
        unanswered: test examples for which a text-to-text model gave no label's text; they are wrong.
        notes: further things to know, one line each.
        contradicted: what another worker made of the same run, where it was done twice and came out
            otherwise; None as a rule.
    """

    metric: str
    test: float | None
    validation: float
    n_test: int
    n_validation: int
    n_train: int
    steps: int
    examples: int
    stop_reason: StopReason
    history: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0
    tokens: int = 0
    unanswered: int = 0
    notes: tuple[str, ...] = ()
    contradicted: str | None = None
    lanes: int = 0
    fuse: int = 0

    @property
    def outcome(self) -> RunResult:
        """What is the same wherever and however fast the run is done."""
        return replace(self, seconds=0.0, lanes=0, fuse=0)
