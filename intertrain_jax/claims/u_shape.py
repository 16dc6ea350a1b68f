"""Do gains on a target fall with its training size and rise again: does a quadratic beat a line?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from intertrain_jax.base import IntertrainError
from intertrain_jax.claims import drawing
from intertrain_jax.claims.claim import (
    CANNOT_TELL,
    CONTRARY,
    SHOWS,
    Claim,
    Finding,
    Number,
    bracketed,
)
from intertrain_jax.claims.evidence import Evidence
from intertrain_jax.claims.slopes import curve
from intertrain_jax.claims.target_size import sized_targets
from intertrain_jax.stats.correlation import TAIL
from intertrain_jax.stats.crossed import averages_of
from intertrain_jax.stats.groups import holm

_FEWEST_SIZES, _FEWEST_SEEDS = 4, 2
# Residuals that the common profile of noise is taken to rest on beside those there are.
_PRIOR_RESIDUALS = 4.0


@dataclass(frozen=True)
class Bend:
    """How far the gains on one target bend over the logarithm of its size.

    Attributes:
        target: its name.
        bend: coefficient of the square, in points per doubling squared; above zero, a U.
        low, high: its 95 % interval.
        p: one-sided, of no bend, against a U.
        p_adjusted: by Holm over the targets.
        lowest: size at which the fitted curve is lowest; NaN if that is not between the sizes.
    """

    target: str
    bend: float
    low: float
    high: float
    p: float
    p_adjusted: float
    lowest: float

    @property
    def is_u(self) -> bool:
        """Whether a quadratic beats a line by a bend upwards, with its lowest point inside."""
        return self.p_adjusted <= TAIL and bool(np.isfinite(self.lowest))


def bends(rows: pd.DataFrame) -> tuple[Bend, ...]:
    """Returns the bend of each target that has enough sizes and seeds.

    Gains are averaged over the target's base models, at each seed and size. What they are off by is
    how seeds differ from each other about lines of their own: base models of one seed share the
    pretrained model's runs, and a source model is lucky or not at all sizes alike. The noise of a
    target is its own; how it changes with size is taken to be the same for all, as few seeds say
    little.

    Args:
        rows: target, base, seed, target_size, gain.
    """
    cells = rows.groupby(["target", "base", "seed", "target_size"])["gain"].mean()
    wide = cells.unstack(["seed", "target_size"])
    tables = {str(target): _by_size(own) for target, own in wide.groupby("target", sort=True)}
    tables = {
        target: table
        for target, table in tables.items()
        if table.shape[0] >= _FEWEST_SEEDS and table.shape[1] >= _FEWEST_SIZES
    }
    parts = {target: _residuals(table) for target, table in tables.items()}
    profile = _profile(tables, parts)
    found = []
    for target, table in tables.items():
        x = np.log2(table.columns.to_numpy(dtype=float))
        square = _contrast(x)
        weight = profile.reindex(table.columns).to_numpy()
        # The noise at each size, scaled so that residuals are as large as they are.
        unit, df = _scale(table.columns, parts[target], weight)
        means = table.mean().to_numpy()
        bend = float(square @ means)
        error = float(np.sqrt(unit * (np.square(square) @ weight) / len(table)))
        half = float(stats.t.ppf(1.0 - TAIL, df)) * error if error > 0 else float("nan")
        p = float(stats.t.sf(bend / error, df)) if error > 0 else 1.0
        lowest = _lowest(x, means)
        found.append(Bend(target, bend, bend - half, bend + half, p, p, lowest))
    adjusted = holm([b.p for b in found])
    return tuple(replace(b, p_adjusted=p) for b, p in zip(found, adjusted, strict=True))


def _scale(sizes: pd.Index, residuals: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Returns by what weights are variances, and its degrees of freedom (Satterthwaite).

    Args:
        sizes: [K].
        residuals: [S seeds, K], about their lines.
        weight: [K] variances beside each other.
    """
    weighted_KxK = _without_line(sizes) * weight
    expected, freedom = float(np.trace(weighted_KxK)), len(residuals) - 1
    df = freedom * expected**2 / float(np.trace(weighted_KxK @ weighted_KxK))
    return float(np.square(residuals).sum()) / (freedom * expected), df


def _without_line(sizes: pd.Index) -> np.ndarray:
    """Returns the matrix [K, K] that takes from values at sizes their line."""
    x = np.log2(sizes.to_numpy(dtype=float))
    design = np.stack([np.ones_like(x), x - x.mean()])
    return np.asarray(np.eye(len(x)) - np.linalg.pinv(design) @ design)


