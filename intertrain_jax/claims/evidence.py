"""What claims are judged on: tested runs with their gains, and rankings, checked and of one form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.stats.averages import average_gains

PRETRAINED, SOURCE, BASE = "pretrained", "source", "base"
FINETUNE, PROBE, LP_THEN_FT = "finetune", "probe", "lp_then_ft"
COLUMNS = (
    *("part", "architecture", "base", "kind", "group", "source_size", "source_seed", "target"),
    *("target_size", "method", "weight_decay", "l2_to_base", "seed", "score"),
)
RANKING_COLUMNS = ("architecture", "base", "estimator", "task", "score")
# What makes a training of a target comparable with another one from another base model.
_TARGET = ["architecture", "target", "target_size"]
_SETTINGS = ["weight_decay", "l2_to_base"]
# Sizes and seeds of what has none, so that rows without are one group.
_NONE = -1


@dataclass(frozen=True)
class Matrix:
    """Gains of base models on targets, all trained alike.

    Attributes:
        runs: one row per run, as in `Evidence`.
    """

    runs: pd.DataFrame

    @cached_property
    def mean(self) -> pd.DataFrame:
        """Mean gains over seeds, [M base models, N targets] in points, NaN where missing."""
        return wide(self.runs, "base", "target")

    @cached_property
    def averages(self) -> pd.Series:
        """Base model → average gain, comparable where cells are missing."""
        return average_gains(self.mean, "additive").series().dropna()

    @property
    def size(self) -> str:
        """How large it is, in words."""
        m, n = self.mean.shape
        seeds = int(self.runs["seed"].nunique())
        return (
            f"{counted(m, 'base model')}, {counted(n, 'target')}, {counted(seeds, 'seed')},"
            f" {counted(len(self.runs), 'run')}"
        )


@dataclass(frozen=True)
class Evidence:
    """Runs and rankings of one architecture, or of all.

    Attributes:
        runs: columns `COLUMNS` and gain, in points: the score less the pretrained model's under the same
            seed, target, size, method and regularisation; NaN of the pretrained model itself. One row
            for each part that a run is in: parts may be trained in other ways, and are never mixed.
        rankings: columns `RANKING_COLUMNS`; without rows where there are none.
    """

    runs: pd.DataFrame
    rankings: pd.DataFrame

    @property
    def architectures(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(sorted(self.runs["architecture"].unique()))

    def of(self, architecture: str) -> Evidence:
        """Returns what is of one architecture."""
        own = self.runs[self.runs["architecture"] == architecture]
        rankings = self.rankings[self.rankings["architecture"] == architecture]
        return replace(self, runs=own, rankings=rankings)

    @cached_property
    def gains(self) -> pd.DataFrame:
        """Runs of base models but the pretrained one, with a gain."""
        return self.runs[self.runs["gain"].notna()]

    @cached_property
    def finetuned(self) -> pd.DataFrame:
        """`gains` of base models that were finetuned as a whole, and were not probed first."""
        return self.gains[self.gains["method"] == FINETUNE]

    @cached_property
    def matrix(self) -> Matrix:
        """Gains of the part with the most cells, at full sizes and under its commonest regularisation.

        Of a base model with several source sizes, and of a target with several, the largest counts.

        Raises:
            IntertrainError: there are no gains.
        """
        if not len(self.finetuned):
            raise IntertrainError(
                "there are no gains: no finetuned base model beside a pretrained one"
            )
        return matrix_of(usual(largest_part(self.finetuned, ["base", "target"])))


def largest_part(rows: pd.DataFrame, of: list[str]) -> pd.DataFrame:
    """Returns the runs of the part that has the most of something, of equal ones the first by name.

    Args:
        rows: of `Evidence`.
        of: columns whose different values are counted together.
    """
    if rows["part"].nunique() < 2:
        return rows
    counts = rows[["part", *of]].drop_duplicates().groupby("part", sort=True).size()
    kept: pd.DataFrame = rows[rows["part"] == counts.idxmax()]
    return kept


def several(rows: pd.DataFrame, of: list[str], values: str, fewest: int = 2) -> pd.DataFrame:
    """Returns the runs of what has several values of something in its part.

    Args:
        rows: of `Evidence`.
        of: columns that name it.
        values: the column that is counted.
        fewest: different values that it needs.
    """
    if not len(rows):
        return rows
    kept: pd.DataFrame = rows[rows.groupby(["part", *of])[values].transform("nunique") >= fewest]
    return kept


def matrix_of(rows: pd.DataFrame) -> Matrix:
    """Returns runs at the largest size of their source and of their target."""
    return Matrix(largest(largest(rows, "base", "source_size"), "target", "target_size"))


def largest(rows: pd.DataFrame, of: str, size: str) -> pd.DataFrame:
    """Returns the runs at the largest size of what they are of.

    Args:
        rows: of `Evidence`.
        of: the column that names what has sizes.
        size: the column of sizes.
    """
    if rows[size].nunique() < 2:
        return rows
    kept: pd.DataFrame = rows[rows[size] == rows.groupby(of)[size].transform("max")]
    return kept


def wide(rows: pd.DataFrame, index: str, columns: str, values: str = "gain") -> pd.DataFrame:
    """Returns the mean of a column for each pair of two others' values, NaN where there is none.

    Args:
        rows: the three columns.
        index, columns: names of those that become rows and columns, both sorted.
        values: name of the one that is averaged.
    """
    row, names = pd.factorize(rows[index], sort=True)
    column, others = pd.factorize(rows[columns], sort=True)
    cell, cells = row * len(others) + column, len(names) * len(others)
    count = np.bincount(cell, minlength=cells)
    total = np.bincount(cell, rows[values].to_numpy(dtype=float), minlength=cells)
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return pd.DataFrame(
        means.reshape(len(names), len(others)),
        pd.Index(names, name=index),
        pd.Index(others, name=columns),
    )


def usual(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the runs of the commonest regularisation, of equally common ones the weakest."""
    if all(rows[setting].nunique() < 2 for setting in _SETTINGS):
        return rows
    counts = rows.groupby(_SETTINGS, sort=True).size()
    decay, penalty = counts.index[int(counts.to_numpy().argmax())]
    own: pd.DataFrame = rows[(rows["weight_decay"] == decay) & (rows["l2_to_base"] == penalty)]
    return own


