"""What doctor examines: a CSV table of any of three shapes, or the records of a results directory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.diagnosis.examine import TableKind
from intertrain_jax.diagnosis.findings import Finding, Findings, repair
from intertrain_jax.readers.csv import FEWEST_MODELS, Source, read_csv
from intertrain_jax.readers.leaderboard import AVERAGE, Leaderboard
from intertrain_jax.readers.recognise import read_table
from intertrain_jax.readers.scores import Scores
from intertrain_jax.readers.units import check_percent
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.runs import Record
from intertrain_jax.records.store import Store

_AVERAGES = ("avg", "average")
# A wide table with at least this share of negative cells holds gains.
_NEGATIVE = 0.1
# Counts of right answers are whole up to this, of one.
_WHOLE = 1e-3


@dataclass(frozen=True)
class Subject:
    """A table to examine.

    Attributes:
        what: a line that says how it was read.
        scores: [M, T], NaN where missing, rows by an id from 0.
        names: [M] model names as given.
        average: [M] the table's own averages, if it has any.
        kind: whether cells are scores or gains.
        found: what reading it showed already.
        file: of a wide table, the file's own text, to write a repaired copy from.
        probe: [M] linear probe on MNLI, if the table has it.
        pretrained: row of the pretrained model, if it is known.
        notes: on how the file is written, and on scores that look odd, a sentence each.
    """

    what: str
    scores: pd.DataFrame
    names: pd.Series[str]
    average: pd.Series[float] | None = None
    kind: TableKind = "scores"
    found: tuple[Finding, ...] = ()
    file: WideFile | None = None
    probe: pd.Series[float] | None = None
    pretrained: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class WideFile:
    """The cells of a wide CSV file as text.

    Attributes:
        header: column names.
        rows: cells of each row, as many as the header has.
        average: the column of averages, if there is one.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    average: str | None

    def repaired(self, scores: pd.DataFrame, findings: Findings) -> pd.DataFrame:
        """Returns the file with the repairs of findings, and those rows' averages anew.

        Args:
            scores: the table that was examined.
            findings: of its examination; all other cells stay as they are written.
        """
        rows = [list(row) for row in self.rows]
        average = repair(scores, findings).mean(axis=1).to_numpy(float)
        for finding in findings.findings:
            for column, value in finding.repaired.items():
                text = "" if np.isnan(value) else repr(value)
                rows[finding.row][self.header.index(column)] = text
            if finding.repaired and self.average is not None:
                rows[finding.row][self.header.index(self.average)] = repr(
                    float(average[finding.row])
                )
        return pd.DataFrame(rows, columns=list(self.header), dtype=str)


def read_subject(path: Source, pretrained: str | None = None) -> Subject:
    """Reads a results directory, or a CSV file whose header tells its shape.

    A leaderboard has a column model_name; scores in long form have base, target, seed and score;
    any other table is a matrix with a row per model, its first column naming them.

    Args:
        path: directory or file.
        pretrained: name of a leaderboard's pretrained model.

    Raises:
        IntertrainError: there is nothing to read, or the file is no such table.
    """
    if isinstance(path, Path) and path.is_dir():
        return _read_records(path)
    table = read_table(path, None, pretrained, repeats=True)
    if isinstance(table, Scores):
        names, scores = _by_seed(table.runs)
        return _noted(_checked(path, "scores", scores, names, None, None), table.notes)
    text = read_csv(path)
    cells = tuple(text.header), tuple(map(tuple, text.rows))
    if isinstance(table, Leaderboard):
        file = WideFile(*cells, AVERAGE)
        subject = _checked(path, "leaderboard", table.scores, table.names, table.average, file)
        subject = replace(subject, probe=table.probe, pretrained=table.pretrained)
        return _noted(subject, table.notes)
    scores = table.values
    own = next((c for c in map(str, scores.columns) if c.casefold() in _AVERAGES), None)
    average = None if own is None else scores.pop(own)
    subject = _checked(path, "matrix", scores, table.names, average, WideFile(*cells, own))
    return _noted(subject, table.notes)


def _noted(subject: Subject, notes: Iterable[str]) -> Subject:
    """Returns a subject with what its reader noted, each note once."""
    return replace(subject, notes=tuple(dict.fromkeys((*notes, *subject.notes))))


def _by_seed(runs: pd.DataFrame) -> tuple[pd.Series[str], pd.DataFrame]:
    """Returns names and scores, one row per base model and seed, in the order in which they come."""
    keys = list(dict.fromkeys(zip(runs["base"], runs["seed"], strict=True)))
    targets = list(dict.fromkeys(runs["target"]))
    wide = runs.set_index(["base", "seed", "target"])["score"].unstack("target")
    scores = wide.reindex(index=pd.MultiIndex.from_tuples(keys), columns=targets)
    scores = scores.reset_index(drop=True).rename_axis(columns=None)
    return pd.Series([f"{base}, seed {seed}" for base, seed in keys], dtype=str), scores