def _by_size(own: pd.DataFrame) -> pd.DataFrame:
    """Returns mean gains over base models, [seeds, sizes], without sizes that a seed lacks.

    Args:
        own: [base models, seeds and sizes] of one target, NaN where missing.
    """
    _, columns = averages_of(own.dropna(axis=1, how="all"))
    table = columns.unstack("target_size")
    table = table[table.notna().sum(axis=1) >= _FEWEST_SIZES]
    return table.dropna(axis=1).sort_index(axis=1)


def _residuals(table: pd.DataFrame) -> np.ndarray:
    """Returns what seeds are off by about lines of their own, beside the mean of all seeds, [S, K]."""
    return np.asarray((table - table.mean()).to_numpy() @ _without_line(table.columns))


def _profile(tables: dict[str, pd.DataFrame], parts: dict[str, np.ndarray]) -> pd.Series:
    """Returns size → how large the variance of noise is there, beside other sizes."""
    squares: dict[int, float] = {}
    counts: dict[int, float] = {}
    for target, table in tables.items():
        residuals = parts[target]
        scale = float(np.square(residuals).sum()) / ((len(table) - 1) * (table.shape[1] - 2))
        if scale <= 0:
            continue
        free = np.diag(_without_line(table.columns))
        relative = np.square(residuals).sum(axis=0) / scale / free
        for size, value in zip(map(int, table.columns), relative, strict=True):
            squares[size] = squares.get(size, 0.0) + float(value)
            counts[size] = counts.get(size, 0.0) + len(table) - 1.0
    sizes = sorted({int(size) for table in tables.values() for size in table.columns})
    return pd.Series(
        {
            size: (squares.get(size, 0.0) + _PRIOR_RESIDUALS)
            / (counts.get(size, 0.0) + _PRIOR_RESIDUALS)
            for size in sizes
        }
    )


def _contrast(x: np.ndarray) -> np.ndarray:
    """Returns the weights that give the coefficient of the square from values at some places."""
    return np.asarray(np.linalg.pinv(np.stack([np.ones_like(x), x, x * x], axis=1))[2])


def _lowest(x: np.ndarray, values: np.ndarray) -> float:
    """Returns the size at which a quadratic is lowest, NaN where that is at neither's inside."""
    square, line, _ = np.polyfit(x, values, 2)
    if square <= 0:
        return float("nan")
    place = -line / (2.0 * square)
    return float(2.0**place) if x.min() < place < x.max() else float("nan")


def _u_shape(records: Evidence) -> Finding:
    rows = sized_targets(records, _FEWEST_SIZES)
    found = bends(rows)
    if not found:
        raise IntertrainError(
            f"no target has gains at {_FEWEST_SIZES} sizes under {_FEWEST_SEEDS} seeds each"
        )
    curved = [b for b in found if b.is_u]
    order = sorted(found, key=lambda b: (b.p_adjusted, b.p))
    verdict = CANNOT_TELL
    if curved:
        verdict = SHOWS
    elif all(b.high < 0 for b in found):
        verdict = CONTRARY
    best = order[0]
    numbers: dict[str, Number] = {"targets": len(found), "u_shaped": len(curved)}
    for b in found:
        numbers |= {f"bend of {b.target}": b.bend, f"p of {b.target}": b.p_adjusted}
    named = ", ".join(f"{b.target} (lowest at about {b.lowest:,.0f} examples)" for b in curved)
    seeds = rows["seed"].nunique()
    return Finding(
        f"On {len(curved)} of {len(found)} targets a quadratic in the logarithm of the size beats a line"
        f" by a bend upwards with its lowest point inside (Holm over targets, 2.5 %)"
        f"{': ' + named if named else ''}. The clearest bend is {best.target}'s: {best.bend:+.3f} points"
        f" per doubling squared {bracketed(best.low, best.high, '+.3f')} (95 %), p ="
        f" {best.p_adjusted:.2g} after Holm. n = {len(rows)} runs of"
        f" {rows['base'].nunique()} base models, {seeds} seeds.",
        verdict,
        numbers,
        drawing.Later(
            lambda: drawing.Curves(
                {
                    f"{b.target} (U)" if b.is_u else b.target: curve(
                        rows[rows["target"] == b.target], "target_size", "base"
                    )
                    for b in order[: drawing.MOST_CURVES]
                },
                "training examples of the target",
            )
        ),
    )


U_SHAPE = Claim(
    name="u-shape",
    title="On some targets gains fall with the training size and rise again",
    paper=(
        "For 3 targets, gains are positive on little data, drop below zero as it increases, and rise"
        " again towards zero (§6.1, App. H, Fig. 8 to 10)."
    ),
    judge=_u_shape,
)
