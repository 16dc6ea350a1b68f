"""Analyses gains: a grid's, a results directory's, a table's; and two columns beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pandas as pd

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.config.formats import is_file, is_folder
from intertrain_jax.config.origins import joined, other_names
from intertrain_jax.config.ranking import RANKING_FILE
from intertrain_jax.diagnosis.findings import said_of
from intertrain_jax.readers.csv import Frame, Source
from intertrain_jax.readers.matrix import read_matrix
from intertrain_jax.readers.pairs import read_pairs
from intertrain_jax.readers.probe_scores import read_probe
from intertrain_jax.readers.recognise import Shape, read_table
from intertrain_jax.report.analysis import write_result
from intertrain_jax.report.closing import closing_lines, leaderboard_lines
from intertrain_jax.stats.averages import How
from intertrain_jax.stats.clusters import How as Cluster
from intertrain_jax.study.analyse import analyse_study
from intertrain_jax.study.files import write_analysis
from intertrain_jax.study.inputs import (
    KnownTasks,
    Study,
    probe_of_results,
    study_of_matrix,
    study_of_table,
)
from intertrain_jax.study.pairs import PairsResult, analyse_pairs
from intertrain_jax.study.result import Options, Result, Statistics
from intertrain_jax.study.summary import summarise
from intertrain_jax.workflows.results import GridResult, RankResult, read_finished, with_gains
from intertrain_jax.workflows.studies import published_sizes, task_groups

# An analysis of more cells takes long enough for a line before it.
_LARGE = 50_000
Table = GridResult | pd.DataFrame | str | Path


class Choices(TypedDict, total=False):
    """What the user may choose about an analysis.

    Attributes:
        averages: where cells are missing, by the additive model, or over common targets.
        representative: base model whose gains stand for max-gain.
        keep_suspicious: analyse a leaderboard's suspicious rows too.
        percent: vouch that scores are in percent, however small.
        published_sizes: take the published train sizes of tasks for those of a table.
        cluster: models that are resampled together where something is computed over models: "auto" (of
            one owner or series, or with nearly equal rows), "owner" (by their names) or "none".
        say: is told now and then how far an analysis is that takes long.
    """

    averages: How | None
    representative: str | None
    keep_suspicious: bool
    percent: bool
    published_sizes: bool
    cluster: Cluster
    say: Callable[[str], None]


@dataclass(frozen=True, repr=False)
class StudyResult:
    """An analysed study.

    Attributes:
        result: every statistic, as a value.
        grid: the experiment that was analysed; None where it was a table.
    """

    result: Result
    grid: GridResult | None = None

    @cached_property
    def models(self) -> pd.DataFrame:
        """One row per base model, best average first, with intervals and ranks: `Result.models`."""
        return self.result.models()

    @property
    def gains(self) -> pd.DataFrame:
        """Mean gains in points: rows base models, columns targets."""
        return self.result.study.gains.mean

    @property
    def statistics(self) -> Statistics:
        """Statistics by name, such as "sensitivity", whose values have their parts as attributes."""
        return self.result.statistics

    @property
    def not_computed(self) -> Mapping[str, str]:
        """Name of a statistic → why the study does not allow it."""
        return self.result.not_computed

    @property
    def summary(self) -> dict[str, Any]:
        """Every statistic with its definition as plain values: what summary.json holds."""
        return dict(summarise(self.result))

    @property
    def lines(self) -> list[tuple[str, str]]:
        """What a reader needs most, in a few lines of a word and a sentence."""
        lines = closing_lines(self.result)
        return lines + (
            leaderboard_lines(self.result) if self.result.study.kind == "leaderboard" else []
        )

    def write(self, folder: str | Path) -> Path:
        """Writes summary.json, tables and figures, and of a grid its scores and gains."""
        folder = Path(folder)
        if self.grid is not None:
            write_analysis(folder, self.grid.analysis, self.grid.stored.by_key)
        write_result(folder, self.result)
        return folder

    def __repr__(self) -> str:
        """Says what was analysed, and what a reader needs most."""
        width = max(len(word) for word, _ in self.lines)
        said = "\n".join(f"{word:<{width}}  {text}" for word, text in self.lines)
        return f"{describe(self.result.study)}\n{said}"

    def _repr_html_(self) -> str:
        said = "".join(
            f"<tr><th>{escape(word)}</th><td style='text-align: left'>{escape(text)}</td></tr>"
            for word, text in self.lines
        )
        table = self.models.round(2).to_html(index=False)
        return f"<p>{escape(describe(self.result.study))}</p><table>{said}</table>{table}"


def analyze(
    table: Table,
    *,
    shape: Shape | None = None,
    pretrained: str | None = None,
    probe: RankResult | Table | None = None,
    other: Table | None = None,
    sizes: Sequence[str | Path | GridResult] = (),
    **choices: Unpack[Choices],
) -> StudyResult:
    """Computes every statistic that gains allow.

    Args:
        table: a grid's result, a results directory, or a table: gains or scores with a row per base
            model, scores in long form (base, target, seed, score), or a public leaderboard, as a
            DataFrame or a CSV file.
        shape: what the table is; None finds out.
        pretrained: row of the pretrained model; with it a matrix holds scores.
        probe: linear probes: a ranking, a grid of probes, their directory, or a CSV of base and score;
            None takes a ranking that lies in the same results directory.
        other: a second architecture: a grid, a directory or a matrix of gains.
        sizes: the same grid at other train sizes.
        choices: `averages`, `representative`, `keep_suspicious`, `percent`,
            `published_sizes`, `cluster` and `say`.

    Raises:
        IntertrainError: something is not what it must be.
    """
    grid = grid_of(table)
    if grid is not None:
        study = grid.study
        if probe is None and (grid.out / RANKING_FILE).is_file():
            probe = grid.out
    else:
        keep = choices.get("keep_suspicious", False)
        vouched = choices.get("percent", False), choices.get("published_sizes", False)
        study = read_study(_source(table), shape, pretrained, keep, *vouched)
    if probe is not None:
        found, notes = _read_probe(probe, study)
        study = replace(study, probe=found, notes=(*study.notes, *notes))
    options = Options(
        how=choices.get("averages"),
        representative=choices.get("representative"),
        other=None if other is None else _read_other(other),
        sizes=[_finished(size).stored.by_key for size in sizes],
        cluster=choices.get("cluster", "auto"),
    )
    say = choices.get("say", _unsaid)
    if study.cells > _LARGE:
        say(f"analysing {describe(study)}")
    return StudyResult(analyse_study(study, options, say), grid)


def _unsaid(line: str) -> None:
    """Takes a line that nobody asked for."""


def compare(
    table: pd.DataFrame | str | Path, x: str, y: str, cluster: Cluster = "auto"
) -> PairsResult:
    """Compares two measurements of the same models: correlations and a line.

    Args:
        table: a DataFrame or a CSV file with a row per model.
        x: column of the probe.
        y: column of the average gain.
        cluster: models that are resampled together: see `Choices`.
    """
    return analyse_pairs(read_pairs(_source(table), x, y), cluster)


def describe(study: Study) -> str:
    """Returns what a study is of."""
    rows = len({finding.row for finding in study.left_out})
    out = f"; {counted(rows, 'row')} left out: {said_of(study.left_out)}" if rows else ""
    return (
        f"{study.name}: {counted(len(study.gains.mean), 'base model')},"
        f" {counted(len(study.gains.mean.columns), 'target')}{out}"
    )


def read_study(
    source: Source,
    shape: Shape | None,
    pretrained: str | None,
    keep_suspicious: bool,
    percent: bool = False,
    sizes_hold: bool = False,
) -> Study:
    """Reads a table as a study.

    Args:
        source: a CSV file or a frame.
        shape: what it is; None finds out by its columns.
        pretrained: row of the pretrained model.
        keep_suspicious: keep a leaderboard's suspicious rows.
        percent: whether the user vouches that scores are in percent, however small.
        sizes_hold: whether the user vouches that models were trained on as much as was published.

    Raises:
        IntertrainError: it is no such table.
    """
    sizes = published_sizes()
    tasks = KnownTasks(task_groups(), sizes.train, sizes.test, sizes_hold)
    found = read_table(source, shape, pretrained, percent=percent)
    return study_of_table(found, source.stem, tasks, pretrained, keep_suspicious, percent)


def grid_of(table: Table) -> GridResult | None:
    """Returns the grid that something is, or the directory of."""
    if isinstance(table, GridResult):
        return with_gains(table, f"grid {table.config.name!r}", "its `failed` says why")
    if isinstance(table, pd.DataFrame) or not is_folder(Path(table)):
        return None
    return read_finished(Path(table))


def _finished(table: str | Path | GridResult) -> GridResult:
    return table if isinstance(table, GridResult) else read_finished(Path(table))


def _source(table: pd.DataFrame | str | Path | GridResult) -> Source:
    assert not isinstance(table, GridResult)
    return Frame(table) if isinstance(table, pd.DataFrame) else Path(table)


def _read_probe(
    probe: RankResult | Table, study: Study
) -> tuple[pd.Series[float], tuple[str, ...]]:
    """Returns the probes of a study's base models, and notes on how their file is written."""
    notes: tuple[str, ...] = ()
    if isinstance(probe, RankResult):
        ranked = probe.ranking.ranked
        found = pd.Series(ranked["score"].to_numpy(float), index=ranked["model"].map(str))
        name = f"the ranking on {probe.config.task}"
    elif isinstance(probe, GridResult):
        found, name = probe_of_results(probe.study), probe.config.name
    elif isinstance(probe, pd.DataFrame):
        (found, notes), name = read_probe(Frame(probe)), str(Frame(probe))
    else:
        path = Path(probe)
        path = path / RANKING_FILE if is_file(path / RANKING_FILE) else path
        if path.is_dir():
            found = probe_of_results(read_finished(path).study)
        else:
            found, notes = read_probe(path)
        name = str(path)
    names = other_names(map(str, found.index), map(str, study.gains.mean.index))
    known = found.rename(index=names).reindex(study.gains.mean.index).dropna()
    if known.empty:
        raise IntertrainError(
            f"--probe {name!r} must have scores of base models of {study.name!r}, but has none"
            f" of {study.gains.mean.index[0]!r} and the others. Correct the names."
        )
    return known, (*notes, *joined(names, by="the probes"))


def _read_other(other: Table) -> Study:
    """Returns the study of a second architecture."""
    grid = grid_of(other)
    return (
        grid.study
        if grid is not None
        else study_of_matrix(read_matrix(_source(other)), KnownTasks())
    )
