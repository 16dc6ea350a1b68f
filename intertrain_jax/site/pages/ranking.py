"""The ranking of a board, and its CSV file."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from intertrain_jax.records.csv_text import csv_text
from intertrain_jax.report import numbers
from intertrain_jax.site.bars import Axis, bar
from intertrain_jax.site.board import Board, Cell, Model
from intertrain_jax.site.names import visible
from intertrain_jax.site.scale import Scale


def page(board: Board) -> dict[str, Any]:
    """Returns what the ranking shows: a row per model, a coloured cell per target."""
    models = board.sorted_models()
    scale = scale_of(board)
    axis = Axis.over_most(x for model in models for x in (model.average, model.low, model.high))
    rows = [
        {
            "model": model,
            "bar": bar(axis, model.average, model.low, model.high),
            "rank": rank_text(model),
            "groups": groups_text(model.groups),
            "cells": [cell_of(model.cells.get(t.name), scale) for t in board.targets],
        }
        for model in models
    ]
    return {
        "rows": rows,
        "scale": scale,
        "probed": any(math.isfinite(model.probe) for model in models),
        "own": any(cell.own for model in models for cell in model.cells.values()),
    }


def scale_of(board: Board) -> Scale:
    """Returns the scale of a board's gains."""
    return Scale.of(cell.gain for model in board.models for cell in model.cells.values())


def cell_of(cell: Cell | None, scale: Scale) -> dict[str, Any] | None:
    """Returns a gain as a cell: its class, what it is sorted by, its text and its words."""
    if cell is None:
        return None
    known = math.isfinite(cell.low)
    said = ""
    if known:
        said = numbers.interval(cell.low, cell.high, numbers.GAIN)
        said += f", {cell.n} seed{'' if cell.n == 1 else 's'}"
    if cell.own:
        said += f"{', ' if said else ''}trained on this target"
    return {
        "css": scale.css(cell.gain) + (" own" if cell.own else ""),
        "order": f"{cell.gain:.4g}",
        "text": numbers.cell_text(cell.gain, True),
        "said": said,
        "half": f"±{(cell.high - cell.low) / 2:.1f}" if known else "",
    }


def rank_text(model: Model) -> str:
    """Returns the interval of a rank: one number where it has no width, nothing where there is none."""
    if not math.isfinite(model.rank_low):
        return ""
    low, high = f"{model.rank_low:.0f}", f"{model.rank_high:.0f}"
    return low if low == high else f"{low}–{high}"


def groups_text(groups: tuple[int, ...]) -> str:
    """Returns numbers of groups, which are consecutive."""
    if not groups:
        return ""
    return str(groups[0]) if len(groups) == 1 else f"{groups[0]}–{groups[-1]}"


def csv(board: Board) -> str:
    """Returns the whole ranking as CSV, in which no text is a formula."""
    rows = []
    for model in board.sorted_models():
        row: dict[str, Any] = {
            "rank": model.rank,
            "rank_low": model.rank_low,
            "rank_high": model.rank_high,
            "groups": groups_text(model.groups),
            "model": visible(model.name),
            "average": model.average,
            "low": model.low,
            "high": model.high,
            "best": model.best,
            "probe": model.probe,
            "targets": len(model.cells),
            "seeds": model.seeds,
            "status": model.status,
            "reason": visible(model.reason),
        }
        for target in board.targets:
            cell = model.cells.get(target.name)
            row[f"gain: {visible(target.name)}"] = None if cell is None else cell.gain
        rows.append(row)
    return csv_text(pd.DataFrame(rows))
