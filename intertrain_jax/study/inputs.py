"""What is analysed: a results directory, a matrix, scores or a leaderboard, as one frozen study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.diagnosis.examine import examine
from intertrain_jax.diagnosis.findings import Finding
from intertrain_jax.readers.csv import check_enough, no_pretrained
from intertrain_jax.readers.leaderboard import Leaderboard
from intertrain_jax.readers.matrix import Matrix
from intertrain_jax.readers.scores import Scores
from intertrain_jax.readers.summaries import runs_alone, targets_alone
from intertrain_jax.readers.units import check_gains, check_scores
from intertrain_jax.records.runs import Record
from intertrain_jax.stats.collapse import without_collapsed
from intertrain_jax.stats.gains import GainMatrices, benjamini_hochberg, gain_matrices
from intertrain_jax.study.files import Analysis
from intertrain_jax.study.scores import lacking_notes, metric_notes

Kind = Literal["results", "matrix", "scores", "leaderboard"]


@dataclass(frozen=True)
class Study:
    """Gains of M base models on T targets, and whatever else is known of them.

    Attributes:
        name: what it is called, from its directory or file.
        kind: where it comes from.
        pretrained: what the pretrained model is called.
        gains: the matrices, [M, T]; without seeds every count is 0 or 1.
        runs: base, target, seed, status, score, reason of every run; None where only means are known.
        records: run id → record; empty but for a results directory.
        pretrained_scores: [T] the pretrained model's scores in percent; empty where unknown.
        probe: base model → score of its linear probe in percent; empty where there is none.
        groups: name of a group → its tasks, each in one group only; those of the study.
        sources: base model → the task that it was trained on, where it is known.
        train_sizes, test_sizes: task → examples, where known.
        left_out: rows of a leaderboard that are left out as suspicious, with all that was found.
        with_suspicious: base model → average gain, and its probe, of all rows; None but for a
            leaderboard.
        everything: the same study with the rows that are left out; None where none is.
        notes: what the reader must know of the input, one sentence each.
    """

    name: str
    kind: Kind
    pretrained: str
    gains: GainMatrices
    runs: pd.DataFrame | None = None
    records: Mapping[str, Record] = field(default_factory=dict)
    pretrained_scores: pd.Series[float] = field(default_factory=lambda: pd.Series(dtype=float))
    probe: pd.Series[float] = field(default_factory=lambda: pd.Series(dtype=float))
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    train_sizes: Mapping[str, int] = field(default_factory=dict)
    test_sizes: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[Finding, ...] = ()
    with_suspicious: pd.DataFrame | None = None
    everything: Study | None = None
    notes: tuple[str, ...] = ()

    @property
    def cells(self) -> int:
        """Cells of the matrix."""
        return int(self.gains.n.size)

    @property
    def missing(self) -> int:
        """Cells without a gain."""
        return int(self.gains.mean.isna().to_numpy().sum())

    @property
    def thin(self) -> int:
        """Cells with a gain, but from fewer seeds than were asked for."""
        n = self.gains.n.to_numpy()
        return int(((n > 0) & (n < self.gains.asked)).sum())


@dataclass(frozen=True)
class KnownTasks:
    """What is known of tasks beside the gains on them.

    Attributes:
        groups: name → tasks, disjoint.
        train, test: task → examples as published, where known.
        sizes_hold: whether the user says that the study's models were trained on as many.
    """

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    train: Mapping[str, int] = field(default_factory=dict)
    test: Mapping[str, int] = field(default_factory=dict)
    sizes_hold: bool = False

    @property
    def train_sizes(self) -> Mapping[str, int]:
        """Train sizes, if they are those of the study."""
        return self.train if self.sizes_hold else {}


def study_of_results(
    name: str,
    analysis: Analysis,
    records: Mapping[str, Record],
    pretrained: str,
    groups: Mapping[str, tuple[str, ...]],
) -> Study:
    """Returns the study of an experiment.

    Args:
        name: of the experiment.
        analysis: of its records.
        records: run id → record.
        pretrained: label of the pretrained model's row.
        groups: name → tasks, disjoint.
    """
    in_matrix = [records[run] for run in analysis.runs["id"] if run in records]
    # Runs on tasks that are sources only are not of the matrix; other records are another grid's.
    sources = {record.base.source_run for record in in_matrix} & set(records)
    done = [
        (record, record.result)
        for record in (*in_matrix, *(records[run] for run in sources if run))
        if record.result is not None
    ]
    baseline = analysis.scores[analysis.scores["base"] == pretrained].set_index("target")["mean"]
    names = [*analysis.gains.mean.index, *analysis.gains.mean.columns]
    sizes = dict.fromkeys((record.target, result.n_train) for record, result in done)
    return Study(
        name=name,
        kind="results",
        pretrained=pretrained,
        gains=analysis.gains,
        runs=analysis.runs,
        records=records,
        pretrained_scores=baseline,
        groups=_of_study(groups, names),
        sources={r.base.label: r.base.source_task for r in in_matrix if r.base.source_task},
        # What sources are trained on otherwise than targets has no one size.
        train_sizes={task: n for task, n in sizes if len({m for t, m in sizes if t == task}) == 1},
        # A correlation of ranks has no sampling error of a proportion.
        test_sizes={r.target: result.n_test for r, result in done if result.metric == "accuracy"},
        notes=metric_notes(in_matrix),
    )


def study_of_table(
    table: Matrix | Scores | Leaderboard,
    name: str,
    tasks: KnownTasks,
    pretrained: str | None = None,
    keep_suspicious: bool = False,
    percent: bool = False,
) -> Study:
    """Returns the study of a table of any shape.

    Args:
        table: of `readers.recognise.read_table`.
        name: of the file.
        tasks: what is known of tasks.
        pretrained: row of the pretrained model; with it a matrix holds scores.
        keep_suspicious: whether to analyse a leaderboard's suspicious rows too.
        percent: whether the user vouches that scores are in percent, however small.

    Raises:
        IntertrainError: there is no other model, no gain, or no score of the pretrained.
    """
    if isinstance(table, Matrix):
        return study_of_matrix(table, tasks, pretrained, percent)
    if isinstance(table, Scores):
        return study_of_scores(table, tasks, pretrained or "PT", percent)
    return study_of_leaderboard(name, table, tasks, keep_suspicious)


def study_of_matrix(
    matrix: Matrix, tasks: KnownTasks, pretrained: str | None = None, percent: bool = False
) -> Study:
    """Returns the study of a matrix of gains, or of scores.

    Args:
        matrix: of base models and targets.
        tasks: what is known of tasks.
        pretrained: if given, the matrix holds scores, and this row's are taken away from the others'.
        percent: whether the user vouches that scores are in percent, however small.

    Raises:
        IntertrainError: there is no such row, they are in another unit, or there is no other
            model or no gain at all.
    """
    source, named = matrix.source, matrix.values.set_axis(pd.Index(matrix.names, name="base"))
    table, notes = targets_alone(named, {*tasks.train, *tasks.test, pretrained or ""})
    names = table.index.to_list()
    baseline = pd.Series(dtype=float)
    if pretrained is not None:
        if pretrained not in names:
            raise no_pretrained(source, pretrained, names)
        baseline = table.T[pretrained]
        notes += check_scores(source, table, percent)
        table = (table - baseline).drop(index=pretrained)
    else:
        notes += check_gains(source, table)
    check_enough(source, table)
    return Study(
        name=source.stem,
        kind="matrix",
        pretrained=pretrained or "PT",
        gains=single_scores(table),
        pretrained_scores=baseline,
        groups=_of_study(tasks.groups, [*names, *map(str, table.columns)]),
        sources=_tasks_among(table.index, tasks.train),
        train_sizes=tasks.train_sizes,
        notes=(
            *matrix.notes,
            *notes,
            *lacking_notes(table, baseline),
            "The file has one number per cell: nothing is known of seeds.",
        ),
    )


def study_of_scores(
    scores: Scores, tasks: KnownTasks, pretrained: str, percent: bool = False
) -> Study:
    """Returns the study of scores in long form.

    Raises:
        IntertrainError: the pretrained model has no row, or there is no other model or no gain at
            all.
    """
    source = scores.source
    table, left_out = runs_alone(scores.runs, {*tasks.train, *tasks.test, pretrained})
    names = list(dict.fromkeys(table["base"]))
    if pretrained not in names:
        raise no_pretrained(source, pretrained, names)
    by_run = table.assign(row=table["base"] + ", seed " + table["seed"])
    wide = by_run.pivot_table("score", "row", "target", aggfunc="max", sort=False)
    notes = (*left_out, *check_scores(source, wide, percent))
    done = table["score"].notna()
    table = table.assign(status=np.where(done, "done", "missing"), reason="")
    table = without_collapsed(table)
    targets = list(dict.fromkeys(table["target"]))
    gains = gain_matrices(table, pretrained, names, targets, table["seed"].nunique())
    check_enough(source, gains.mean)
    baseline = table[table["base"] == pretrained].groupby("target", sort=False)["score"].mean()
    return Study(
        name=source.stem,
        kind="scores",
        pretrained=pretrained,
        gains=gains,
        runs=table,
        pretrained_scores=baseline,
        groups=_of_study(tasks.groups, [*names, *targets]),
        sources=_tasks_among(gains.mean.index, tasks.train),
        train_sizes=tasks.train_sizes,
        notes=(*scores.notes, *notes, *lacking_notes(gains.mean, baseline)),
    )


def study_of_leaderboard(
    name: str,
    board: Leaderboard,
    tasks: KnownTasks,
    keep_suspicious: bool = False,
) -> Study:
    """Returns the study of a published table; suspicious rows are left out unless told otherwise.

    Args:
        name: of the file.
        board: the table.
        tasks: what is known of tasks, by the names of columns.
        keep_suspicious: whether to analyse the suspicious rows too.

    Raises:
        IntertrainError: the pretrained model's row cannot be trusted, or no other can.
    """
    findings = examine(
        board.scores, board.names, board.average, probe=board.probe, pretrained=board.pretrained
    )
    if board.pretrained in findings.suspicious and not keep_suspicious:
        reasons = [f.evidence for f in findings.findings if f.row == board.pretrained]
        raise IntertrainError(
            f"leaderboard {name!r}: the row of the pretrained model"
            f" {board.names[board.pretrained]!r} is suspicious ({reasons[0]}). Mend it, or keep such"
            " rows with --keep-suspicious."
        )
    baseline = board.scores.T[board.pretrained]
    gains = (board.scores - baseline).drop(index=board.pretrained)
    tested = gains[gains.notna().any(axis=1)]
    labels = _labels(board.names)
    everything = pd.DataFrame(
        {
            "average": tested.mean(axis=1).where(tested.notna().all(axis=1)),
            "probe": board.probe.reindex(tested.index),
            "suspicious": [row in findings.suspicious for row in tested.index],
        }
    )
    kept = tested if keep_suspicious else tested.drop(index=tested.index[everything["suspicious"]])
    if kept.empty:
        raise IntertrainError(
            f"leaderboard {name!r} must have a tested model besides the pretrained one that can be"
            f" trusted, but {len(tested)} are tested and none can. See `intertrain-jax doctor`."
        )
    out = tuple(f for f in findings.findings if f.row in tested.index and f.row not in kept.index)
    untested = len(gains) - len(tested)
    notes = ["The table has one score per cell: nothing is known of seeds."]
    if untested:
        have = "has no score on any target, and does" if untested == 1 else "have no score, and do"
        notes.append(f"{counted(untested, 'row')} {have} not count.")

    def of_rows(rows: pd.DataFrame) -> Study:
        names = pd.Index(labels.loc[rows.index], name="base")
        return Study(
            name=name,
            kind="leaderboard",
            pretrained=str(board.names[board.pretrained]),
            gains=single_scores(rows.set_axis(names)),
            pretrained_scores=baseline,
            probe=board.probe.reindex(rows.index)
            .set_axis(pd.Index(labels.loc[rows.index]))
            .dropna(),
            groups=_of_study(tasks.groups, [str(column) for column in rows.columns]),
            train_sizes=tasks.train_sizes,
            test_sizes=tasks.test,
            notes=(*board.notes, *notes, *findings.notes),
        )

    return replace(
        of_rows(kept),
        left_out=out,
        with_suspicious=everything.set_axis(pd.Index(labels.loc[everything.index])),
        everything=of_rows(tested) if len(kept) < len(tested) else None,
    )


def probe_of_results(study: Study) -> pd.Series[float]:
    """Returns the linear probe's scores from a grid of probes: each base model's mean score on MNLI.

    Args:
        study: of a results directory; where it has one target only, that target takes MNLI's place.

    Raises:
        IntertrainError: its runs trained more than the head, or it has several targets without MNLI.
    """
    runs, targets = study.runs, [str(target) for target in study.gains.mean.columns]
    assert runs is not None
    methods = {study.records[run].protocol.method for run in runs["id"] if run in study.records}
    if methods != {"probe"}:
        raise IntertrainError(
            f"probes of {study.name!r} must come from runs with protocol.method 'probe', but the"
            f" runs there have {', '.join(sorted(map(repr, methods)))}. Name a grid of probes."
        )
    target = "mnli" if "mnli" in targets else targets[0]
    if target != "mnli" and len(targets) > 1:
        raise IntertrainError(
            f"probes of {study.name!r} must be of one target, or of mnli among others, but are of"
            f" {', '.join(targets)}. Set targets to one of them."
        )
    found = runs[(runs["target"] == target) & (runs["status"] == "done")]
    return found.groupby("base", sort=False)["score"].mean()


def single_scores(gains: pd.DataFrame) -> GainMatrices:
    """Returns matrices for gains of which one number per cell is known: no spread, nothing tested."""
    unknown = pd.DataFrame(np.nan, index=gains.index, columns=gains.columns)
    return GainMatrices(
        mean=gains,
        std=unknown,
        n=gains.notna().astype(int),
        asked=1,
        significant=unknown,
        p=unknown,
        q=benjamini_hochberg(unknown),
    )


def _of_study(
    groups: Mapping[str, tuple[str, ...]], names: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Returns the groups cut to a study's names; those without any are left out."""
    known = set(names)
    cut = {group: tuple(n for n in members if n in known) for group, members in groups.items()}
    return {group: members for group, members in cut.items() if members}


def _tasks_among(rows: Iterable[str], tasks: Mapping[str, int]) -> dict[str, str]:
    """Returns the rows that bear the name of a known task: they are taken to be trained on it."""
    return {str(row): str(row) for row in rows if row in tasks}


def _labels(names: pd.Series[str]) -> pd.Series[str]:
    """Returns names that are unique: models in several rows get the row's number."""
    repeated = names.duplicated(keep=False)
    numbered = names.astype(str) + [f" (row {row})" for row in names.index]
    return names.astype(str).where(~repeated, numbered)
