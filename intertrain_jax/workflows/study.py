"""Does a study: the runs of its grids together, then its rankings, then one table and its claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any, Unpack

import pandas as pd

from intertrain_jax.claims import Verdict, judge
from intertrain_jax.config.experiment import DataConfig, ExperimentConfig
from intertrain_jax.config.refs import is_directory
from intertrain_jax.config.study import (
    ANALYSIS_FOLDER,
    STUDY_FILE,
    WORK_FOLDER,
    Setting,
    StudyConfig,
    StudyOptions,
    load_study,
)
from intertrain_jax.data.load import TaskData
from intertrain_jax.planning.status import done_and_failed
from intertrain_jax.planning.study import Member, groups_of, unite
from intertrain_jax.records.csv_text import csv_text
from intertrain_jax.records.resolution import Resolution
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.runs import Record, is_better
from intertrain_jax.records.store import write_atomic
from intertrain_jax.report.study_page import Part, study_text, write_study
from intertrain_jax.study.files import write_analysis
from intertrain_jax.study.model_ranking import Ranking
from intertrain_jax.workflows.export import export_run
from intertrain_jax.workflows.grid import Prepared, do_runs, prepare, read_tasks
from intertrain_jax.workflows.inputs import ExperimentTasks, find_tasks
from intertrain_jax.workflows.rank import rank
from intertrain_jax.workflows.rank_files import latest_ranking
from intertrain_jax.workflows.results import GridResult
from intertrain_jax.workflows.runner import Devices, Runner
from intertrain_jax.workflows.study_plan import (
    choose,
    member_of,
    merge,
    model_names,
    recorded_names,
    records_of,
    resolution_of,
    source_model,
    work_folders,
)
from intertrain_jax.workflows.study_table import rankings_table, runs_table
from intertrain_jax.workflows.watch import Watcher, watcher_of


@dataclass(frozen=True, repr=False)
class StudyResult:
    """What became of a study.

    Attributes:
        config: the study.
        grids: label → result of each of its grids.
        rankings: label → ranking.
        runs: one row per tested run of every part; see `study_table.runs_table`.
        estimates: one row per ranked model and estimator.
        verdicts: the paper's claims, and what these records show of each.
        out: the results directory.
    """

    config: StudyConfig
    grids: Mapping[str, GridResult]
    rankings: Mapping[str, Ranking]
    runs: pd.DataFrame
    estimates: pd.DataFrame
    verdicts: tuple[Verdict, ...]
    out: Path

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many runs there are, each counted once, are done, and failed."""
        every: set[str] = set()
        done: set[str] = set()
        failed: set[str] = set()
        for grid in self.grids.values():
            own_done, own_failed = done_and_failed(grid.plan, grid.stored.by_key)
            every |= grid.plan.by_id.keys()
            done |= own_done
            failed |= own_failed
        return len(every), len(done), len(failed)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The title of every claim, and what these records show of it."""
        return [(v.title, f"{v.verdict}. {v.found}".rstrip()) for v in self.verdicts]

    def __repr__(self) -> str:
        """Says how far it is."""
        runs, done, failed = self.counts
        text = f"Study {self.config.name!r}: {done:,} of {runs:,} runs done"
        text += f", {failed:,} failed" if failed else ""
        return f"{text}, {len(self.rankings):,} rankings; files in {self.out}"


def study(
    config: str | Path | Mapping[str, Any] | StudyConfig,
    *,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    retry_failed: bool = False,
    progress: bool | Watcher = False,
    runner: Runner | None = None,
    **options: Unpack[StudyOptions],
) -> StudyResult:
    """Does the grids and rankings of a study, each run once, and returns what came of them.

    Every part has a results directory of its own, in the study's, as `grid` or `rank` would leave it.
    What is done stays: the same call goes on where it was stopped.

    Args:
        config: a study, a YAML file, or the name of a bundled study.
        overrides: "key.sub=value" for all parts, "PART.key.sub=value" for one; or dotted key → value.
        retry_failed: do runs again that are recorded as failed.
        progress: whether to print lines and bars; or what takes them.
        runner: what computes; None is this process's devices.
        options: `out`, `data_dir`, `limit` and `lanes`, for all parts.

    Raises:
        IntertrainError: something does not fit.
    """
    found = config if isinstance(config, StudyConfig) else load_study(config, overrides, **options)
    return _done(_Work(found, watcher_of(progress), runner, retry_failed))


def read_study(out: str | Path) -> StudyResult:
    """Returns what lies in a study's directory, and writes its tables and its page; trains nothing.

    Raises:
        IntertrainError: there is no study.
    """
    found = load_study(Path(out) / STUDY_FILE, out=out)
    return _done(_Work(found, watcher_of(False), None, retry_failed=False, only_reads=True))


def _done(work: _Work) -> StudyResult:
    """Does what is left of a study, stage by stage."""
    found = work.study
    first: list[tuple[Setting, Sequence[str]]]
    first = [(s, ()) for s in found.grids if s.chosen is None]
    grids = work.train(work.members(first))
    later = [s for s in found.grids if s.chosen is not None]
    if later:
        chosen: list[tuple[Setting, Sequence[str]]] = []
        for setting in later:
            assert setting.chosen is not None
            base = grids[found.of(setting.chosen.part).label]
            sources = choose(setting, base.gains.loc[list(base.plan.bases[1:])])
            work.watcher.say(f"{setting.label}: its sources are {', '.join(sources)}")
            chosen.append((setting, sources))
        grids = work.train(work.members([*first, *chosen]))
    grids = {s.label: grids[s.label] for s in found.grids}
    rankings = {s.label: work.rank(s, grids) for s in found.rankings}
    return _written(found, grids, {label: x for label, x in rankings.items() if x is not None})


@dataclass
class _Work:
    """What the stages of a study share.

    Attributes:
        study: the study.
        watcher: takes what is being done.
        given: what computes, if it was given.
        retry_failed: do runs again that are recorded as failed.
        only_reads: whether nothing is trained or ranked.
        tasks: (where data come from, name) → data that were read.
    """

    study: StudyConfig
    watcher: Watcher
    given: Runner | None
    retry_failed: bool
    only_reads: bool = False
    tasks: dict[tuple[DataConfig, str], TaskData] = field(default_factory=dict)

    @property
    def runner(self) -> Runner:
        """What computes; made when it is wanted first, as that loads JAX."""
        if self.given is None:
            self.given = Devices()
        return self.given

    def members(self, wanted: Iterable[tuple[Setting, Sequence[str]]]) -> list[Member]:
        """Returns grids with their plans, as far as their ids are known.

        Args:
            wanted: grids, each with the sources that were chosen for it, if any were.
        """
        known = resolution_of(self.study)
        return [member_of(self.study, setting, known, sources) for setting, sources in wanted]

    def train(self, members: Sequence[Member]) -> dict[str, GridResult]:
        """Does the runs of grids that are not done; returns label → result."""
        records = records_of(self.study)
        found: dict[str, GridResult] = {}
        for k, group in enumerate(groups_of(members)):
            out = self.study.out_dir / (WORK_FOLDER if k == 0 else f"{WORK_FOLDER}-{k + 1}")
            if not self.only_reads and not all(self._is_known(m, records) for m in group):
                group = self._do(group, out)
                merge(records, ResultsDir(out).runs.read_all().by_key)
            known = resolution_of(self.study)
            for member in group:
                found[member.setting.label] = _hand_out(member, records, known)
        return {member.setting.label: found[member.setting.label] for member in members}

    def _is_known(self, member: Member, records: Mapping[str, Record]) -> bool:
        """Whether nothing of a grid is left to do, so that neither model nor data are needed."""
        done, failed = done_and_failed(member.plan, records)
        return len(done) + len(failed) * (not self.retry_failed) == len(member.plan.runs)

    def _do(self, group: Sequence[Member], out: Path) -> list[Member]:
        """Does the runs of grids that train together; returns the grids with their final plans."""
        first, directory = group[0].config, ResultsDir(out)
        data = {name: task for m in group for name, task in self._read(m.config).items()}
        ref = directory.resolution().pinned(first.model.ref)
        self.watcher.say(f"loading {ref.label}")
        bases = self.runner.bases(ref, data, first.protocol, first.data.cache_dir)
        self.runner.check_pretrained(ref, bases.pretrained, first.engine, first.protocol)
        prepared = [
            prepare(
                member.config,
                self.runner,
                self.watcher,
                {name: data[name] for name in find_tasks(member.config).by_name},
                bases,
            )
            for member in group
        ]
        known = reduce(Resolution.with_, (one.resolution for one in prepared))
        whole = Prepared(
            _whole(self.study.name, first, out),
            unite(self.study.name, [one.plan for one in prepared]),
            known,
            data,
            bases,
            {label: why for one in prepared for label, why in one.unusable.items()},
        )
        write_atomic(self.study.out_dir / STUDY_FILE, study_text(self.study.plain))
        with directory.exclusive() as held:
            _take_over(whole, records_of(self.study))
            do_runs(whole, held, self.watcher, self.runner, retry_failed=self.retry_failed)
        return [replace(member, plan=one.plan) for member, one in zip(group, prepared, strict=True)]

    def _read(self, config: ExperimentConfig) -> dict[str, TaskData]:
        """Reads the tasks of a grid that were not read for another one."""
        named = find_tasks(config).by_name
        new = {name: task for name, task in named.items() if (config.data, name) not in self.tasks}
        read = read_tasks(config, ExperimentTasks(new, (), ()), self.watcher)
        self.tasks |= {(config.data, name): task for name, task in read.items()}
        return {name: self.tasks[config.data, name] for name in named}

    def rank(self, setting: Setting, grids: Mapping[str, GridResult]) -> Ranking | None:
        """Returns a ranking, of a grid's source models where it is of these; None if there is none."""
        models = model_names(self.study, setting)
        config, gains = setting.ranking(self.study.out_dir, models), None
        if ResultsDir(config.out_dir).ranking() is not None:
            made = setting.ranking(self.study.out_dir, recorded_names(self.study, setting))
            known, _ = latest_ranking(made, config.out_dir)
            status = set(known.table["status"])
            again = "missing" in status or (self.retry_failed and "failed" in status)
            if self.only_reads or not again:
                return known
        if self.only_reads:
            return None
        if setting.of is not None:
            base = grids[self.study.of(setting.of).label]
            gains = base.out / ANALYSIS_FOLDER / "gains.csv"
            self._write_models(base, models)
        self.watcher.say(f"ranking for {setting.label}")
        found = rank(
            config,
            gains=gains,
            retry_failed=self.retry_failed,
            progress=self.watcher,
            runner=self.runner,
        )
        return found.ranking

    def _write_models(self, grid: GridResult, folders: Sequence[str]) -> None:
        """Writes the source models of seed 0 that are not written yet, each to its folder."""
        makers = {
            run.target: run
            for run in grid.plan.runs
            if run.seed == 0 and grid.plan.dependants(run.id)
        }
        missing = [folder for folder in folders if not is_directory(folder)]
        places = work_folders(self.study) if missing else []
        recorded = {place: ResultsDir(place).runs.read_all().by_key for place in places}
        for folder in missing:
            run = makers[Path(folder).name]
            kept = (place for place, records in recorded.items() if run.id in records)
            export_run(grid.out, run.id, folder, kept_in=next(kept, None))