def evidence(runs: pd.DataFrame, rankings: pd.DataFrame | None) -> Evidence:
    """Checks tables, drops what has no score, and sets every run beside the pretrained model's.

    Raises:
        IntertrainError: a column is missing, or a kind is none.
    """
    _check_columns(runs, COLUMNS, "runs")
    table = runs.loc[:, list(COLUMNS)].reset_index(drop=True)
    if unknown := sorted(set(table["kind"].dropna()) - {PRETRAINED, SOURCE, BASE}):
        raise IntertrainError(
            f"claims: 'kind' of a run must be {PRETRAINED}, {SOURCE} or {BASE}, got {unknown[0]!r}"
        )
    for column in ("source_size", "source_seed", "target_size", "seed"):
        table[column] = _numbers(table[column], _NONE).astype(np.int64)
    for column in ("weight_decay", "l2_to_base"):
        table[column] = _numbers(table[column], 0.0)
    table["score"] = _numbers(table["score"], np.nan)
    table = table[np.isfinite(table["score"].to_numpy())]
    table = table.reset_index(drop=True)
    table["gain"] = _gains(table)
    return Evidence(table, _rankings(rankings))


def _gains(table: pd.DataFrame) -> np.ndarray:
    """Returns scores less the pretrained model's, paired by seed where it has that seed.

    Of the same part, the pretrained model trained by the same method under the same regularisation
    counts, or, where there is none, under its commonest; where the head was trained first in base models
    alone, the one that was just finetuned. What has no baseline in its part takes those of other parts.
    A base model on a target where no seed pairs is set beside the pretrained model's mean.
    """
    score = table["score"].to_numpy(dtype=float)
    plain = (table["kind"] == PRETRAINED).to_numpy()
    group = table[plain].groupby(["architecture", "part"], sort=False)
    commonest = plain & table.index.isin([i for _, own in group for i in usual(own).index])
    finetuned = commonest & (table["method"] == FINETUNE).to_numpy()
    first = (table["method"] == LP_THEN_FT).to_numpy()
    # Which runs are a baseline, by what they pair, and of which runs.
    baselines = (
        (plain, [*_TARGET, "method", *_SETTINGS], np.ones(len(table), bool)),
        (commonest, [*_TARGET, "method"], np.ones(len(table), bool)),
        (finetuned, _TARGET, first),
    )
    found = np.full(len(table), np.nan)
    for paired in (["part", "seed"], ["seed"], ["part"], []):
        if "seed" not in paired and not np.isnan(found[~plain]).any():
            break
        # A run without its seed's baseline is left out where another one of its cell has its own.
        settled = np.zeros(len(table), bool)
        if "seed" not in paired:
            cell = _key(table, ["part", "base", "source_size", *_TARGET, "method", *_SETTINGS])
            settled = np.bincount(cell, np.isfinite(found), minlength=len(table))[cell] > 0
        for own, keys, of in baselines:
            lacking = np.isnan(found) & of & ~plain & ~settled
            if lacking.any():
                found[lacking] = (score - _mean_of(own, _key(table, [*keys, *paired]), score))[
                    lacking
                ]
    return found


def _mean_of(own: np.ndarray, key: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Returns the mean score of some runs at each row's key; NaN where they have none."""
    count = np.bincount(key[own], minlength=len(key))
    total = np.bincount(key[own], score[own], minlength=len(key))
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return np.asarray(mean[key])


def _key(table: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Returns a number per row, the same for rows that are the same in some columns."""
    key = np.zeros(len(table), np.intp)
    for column in columns:
        own = pd.factorize(table[column])[0]
        key = np.asarray(pd.factorize(key * (len(table) + 1) + own)[0])
    return key


def _numbers(column: pd.Series, missing: float) -> np.ndarray:
    values = pd.to_numeric(column).to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isnan(values), missing, values)


def _rankings(rankings: pd.DataFrame | None) -> pd.DataFrame:
    if rankings is None:
        return pd.DataFrame(columns=list(RANKING_COLUMNS))
    _check_columns(rankings, RANKING_COLUMNS, "rankings")
    table = rankings.loc[:, list(RANKING_COLUMNS)].reset_index(drop=True)
    table["score"] = pd.to_numeric(table["score"]).astype(float)
    known: pd.DataFrame = table[np.isfinite(table["score"])]
    return known


def _check_columns(table: pd.DataFrame, columns: tuple[str, ...], what: str) -> None:
    if missing := [column for column in columns if column not in table]:
        raise IntertrainError(
            f"claims: the table of {what} needs the columns {', '.join(columns)}, but has no"
            f" {missing[0]!r}"
        )
