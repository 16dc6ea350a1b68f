"""Scores and gains of an experiment, joined by (base model, target, seed), never by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

# Gains closer to each other than this, in points, are rounding of one value.
_ROUNDING = 1e-9
# A spread that rests on fewer differences than this says little about the next seed.
_ENOUGH_FREEDOM = 4


@dataclass(frozen=True)
class Expected:
    """A run that the matrix needs.

    Attributes:
        id: of the run.
        base: row.
        target: column.
        seed: its seed.
    """

    id: str
    base: str
    target: str
    seed: int


@dataclass(frozen=True)
class GainMatrices:
    """Gains over the pretrained model in points; rows are base models, columns targets.

    Cells without any seed-paired gain are NaN, with a count of zero.

    Attributes:
        mean: over the seeds that both the base model and the pretrained model have.
        std: sample standard deviation over those seeds, of the paired differences; NaN below two.
        n: how many those seeds are.
        asked: how many seeds were asked for.
        significant: 1 or −1 where the mean is more than two standard deviations above or below
            zero, else 0; NaN below two seeds. The deviation is the cell's or its target's, the larger.
        p: of a two-sided t-test that the mean paired difference is zero; NaN below two seeds. The spread
            is the cell's or its target's; see `spread_floors` and `paired_p_value`.
        q: `p` adjusted over the whole matrix by Benjamini and Hochberg.
    """

    mean: pd.DataFrame
    std: pd.DataFrame
    n: pd.DataFrame
    asked: int
    significant: pd.DataFrame
    p: pd.DataFrame
    q: pd.DataFrame


def summarise_scores(
    table: pd.DataFrame, bases: Sequence[str], targets: Sequence[str]
) -> pd.DataFrame:
    """Returns one row per cell: base, target, n, asked, failed, missing, mean, std.

    Args:
        table: of `score_table`.
        bases, targets: the order of the rows; cells that nothing was expected of are left out.
    """
    grouped = table.groupby(["base", "target"], sort=False)
    cells = pd.DataFrame(
        {
            "n": grouped["score"].count(),
            "asked": grouped["seed"].count(),
            "failed": grouped["status"].agg(lambda s: int((s == "failed").sum())),
            "missing": grouped["status"].agg(lambda s: int((s == "missing").sum())),
            "mean": grouped["score"].mean(),
            "std": grouped["score"].std(ddof=1),
        }
    )
    order = [(base, target) for base in bases for target in targets]
    cells = cells.loc[[key for key in order if key in cells.index]]
    return cells.reset_index()


def gain_matrices(
    table: pd.DataFrame,
    pretrained: str,
    bases: Sequence[str],
    targets: Sequence[str],
    asked: int,
) -> GainMatrices:
    """Returns the gains of every base model but the pretrained one.

    Args:
        table: of `score_table`.
        pretrained: the label of the pretrained model among `bases`.
        bases, targets: order of rows and columns.
        asked: seeds asked for.
    """
    done = table[table["status"] == "done"]
    is_pretrained = done["base"] == pretrained
    baseline = done[is_pretrained][["target", "seed", "score"]]
    pairs = done[~is_pretrained].merge(
        baseline, on=["target", "seed"], suffixes=("", "_pretrained"), validate="many_to_one"
    )
    pairs["gain"] = pairs["score"] - pairs["score_pretrained"]
    rows = [base for base in bases if base != pretrained]

    def matrix() -> pd.DataFrame:
        return pd.DataFrame(np.nan, index=pd.Index(rows, name="base"), columns=list(targets))

    mean, std, significant, p = matrix(), matrix(), matrix(), matrix()
    n = matrix().fillna(0).astype(int)
    for (base, target), cell in pairs.groupby(["base", "target"], sort=False):
        gains = cell["gain"].to_numpy(dtype=float)
        mean.loc[base, target] = gains.mean()
        n.loc[base, target] = len(gains)
        if len(gains) > 1:
            std.loc[base, target] = gains.std(ddof=1)
    floors = spread_floors(std, n)
    for target in targets:
        for base in std.index[std[target].notna()]:
            spread = max(std.loc[base, target], floors[target].std)
            found, seeds = float(mean.loc[base, target]), int(n.loc[base, target])
            p.loc[base, target] = paired_p_value(found, spread, seeds, floors[target].freedom)
            least = least_p_value(spread, seeds, floors[target].freedom)
            significant.loc[base, target] = two_std_sign(found, spread) if least <= 0.05 else 0
    return GainMatrices(mean, std, n, asked, significant, p, benjamini_hochberg(p))


@dataclass(frozen=True)
class SpreadFloor:
    """The standard deviation over seeds of the gains on one target, pooled over its base models.

    Attributes:
        std: in points.
        freedom: differences between seeds that it rests on.
    """

    std: float
    freedom: int


def spread_floors(std: pd.DataFrame, n: pd.DataFrame) -> dict[str, SpreadFloor]:
    """Returns target → its pooled spread: no cell's spread is believed to be smaller.

    Scores are counts of examples, so a few seeds often agree to the last digit by chance. What they
    vary by is better known from all base models of their target.

    Args:
        std: sample standard deviations of cells, NaN where there is none.
        n: seeds of cells.
    """
    floors = {}
    for target in std.columns:
        known = std[target].notna()
        freedom = (n.loc[known, target] - 1).to_numpy(dtype=float)
        total = freedom.sum()
        squares = freedom @ std.loc[known, target].to_numpy(dtype=float) ** 2
        floors[target] = SpreadFloor(float(np.sqrt(squares / total)) if total else 0.0, int(total))
    return floors


def two_std_sign(mean: float, std: float) -> int:
    """Returns 1 or −1 if a mean gain is more than two standard deviations from zero, else 0."""
    if abs(mean) <= max(2.0 * std, _ROUNDING):
        return 0
    return 1 if mean > 0 else -1


def least_p_value(std: float, n: int, freedom: int) -> float:
    """Returns the smallest p-value that a cell's seeds can support.

    Where there is no spread, or too little to know it by, only the signs of the differences are
    evidence: that all `n` agree happens by chance with probability 2^(1−n).

    Args:
        std: that is believed, in points.
        n: seeds.
        freedom: that the spread rests on.
    """
    return 2.0 ** (1 - n) if std < _ROUNDING or freedom < _ENOUGH_FREEDOM else 0.0


def paired_p_value(mean: float, std: float, n: int, freedom: int) -> float:
    """Returns the p-value of a two-sided t-test that paired differences have mean zero.

    Args:
        mean, std: of the differences, the deviation that is believed.
        n: how many they are, at least two.
        freedom: that `std` rests on, or a pooled one that it is not below.
    """
    if abs(mean) < _ROUNDING:
        return 1.0
    least = least_p_value(std, n, freedom)
    if std < _ROUNDING:
        return least
    return max(float(2.0 * stats.t.sf(abs(mean) / (std / np.sqrt(n)), n - 1)), least)


def benjamini_hochberg(p: pd.DataFrame) -> pd.DataFrame:
    """Returns p-values adjusted for the false discovery rate over all cells that have one."""
    values = p.to_numpy(dtype=float)
    known = np.isfinite(values)
    adjusted = np.full_like(values, np.nan)
    if known.any():
        adjusted[known] = stats.false_discovery_control(values[known], method="bh")
    return pd.DataFrame(adjusted, index=p.index, columns=p.columns)