def _whole(name: str, first: ExperimentConfig, out: Path) -> ExperimentConfig:
    """Returns what stands for all grids that train together where one experiment is wanted."""
    return replace(
        first,
        name=name,
        out=str(out),
        sources=(),
        source_protocol={},
        model=replace(first.model, bases=()),
    )


def _take_over(whole: Prepared, records: Mapping[str, Record]) -> None:
    """Writes what other directories of the study have of the runs to do, where there is none yet."""
    directory = ResultsDir(whole.config.out_dir)
    directory.write(whole.config, whole.resolution)
    known = directory.runs.read_all().by_key
    for run in whole.plan.runs:
        record = records.get(run.id)
        missing = record is not None and is_better(record.result, known.get(run.id))
        if record is not None and record.result is not None and missing:
            directory.runs.write(record)


def _hand_out(member: Member, records: Mapping[str, Record], known: Resolution) -> GridResult:
    """Returns the result of a grid, whose directory gets the records that it has not got.

    Args:
        member: the grid.
        records: run id → record, of all directories of the study.
        known: what names in it are known to be.
    """
    directory = ResultsDir(member.config.out_dir)
    with directory.exclusive():
        directory.write(member.config, known)
        stored = directory.runs.read_all()
        for run in member.plan.runs:
            record, own = records.get(run.id), stored.by_key.get(run.id)
            if record is None or not is_better(record.result, own):
                continue
            # What it starts from may have another name in the grid that did it.
            record = replace(record, kind=run.kind, base=run.base)
            if record != own:
                directory.runs.write(record)
                stored.by_key[run.id] = record
        result = GridResult(member.config, member.plan, stored, directory.path)
        write_analysis(directory.path / ANALYSIS_FOLDER, result.analysis, stored.by_key)
    return result


