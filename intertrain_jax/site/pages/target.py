"""The page of a target: noise, what gain can be told, and the best starts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from intertrain_jax.report.numbers import coefficient
from intertrain_jax.site.bars import Axis, bar
from intertrain_jax.site.board import NAN, Board, Cell, Model, Target
from intertrain_jax.stats.correlation import CONFIDENCE, Correlation, correlation
from intertrain_jax.study.statistics.sensitivity import SENSITIVITY
from intertrain_jax.study.statistics.size_effects import SIZE_EFFECTS

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
        "place": _place(board, target),
        "representative": _representative(board, target),
        "sizes": _sizes(board),
    }


def detectable(target: Target, seeds: int) -> float:
    """Returns the gain in points whose interval just leaves zero out, at so many seeds each."""
    if not (math.isfinite(target.std) and seeds):
        return NAN
    quantile = stats.t.ppf(0.5 + CONFIDENCE / 2, target.df)
    return float(quantile * target.std * math.sqrt(2 / seeds))


def _with_average(board: Board, target: Target) -> Correlation | None:
    """Returns Spearman's correlation of its gains with average gains over the other targets."""
    pairs = []
    for model in board.models:
        others = [cell.gain for name, cell in model.cells.items() if name != target.name]
        if target.name in model.cells and others and model.status == "complete":
            pairs.append((model.cells[target.name].gain, float(np.mean(others))))
    if len(pairs) < 4:
        return None
    here, elsewhere = np.array(pairs).T
    found = correlation(here, elsewhere, "spearman")
    return found if math.isfinite(found.value) else None


def _place(board: Board, target: Target) -> tuple[int, int] | None:
    """Returns which of the targets it is by its largest gain, and of how many: its sensitivity."""
    largest: dict[str, float] = {}
    for model in board.models:
        for name, cell in model.cells.items():
            largest[name] = max(cell.gain, largest.get(name, -math.inf))
    if target.name not in largest:
        return None
    return 1 + sum(gain > largest[target.name] for gain in largest.values()), len(largest)


def _representative(board: Board, target: Target) -> tuple[Model, Cell] | None:
    """Returns the model whose gains stand for a target's sensitivity, and its gain here."""
    found = None if board.result is None else SENSITIVITY.of(board.result)
    if found is None:
        return None
    model = next((model for model in board.models if model.name == found.representative), None)
    cell = None if model is None else model.cells.get(target.name)
    return None if model is None or cell is None else (model, cell)


def _sizes(board: Board) -> list[str]:
    """Returns in words how train sizes of targets go with their gains, where sizes are known."""
    found = None if board.result is None else SIZE_EFFECTS.of(board.result)
    return [
        f"{effect.measure} gain {coefficient(effect.spearman)}"
        for effect in found or ()
        if effect.of == "target" and math.isfinite(effect.spearman.value)
    ]