def _checked(
    path: Source,
    shape: str,
    scores: pd.DataFrame,
    names: pd.Series[str],
    average: pd.Series[float] | None,
    file: WideFile | None,
) -> Subject:
    """Checks that there is enough to examine, and decides between scores and gains."""
    if len(scores) < FEWEST_MODELS:
        raise IntertrainError(
            f"file {str(path)!r} must have at least {FEWEST_MODELS} models, has {len(scores)}."
            " Add more."
        )
    values = scores.to_numpy(float)
    known = np.isfinite(values)
    if not known.any():
        raise IntertrainError(
            f"file {str(path)!r} must have a number in at least one cell, but all {values.size} are"
            " missing. Fill them in."
        )
    gains = bool(shape == "matrix" and (values[known] < 0.0).mean() >= _NEGATIVE)
    notes = () if gains else check_percent(path, scores.set_axis(list(names)))
    kind: TableKind = "gains" if gains else "scores"
    what = (
        f"{path.name}: a {shape} of {kind},"
        if shape == "matrix"
        else f"{path.name}: a {shape} table,"
    )
    untested = int((~known.any(axis=1)).sum())
    what += f" {counted(len(scores), 'row')} × {counted(scores.shape[1], 'column')}"
    what += f", {int((~known).sum()):,} of {values.size:,} cells empty"
    what += f" ({counted(untested, 'row')} without any score)." if untested else "."
    return Subject(what, scores, names, average, kind, (), file, notes=notes)


def _read_records(out: Path) -> Subject:
    """Reads a results directory's records; the table's rows are base models at one seed."""
    store = ResultsDir(out).runs
    records = store.read_all()
    if not records.by_key and not records.problems:
        raise IntertrainError(
            f"directory {str(out)!r} must hold the records of a grid in records/, but has none."
            " Name a results directory, or a CSV file."
        )
    runs = list(records.by_key.values())
    found = [
        Finding(-1, "", "unreadable", "error", f"{p.path.relative_to(out)}: {p.reason}")
        for p in records.problems
    ]
    found += _failed(runs)
    found += _repeated(store, runs)
    found += _not_counts(runs)
    found += _contradicted(runs)
    if all(run.score is None for run in runs):
        raise IntertrainError(
            f"directory {str(out)!r} must hold at least one finished run to examine, but of"
            f" {counted(len(runs), 'run')} recorded none is done,"
            f" {counted(len(records.problems), 'record')} cannot be read. {_first(found)} Run the grid"
            " again, or name another directory."
        )
    done = [(_row_name(r), r.seed, r.target, r.score) for r in runs if r.score is not None]
    table = pd.DataFrame(done, columns=["base", "seed", "target", "score"])
    names, scores = _by_seed(table.drop_duplicates(["base", "seed", "target"]))
    failed = sum(run.status == "failed" for run in runs)
    what = (
        f"{out.name}: records of {counted(len(runs), 'run')}, {len(done):,} done, {failed:,} failed;"
        f" {counted(len(names), 'row')}, one per model and seed, × {counted(scores.shape[1], 'target')}."
    )
    return Subject(what, scores, names, found=tuple(found))


def _first(found: Sequence[Finding]) -> str:
    """Says what was found first, as the one hint to why nothing is done."""
    return f"First: {found[0].evidence.rstrip('.')}." if found else ""


def _row_name(run: Record) -> str:
    """The base model, and the train size where it was limited."""
    size = run.protocol.train_size
    return run.base.label if size is None else f"{run.base.label}, {size} examples"


def _failed(runs: Sequence[Record]) -> Iterator[Finding]:
    for run in runs:
        if run.status == "failed":
            text = f"Run {run.id} on {run.target}, seed {run.seed}, failed: {run.reason}"
            yield Finding(-1, _row_name(run), "failed", "warning", text)


def _repeated(store: Store[str, Record], runs: Sequence[Record]) -> Iterator[Finding]:
    """Finds runs in several files, and cells that several runs claim."""
    files: dict[str, list[str]] = {}
    for path in sorted(store.root.rglob("*.json")):
        identity = path.stem.rpartition("--")[2]
        files.setdefault(identity, []).append(str(path.relative_to(store.root)))
    cells: dict[tuple[str, str, int], list[Record]] = {}
    for run in runs:
        if len(files.get(run.id, ())) > 1:
            text = f"Run {run.id} is in {len(files[run.id])} files: {', '.join(files[run.id])}."
            yield Finding(-1, _row_name(run), "repeated run", "warning", text)
        if run.status == "done":
            cells.setdefault((_row_name(run), run.target, run.seed), []).append(run)
    for (name, target, seed), claims in cells.items():
        if len(claims) > 1:
            text = (
                f"{len(claims)} different runs on {target} with seed {seed}:"
                f" {', '.join(run.id for run in claims)}. Only the first is examined."
            )
            yield Finding(-1, name, "repeated run", "warning", text)


def _not_counts(runs: Sequence[Record]) -> Iterator[Finding]:
    """Finds accuracies that no number of right answers out of the test examples gives."""
    for run in runs:
        if run.result is None or run.score is None or run.result.metric != "accuracy":
            continue
        right = run.score * run.result.n_test / 100.0
        if abs(right - round(right)) > _WHOLE:
            text = (
                f"Run {run.id} on {run.target}, seed {run.seed}: {run.score:.6g} % of"
                f" {run.result.n_test:,} test examples is no whole number of right answers."
            )
            yield Finding(-1, _row_name(run), "out of range", "error", text)


def _contradicted(runs: Sequence[Record]) -> Iterator[Finding]:
    """Finds runs that workers did twice, and that came out otherwise the second time."""
    for run in runs:
        if run.result is not None and run.result.contradicted is not None:
            text = f"Run {run.id} on {run.target}, seed {run.seed}: {run.result.contradicted}."
            yield Finding(-1, _row_name(run), "contradicted", "error", text)