def _written(
    study: StudyConfig, grids: Mapping[str, GridResult], rankings: Mapping[str, Ranking]
) -> StudyResult:
    """Writes the tables and the page of a study, and returns its result."""
    settings = {setting.label: setting for setting in study.settings}
    members = [Member(settings[label], grid.config, grid.plan) for label, grid in grids.items()]
    records = {key: record for grid in grids.values() for key, record in grid.stored.by_key.items()}
    runs = runs_table(members, records)
    ranked: list[tuple[Setting, str, str | None, Ranking]] = []
    names: dict[str, str] = {}
    for label, ranking in rankings.items():
        setting = settings[label]
        folders = model_names(study, setting)
        made = set(map(source_model, folders))
        names |= {m: Path(m).name for m in ranking.table["model"] if source_model(m) in made}
        config = setting.ranking(study.out_dir, folders)
        ranked.append((setting, config.task, config.pretrained, ranking))
    estimates = rankings_table(ranked, names)
    out = study.out_dir
    verdicts = judge(runs, estimates if len(estimates) else None)
    result = StudyResult(study, grids, rankings, runs, estimates, verdicts, out)
    write_atomic(out / ANALYSIS_FOLDER / "runs.csv", csv_text(runs))
    write_atomic(out / ANALYSIS_FOLDER / "rankings.csv", csv_text(estimates))
    parts = [Part(label, len(g.plan.runs), *g.counts) for label, g in grids.items()]
    write_study(out, study.name, result.counts, parts, verdicts)
    return result
