"""The colours of gains: a diverging scale of nine steps, told by blue and orange and by the text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

# Ends of steps as shares of the scale's limit; a gain within the first has no colour.
_STEPS = (0.05, 0.2, 0.45, 0.75)
_NICE = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_QUANTILE = 0.95


@dataclass(frozen=True)
class Scale:
    """Classes of cells by gain.

    Attributes:
        limit: gains beyond it, in points, have the strongest colour.
    """

    limit: float

    @classmethod
    def of(cls, gains: Iterable[float]) -> Scale:
        """Returns the scale that most of some gains fit."""
        sizes = [abs(gain) for gain in gains if math.isfinite(gain)]
        most = float(np.quantile(sizes, _QUANTILE)) if sizes else 1.0
        return cls(next((nice for nice in _NICE if most <= nice), _NICE[-1]))

    def css(self, gain: float) -> str:
        """Returns the class of a gain: n4 to n1, z, p1 to p4; nothing where there is none."""
        if not math.isfinite(gain):
            return ""
        step = sum(abs(gain) >= share * self.limit for share in _STEPS)
        return "z" if step == 0 else f"{'p' if gain > 0 else 'n'}{step}"

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Classes in order with the gains that begin them, for people."""
        ends = [share * self.limit for share in _STEPS]
        below = [(f"n{step}", f"≤ -{ends[step - 1]:g}") for step in (4, 3, 2, 1)]
        above = [(f"p{step}", f"≥ +{ends[step - 1]:g}") for step in (1, 2, 3, 4)]
        return [*below, ("z", "≈ 0"), *above]
