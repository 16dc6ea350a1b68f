"""Scores and gains of an experiment, joined by (base model, target, seed), never by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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

    Cells without any gain are NaN, with a count of zero.

    Attributes:
        mean: over the seeds that both the base model and the pretrained model have.
        std: sample standard deviation over those seeds, of the paired differences; NaN below two.
        n: how many those seeds are, the pairs that the mean is taken over.
        asked: how many seeds were asked for.
        significant: 1 or −1 where the mean is more than two standard deviations above or below
            zero, else 0; NaN below two seeds. The deviation is the cell's or its target's, the larger.
        p: of a two-sided t-test that the mean paired difference is zero; NaN below two seeds. The spread
            is the cell's or its target's; see `spread_floors` and `paired_p_value`.
        q: `p` adjusted over the whole matrix by Benjamini and Hochberg.
        unpaired: whether a gain is a difference of means over seeds that do not pair; without rows where
            none is. There `n` is the smaller number of seeds, `std` that of a difference of two runs,
            and `p` of a t-test with that and the smaller number, which is never too small.
    """

    mean: pd.DataFrame
    std: pd.DataFrame
    n: pd.DataFrame
    asked: int
    significant: pd.DataFrame
    p: pd.DataFrame
    q: pd.DataFrame
    unpaired: pd.DataFrame = field(default_factory=pd.DataFrame)

    def seeds(self, runs: pd.DataFrame, pretrained: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Returns how many seeds of the base model and of the pretrained one each mean is taken over.

        Args:
            runs: base, target and score of every run.
            pretrained: label of the pretrained model.
        """
        counts = runs.groupby(["base", "target"])["score"].count().unstack(fill_value=0)
        counts = counts.reindex(columns=self.n.columns, fill_value=0)
        if self.unpaired.empty or not self.unpaired.to_numpy().any():
            return self.n, self.n
        base = self.n.mask(self.unpaired, counts.reindex(self.n.index, fill_value=0))
        return base, self.n.mask(self.unpaired, counts.loc[pretrained], axis=1)


def summarise_scores(
    table: pd.DataFrame, bases: Sequence[str], targets: Sequence[str]
) -> pd.DataFrame:
    """Returns one row per cell: base, target, n, asked, failed, collapsed, missing, mean, std.

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
            "collapsed": grouped["status"].agg(lambda s: int((s == "collapsed").sum())),
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

    A gain is the mean difference over the seeds that both models have on the target. Where they have
    none in common, it is the difference of their means.

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
    rows = pd.Index([base for base in bases if base != pretrained], name="base")

    def cells(found: pd.DataFrame, column: str, of: str) -> pd.DataFrame:
        wide = found.groupby(["base", "target"])[column].agg(of).unstack()
        return wide.reindex(index=rows, columns=list(targets)).rename_axis(columns=None)

    mean, std = cells(pairs, "gain", "mean"), cells(pairs, "gain", "std")
    n = cells(pairs, "gain", "count").fillna(0).astype(int)
    scores, own = (
        done[~is_pretrained],
        baseline.groupby("target")["score"].agg(["mean", "std", "count"]),
    )
    own = own.reindex(list(targets))
    unpaired = (n == 0) & cells(scores, "score", "mean").notna() & own["count"].notna()
    if unpaired.to_numpy().any():
        count = cells(scores, "score", "count").fillna(0)
        mean = mean.mask(unpaired, cells(scores, "score", "mean") - own["mean"])
        first, second = cells(scores, "score", "std") ** 2, own["std"] ** 2
        std = std.mask(unpaired, (first + second) ** 0.5)
        n = n.mask(unpaired, count.clip(upper=own["count"].fillna(0), axis=1).astype(int))
    # Differences of means vary by more than paired ones: alone on a target they are all that is known.
    paired = std.mask(unpaired)
    floors = spread_floors(paired.where(paired.notna().any(), std), n)
    significant, p = std * np.nan, std * np.nan
    mean_MxN, std_MxN, n_MxN = (x.to_numpy(dtype=float) for x in (mean, std, n))
    for j, target in enumerate(targets):
        floor = floors[target]
        for i in map(int, np.flatnonzero(std[target].notna())):
            found, seeds = float(mean_MxN[i, j]), int(n_MxN[i, j])
            spread = max(float(std_MxN[i, j]), floor.std)
            p.iat[i, j] = paired_p_value(found, spread, seeds, floor.freedom)
            least = least_p_value(spread, seeds, floor.freedom)
            significant.iat[i, j] = two_std_sign(found, spread) if least <= 0.05 else 0
    return GainMatrices(mean, std, n, asked, significant, p, benjamini_hochberg(p), unpaired)


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
