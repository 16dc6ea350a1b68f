"""Does the runs that a search asks for: a grid that grows, within its hours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.config.formats import read_json
from intertrain_jax.data.load import TaskData
from intertrain_jax.planning.plan import PRETRAINED, Run
from intertrain_jax.recommendation.candidates import Candidates
from intertrain_jax.recommendation.search import Outcome, Search
from intertrain_jax.records.hold import Hold
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.runs import Record
from intertrain_jax.records.store import write_atomic
from intertrain_jax.workflows.export import forget_models
from intertrain_jax.workflows.grid import Prepared, do_runs, prepare
from intertrain_jax.workflows.runner import Runner
from intertrain_jax.workflows.watch import Display, Watcher, duration

if TYPE_CHECKING:
    from intertrain_jax.engine.recording import GridProgress

SPENT_FILE = "spent.json"
_NOTE_SECONDS = 5.0
# Lanes in turn where memory is not asked: as many as the first of a ranking.
_LANES = 4


class OutOfTimeError(KeyboardInterrupt):
    """The hours are over; the engine saves the runs in flight as for any other interruption."""


@dataclass
class Hours:
    """What was spent so far, by all calls, and what may be.

    Attributes:
        file: that keeps it.
        most: seconds; None is no bound.
        before: seconds of earlier calls.
        computing: seconds of training, compilation aside, of all calls.
        runs: that were trained in them.
    """

    file: Path
    most: float | None
    before: float = 0.0
    computing: float = 0.0
    runs: int = 0

    def __post_init__(self) -> None:
        self._began = self._noted = monotonic()
        try:
            kept = read_json(self.file)
            self.before, self.computing = float(kept["seconds"]), float(kept["computing"])
            self.runs = int(kept["runs"])
        except (IntertrainError, OSError, KeyError, TypeError, ValueError):
            return

    @property
    def spent(self) -> float:
        """Seconds, those of this call too."""
        return self.before + monotonic() - self._began

    @property
    def each(self) -> float | None:
        """Seconds that a run takes; None while none was done."""
        return self.computing / self.runs if self.runs else None

    @property
    def left(self) -> float:
        """Seconds that may still be spent."""
        return float("inf") if self.most is None else self.most - self.spent

    def add(self, progress: GridProgress | None) -> None:
        """Takes in what the engine did."""
        if progress is not None:
            self.computing += max(0.0, progress.seconds - progress.compile_seconds)
            self.runs += progress.done + progress.failed
        self.note()

    def tick(self) -> None:
        """Keeps account while the engine works.

        Raises:
            OutOfTimeError: the hours are over.
        """
        if monotonic() - self._noted > _NOTE_SECONDS and self.file.parent.is_dir():
            self.note()
        if self.left < 0:
            raise OutOfTimeError

    def note(self) -> None:
        """Writes the account down."""
        self._noted = monotonic()
        account = {"seconds": self.spent, "computing": self.computing, "runs": self.runs}
        write_atomic(self.file, json.dumps(account) + "\n")


class _Watched:
    """Passes on bars and new warnings, no lines of the many small grids; looks at the clock."""

    def __init__(self, watcher: Watcher, hours: Hours) -> None:
        self._watcher, self._hours = watcher, hours
        self._warned: set[str] = set()

    def say(self, text: str) -> None:
        """Leaves it."""

    def warn(self, text: str) -> None:
        """Passes on what was not said before."""
        if text not in self._warned:
            self._warned.add(text)
            self._watcher.warn(text)

    @contextmanager
    def display(self, noun: str) -> Iterator[Display]:
        """Shows what is being done."""
        with self._watcher.display(noun) as shown:
            yield _Clocked(shown, self._hours)


class _Clocked:
    def __init__(self, shown: Display, hours: Hours) -> None:
        self._shown, self._hours = shown, hours

    def show(self, now: float, ended: int, total: int, text: Callable[[], str]) -> None:
        self._shown.show(now, ended, total, text)
        self._hours.tick()


class Searching:
    """A search and the results directory in which its runs are done.

    Args:
        config: the grid of the pretrained model alone on the target.
        data: the target's.
        candidates: what is chosen from.
        search: not begun.
        hours: what may be spent.
        runner: what computes.
        watcher: takes what is being done.
        final_seed: of the run whose weights are wanted; None is every model's best.

    Attributes:
        records: (model, seed) → record of the runs that were taken in.
        prepared: the grid of what was asked for so far.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        data: TaskData,
        candidates: Candidates,
        search: Search,
        hours: Hours,
        runner: Runner,
        watcher: Watcher,
        final_seed: int | None = None,
    ) -> None:
        self._candidates, self._search, self._hours = candidates, search, hours
        self._final_seed = final_seed
        self._data = {data.task.name: data}
        self._runner, self._watcher = runner, watcher
        self._quiet = _Watched(watcher, hours)
        self._directory = ResultsDir(config.out_dir)
        self.records: dict[tuple[int, int], Record] = {}
        self._engine = config.engine
        self.prepared: Prepared
        self._prepare(replace(config, engine=replace(config.engine, keep="all")))

    def label(self, model: int) -> str:
        """Returns the name of a model's row: PT, or its reference."""
        return PRETRAINED if model < 0 else self._candidates.models[model]

    def run(self, held: Hold) -> str:
        """Decides, runs, and decides again until it ends; returns why it did.

        Args:
            held: the results directory, which is this process's.

        Raises:
            IntertrainError: the hours are over before a run of the pretrained model is done.
        """
        said = 0
        while True:
            wanted = self._search.advance(self._outcome)
            for taken in self._search.taken[said:]:
                best = self.label(taken.best)
                more = "" if taken.best < 0 else f" {taken.gain:+.2f} ±{1.96 * taken.sd:.2f}"
                self._watcher.say(
                    f"{self.label(taken.model)}, seed {taken.seed}: validation {taken.score:.2f};"
                    f" best so far {best}{more}"
                )
            said = len(self._search.taken)
            if not wanted:
                return self._search.why
            wanted, why = self._within_hours(wanted)
            if not why:
                why = self._do(wanted, held)
            if why:
                if not self._search.count(-1):
                    raise IntertrainError(
                        f"a run of the pretrained model must end within --max-hours, but {why}. What is"
                        " done of it is kept: the same command with more hours goes on from there; or"
                        " train on less: --set protocol.train_size=N, in another --out."
                    )
                return why

    def run_of(self, model: int, seed: int) -> Run:
        """Returns the run of a model and a seed, with its final id."""
        self._cover([(model, seed)])
        label = self.label(model)
        return next(
            run for run in self.prepared.plan.runs if (run.base.label, run.seed) == (label, seed)
        )

    def _outcome(self, model: int, seed: int) -> Outcome:
        run = self.run_of(model, seed)
        record = self._directory.runs.read_all().by_key.get(run.id)
        if record is None:
            return self.prepared.unusable.get(run.base.label)
        if record.result is None:
            return record.reason or "It failed."
        self.records[model, seed] = record
        return record.result.validation

    def _cover(self, wanted: Sequence[tuple[int, int]]) -> None:
        """Makes the grid as large as some runs need it."""
        config = self.prepared.config
        known = config.model.bases
        new = [self.label(m) for m, _ in wanted if m >= 0 and self.label(m) not in known]
        bases = (*known, *dict.fromkeys(new))
        seeds = max([config.seeds, *(seed + 1 for _, seed in wanted)])
        if (bases, seeds) != (known, config.seeds):
            self._prepare(replace(config, model=replace(config.model, bases=bases), seeds=seeds))

    def _prepare(self, config: ExperimentConfig) -> None:
        self.prepared = prepare(config, self._runner, self._quiet, self._data)

    def _within_hours(self, wanted: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], str]:
        """Returns how many of some runs there is time for; where there is for none, why."""
        hours = self._hours
        if hours.most is None:
            return wanted, ""
        said = f"{hours.most / 3600:g} hours"
        if hours.left <= 0:
            return [], f"the {said} are spent"
        if hours.each is None:
            return wanted[:1], ""  # which says how long one takes
        count = int(hours.left // hours.each)
        if count < 1:
            return [], (
                f"a run takes about {duration(hours.each)}, and of the {said}"
                f" {duration(hours.left)} are left"
            )
        return wanted[:count], ""

    def _do(self, wanted: list[tuple[int, int]], held: Hold) -> str:
        """Does runs side by side; returns why they were stopped, if they were.

        Raises:
            IntertrainError: none of them left a record that can be read.
        """
        self._cover(wanted)
        names = ", ".join(f"{self.label(model)} (seed {seed})" for model, seed in wanted)
        self._watcher.say(f"training {names}")
        self._share_lanes(len(wanted))
        ids = {self.run_of(model, seed).id for model, seed in wanted}
        try:
            done = do_runs(self.prepared, held, self._quiet, self._runner, wanted=ids)
        except OutOfTimeError:
            self._hours.note()
            return f"the {(self._hours.most or 0.0) / 3600:g} hours are spent"
        self._hours.add(done.progress)
        if all(self._outcome(model, seed) is None for model, seed in wanted):
            where = str(self._directory.path)
            raise IntertrainError(  # or it would be done again for ever
                f"training {names} must leave a record in {where!r}, but none can be read. See what"
                f" `intertrain-jax doctor {where}` says."
            )
        self._forget()
        return ""

    def _share_lanes(self, runs: int) -> None:
        """Lets runs take turns in lanes of one program, which is compiled once for the search."""
        if (self._engine.fuse, self._engine.lanes) != ("auto", "auto"):
            return
        on_cpu = "cpu" in self._runner.environment(self._engine).get("device", "")
        config = self.prepared.config
        # On a processor "auto" asks how much memory there is.
        engine = replace(config.engine, fuse=1)
        if not on_cpu:
            engine = replace(engine, lanes=min(runs, _LANES))
        self.prepared = replace(self.prepared, config=replace(config, engine=engine))

    def _forget(self) -> None:
        """Deletes weights that will not be given: of every model the best run's are enough."""
        best: dict[int, tuple[bool, float, int, str]] = {}
        stored = self._directory.runs.read_all().by_key
        labels = {self.label(m): m for m in range(-1, len(self._candidates.models))}
        for run in self.prepared.plan.runs:
            record = stored.get(run.id)
            if record is not None and record.result is not None:
                wanted = self._final_seed in (None, run.seed)
                mine = (wanted, record.result.validation, -run.seed, run.id)
                model = labels[run.base.label]
                best[model] = max(best.get(model, mine), mine)
        forget_models(self._directory.path, {run for *_, run in best.values()})
