"""What claims are judged on: tested runs with their gains, and rankings, checked and of one form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.stats.averages import average_gains

PRETRAINED, SOURCE, BASE = "pretrained", "source", "base"
FINETUNE, PROBE = "finetune", "probe"
COLUMNS = (
    *("part", "architecture", "base", "kind", "group", "source_size", "source_seed", "target"),
    *("target_size", "method", "weight_decay", "l2_to_base", "seed", "score"),
)
RANKING_COLUMNS = ("architecture", "base", "estimator", "task", "score")
# What makes a training of a target comparable with another one from another base model.
_TARGET = ["architecture", "target", "target_size", "method"]
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
        means: pd.DataFrame = self.runs.groupby(["base", "target"])["gain"].mean().unstack()
        return means

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
            per run, whatever parts it is in: `part` is the first.
        rankings: columns `RANKING_COLUMNS`; without rows where there are none.
        parts: run's row → names of all parts that it is in.
    """

    runs: pd.DataFrame
    rankings: pd.DataFrame
    parts: pd.Series

    @property
    def architectures(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(sorted(self.runs["architecture"].unique()))

    def of(self, architecture: str) -> Evidence:
        """Returns what is of one architecture."""
        own = self.runs[self.runs["architecture"] == architecture]
        rankings = self.rankings[self.rankings["architecture"] == architecture]
        return replace(self, runs=own, rankings=rankings, parts=self.parts.loc[own.index])

    @cached_property
    def gains(self) -> pd.DataFrame:
        """Runs of base models but the pretrained one, with a gain."""
        return self.runs[self.runs["gain"].notna()]

    @cached_property
    def finetuned(self) -> pd.DataFrame:
        """`gains` of whole models, trained under the commonest regularisation."""
        return usual(self.gains[self.gains["method"] == FINETUNE])

    @cached_property
    def matrix(self) -> Matrix:
        """Gains of the part with the most cells, at full sizes.

        Of a base model with several source sizes, and of a target with several, the largest counts.

        Raises:
            IntertrainError: there are no gains.
        """
        return matrix_of(self._largest_part(self.finetuned))

    def _largest_part(self, rows: pd.DataFrame) -> pd.DataFrame:
        cells = rows[["base", "target"]].assign(part=self.parts.reindex(rows.index)).explode("part")
        counts = cells.drop_duplicates().groupby("part", sort=True).size()
        if not len(counts):
            raise IntertrainError(
                "there are no gains: no finetuned base model beside a pretrained one"
            )
        part = counts.idxmax()
        return rows[rows.index.isin(cells.index[cells["part"] == part])]


def matrix_of(rows: pd.DataFrame) -> Matrix:
    """Returns runs at the largest size of their source and of their target."""
    sizes = rows.groupby("base")["source_size"].transform("max")
    rows = rows[rows["source_size"] == sizes]
    sizes = rows.groupby("target")["target_size"].transform("max")
    return Matrix(rows[rows["target_size"] == sizes])


def usual(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the runs of the commonest regularisation, of equally common ones the weakest."""
    counts = rows.groupby(_SETTINGS, sort=True).size()
    if len(counts) < 2:
        return rows
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
        table[column] = pd.to_numeric(table[column]).fillna(_NONE).astype("int64")
    for column in ("weight_decay", "l2_to_base"):
        table[column] = pd.to_numeric(table[column]).fillna(0.0).astype(float)
    table["score"] = pd.to_numeric(table["score"]).astype(float)
    table = table[np.isfinite(table["score"])]
    identity = [column for column in COLUMNS if column not in ("part", "group", "kind", "score")]
    parts = table.groupby(identity, sort=False)["part"].agg(tuple)
    table = table.drop_duplicates(identity).reset_index(drop=True)
    table["gain"] = _gains(table)
    return Evidence(
        table, _rankings(rankings), pd.Series(parts.to_list(), table.index, dtype=object)
    )


def _gains(table: pd.DataFrame) -> pd.Series:
    """Returns scores less the pretrained model's, paired by seed where it has that seed.

    The pretrained model trained under the same regularisation counts, or, where there is none, under its
    commonest. A base model on a target where no seed pairs is set beside the pretrained model's mean.
    """
    plain = table[table["kind"] == PRETRAINED]
    commonest = usual(plain)
    found = pd.Series(np.nan, table.index)
    cell = ["base", "source_size", *_TARGET, *_SETTINGS]
    for own, keys in ((plain, [*_TARGET, *_SETTINGS]), (commonest, _TARGET)):
        paired = table["score"] - _looked_up(table, own, [*keys, "seed"])
        found = found.fillna(paired)
    unpaired = found.isna().groupby([table[c] for c in cell]).transform("all")
    if unpaired.any():
        for own, keys in ((plain, [*_TARGET, *_SETTINGS]), (commonest, _TARGET)):
            apart = table["score"] - _looked_up(table, own, keys)
            found = found.fillna(apart.where(unpaired))
    return found.mask(table["kind"] == PRETRAINED)


def _looked_up(table: pd.DataFrame, own: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Returns the mean score of some runs at the keys of each row of the table."""
    means = own.groupby(keys)["score"].mean().rename("found")
    found: pd.Series = table[keys].join(means, on=keys)["found"]
    return found


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
