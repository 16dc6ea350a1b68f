"""The page of a target: noise, what gain can be told, and the best starts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from intertrain_jax.site.bars import Axis, bar
from intertrain_jax.site.board import NAN, Board, Target
from intertrain_jax.stats.correlation import CONFIDENCE

_BEST = 20


def page(board: Board, target: Target) -> dict[str, Any]:
    """Returns what a target's page shows."""
    known = [(m, m.cells[target.name]) for m in board.models if target.name in m.cells]
    known.sort(key=lambda pair: (-pair[1].gain, pair[0].name))
    shown = known[:_BEST]
    axis = Axis.over(x for _, c in shown for x in (c.gain, c.low, c.high))
    gains = np.array([cell.gain for _, cell in known])
    return {
        "target": target,
        "best": [(m, c, bar(axis, c.gain, c.low, c.high)) for m, c in shown],
        "count": len(known),
        "mean": float(gains.mean()) if len(gains) else NAN,
        "spread": float(gains.std(ddof=1)) if len(gains) > 1 else NAN,
        "above": int((gains > 0).sum()),
        "seeds": max((cell.n for _, cell in known), default=0),
        "detectable": detectable(target, max((cell.n for _, cell in known), default=0)),
        "correlation": _with_average(board, target),
    }


def detectable(target: Target, seeds: int) -> float:
    """Returns the gain in points whose interval just leaves zero out, at so many seeds each."""
    if not (math.isfinite(target.std) and seeds):
        return NAN
    quantile = stats.t.ppf(0.5 + CONFIDENCE / 2, target.df)
    return float(quantile * target.std * math.sqrt(2 / seeds))


def _with_average(board: Board, target: Target) -> tuple[float, int] | None:
    """Returns Spearman's correlation of its gains with average gains over the other targets."""
    pairs = []
    for model in board.models:
        others = [cell.gain for name, cell in model.cells.items() if name != target.name]
        if target.name in model.cells and others and model.status == "complete":
            pairs.append((model.cells[target.name].gain, float(np.mean(others))))
    if len(pairs) < 4 or len({x for x, _ in pairs}) == 1 or len({y for _, y in pairs}) == 1:
        return None
    return float(stats.spearmanr(pairs).statistic), len(pairs)
