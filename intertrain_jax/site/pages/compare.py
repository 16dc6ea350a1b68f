"""Two models side by side: what differs per target, and the interval of the mean difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from intertrain_jax.site.board import NAN, Board, Model
from intertrain_jax.site.names import script_json, visible
from intertrain_jax.stats.correlation import CONFIDENCE


@dataclass(frozen=True)
class Difference:
    """How two models differ over the targets that both have.

    Attributes:
        rows: target, gain of the first, gain of the second, difference, half its interval (NaN where
            nothing is known of seeds).
        mean, low, high: mean difference in points, with its interval over `basis`.
        basis: "seeds" or "targets".
    """

    rows: tuple[tuple[str, float, float, float, float], ...]
    mean: float
    low: float
    high: float
    basis: str


def page(board: Board) -> dict[str, Any]:
    """Returns what the comparison shows: the first two models, and the data of all for a script."""
    models = [model for model in board.sorted_models() if model.cells]
    return {
        "first": models[0] if models else None,
        "second": models[1] if len(models) > 1 else None,
        "found": difference(board, models[0], models[1]) if len(models) > 1 else None,
        "options": models,
        "data": script_json(_data(board, models)),
    }


def difference(board: Board, first: Model, second: Model) -> Difference:
    """Returns how two models differ, paired by target; the pretrained model's noise cancels.

    Over seeds the error of a target's difference is std·√(1/n + 1/n); where nothing is known of seeds
    the interval of the mean is Student's over targets.
    """
    rows, errors = [], []
    for target in board.targets:
        if target.name not in first.cells or target.name not in second.cells:
            continue
        a, b = first.cells[target.name], second.cells[target.name]
        error = target.std * math.sqrt(1 / a.n + 1 / b.n) if a.n and b.n else NAN
        quantile = _quantile(target.df)
        rows.append((target.name, a.gain, b.gain, a.gain - b.gain, quantile * error))
        errors.append(error)
    if not rows:
        return Difference((), NAN, NAN, NAN, "targets")
    differences = np.array([row[3] for row in rows])
    mean = float(differences.mean())
    if np.isfinite(errors).all():
        half = _quantile(math.inf) * math.sqrt(sum(e * e for e in errors)) / len(rows)
        return Difference(tuple(rows), mean, mean - half, mean + half, "seeds")
    half = NAN
    if len(rows) > 1:
        half = _quantile(len(rows) - 1) * float(differences.std(ddof=1)) / math.sqrt(len(rows))
    return Difference(tuple(rows), mean, mean - half, mean + half, "targets")


def _quantile(df: float) -> float:
    if math.isnan(df):
        return NAN
    return float(stats.t.ppf(0.5 + CONFIDENCE / 2, df))


def _data(board: Board, models: Sequence[Model]) -> dict[str, Any]:
    """Returns gains, seeds and errors as the page's script reads them: a row per model."""
    names = [target.name for target in board.targets]
    return {
        "targets": [visible(name) for name in names],
        "std": [_plain(target.std) for target in board.targets],
        "quantile": [_plain(_quantile(target.df)) for target in board.targets],
        "students": [None, *(_plain(_quantile(df)) for df in range(1, len(names) + 1))],
        "normal": _plain(_quantile(math.inf)),
        "gains": [
            [_plain(m.cells[name].gain) if name in m.cells else None for name in names]
            for m in models
        ],
        "n": [[m.cells[name].n if name in m.cells else 0 for name in names] for m in models]
        if board.seeds
        else None,
    }


def _plain(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
