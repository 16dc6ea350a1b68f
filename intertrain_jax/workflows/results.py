"""What workflows return: a grid's and a ranking's results as tables, and where their files are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EXPERIMENT_FILE, ExperimentConfig
from intertrain_jax.config.formats import is_file
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.planning.plan import PRETRAINED, Plan, build_plan
from intertrain_jax.planning.status import done_and_failed
from intertrain_jax.records.probes import ProbeRecord
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.runs import Runs
from intertrain_jax.study.analyse import analyse_study
from intertrain_jax.study.files import Analysis, flat_record
from intertrain_jax.study.inputs import Study
from intertrain_jax.study.model_ranking import Ranking
from intertrain_jax.study.result import Result
from intertrain_jax.workflows.inputs import find_tasks
from intertrain_jax.workflows.studies import analyse_plan, study_of_plan

if TYPE_CHECKING:
    from intertrain_jax.engine.recording import GridProgress
    from intertrain_jax.probe.ranker import RankProgress

KEY = ["base", "target", "seed"]


@dataclass(frozen=True, repr=False)
class GridResult:
    """An experiment and what its runs came to, as far as they are done.

    Attributes:
        config: the experiment.
        plan: its runs.
        stored: their records, and files that are no record.
        out: the results directory.
        progress: what this call did; None where there was nothing to do.
    """

    config: ExperimentConfig
    plan: Plan
    stored: Runs
    out: Path
    progress: GridProgress | None = None

    @cached_property
    def analysis(self) -> Analysis:
        """Scores and gains of the plan's runs."""
        return analyse_plan(self.plan, self.stored)

    @cached_property
    def study(self) -> Study:
        """What `analyze` analyses."""
        return study_of_plan(self.config, self.analysis, self.stored)

    @cached_property
    def result(self) -> Result:
        """Every statistic that the gains allow."""
        return analyse_study(self.study)

    @property
    def gains(self) -> pd.DataFrame:
        """Mean gains in points: rows base models, columns targets; NaN where a cell has none."""
        return self.analysis.gains.mean

    @property
    def gains_std(self) -> pd.DataFrame:
        """Standard deviations over seeds of the gains, in points."""
        return self.analysis.gains.std

    @property
    def scores(self) -> pd.DataFrame:
        """Test and validation scores in percent of the runs that are done, by base, target and seed."""
        done = self.records[self.records["status"] == "done"]
        return done[[c for c in ("test", "validation", "metric") if c in done]]

    @cached_property
    def records(self) -> pd.DataFrame:
        """Every run of the plan that has a record, by base, target and seed."""
        rows = [
            flat_record(self.stored.by_key[run.id])
            for run in self.plan.runs
            if run.id in self.stored.by_key
        ]
        columns = None if rows else [*KEY, "status", "reason", "test", "validation"]
        return pd.DataFrame(rows, columns=columns).set_index(KEY).sort_index()

    @property
    def failed(self) -> pd.DataFrame:
        """The runs that failed, each with its reason, by base, target and seed."""
        return self.records.loc[self.records["status"] == "failed", ["reason"]]

    @property
    def counts(self) -> tuple[int, int]:
        """How many runs are done, and how many failed."""
        done, failed = done_and_failed(self.plan, self.stored.by_key)
        return len(done), len(failed)

    def __repr__(self) -> str:
        """Says how far it is, and shows the gains."""
        return f"{self._title()}\n{self.gains.round(2).to_string()}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._title())}</p>{self.gains.round(2).to_html()}"

    def _title(self) -> str:
        done, failed = self.counts
        title = f"Grid {self.config.name!r}: {done:,} of {len(self.plan.runs):,} runs done"
        if failed:
            title += f", {failed:,} failed"
        if self.config.data.limit is not None:
            title += f", test only ({self.config.data.limit} rows per split)"
        return f"{title}. Gains in points over {PRETRAINED}; files in {self.out}"


@dataclass(frozen=True, repr=False)
class RankResult:
    """Ranked models.

    Attributes:
        config: the ranking.
        ranking: the models by their probe.
        stored: label → record of each that has one.
        correlations: of estimators with finetuning gains; None where no gains are known.
        out: the results directory.
        progress: what this call did; None where there was nothing to do.
    """

    config: RankConfig
    ranking: Ranking
    stored: Mapping[str, ProbeRecord]
    correlations: pd.DataFrame | None
    out: Path
    progress: RankProgress | None = None

    @property
    def table(self) -> pd.DataFrame:
        """One row per model, the best first: rank with interval, score in percent, gain, estimates."""
        return self.ranking.table

    @property
    def failed(self) -> pd.DataFrame:
        """The models that could not be ranked, each with its reason."""
        table = self.ranking.table
        return table.loc[table["status"] == "failed", ["model", "reason"]].set_index("model")

    def __repr__(self) -> str:
        """Says how far it is, and shows the best models."""
        return f"{self._title()}\n{self._best().to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._title())}</p>{self._best().to_html(index=False)}"

    def _best(self) -> pd.DataFrame:
        columns = ["rank", "rank_low", "rank_high", "model", "score", "gain"]
        return self.ranking.ranked[[c for c in columns if c in self.ranking.ranked]].head(10)

    def _title(self) -> str:
        title = f"Ranking on {self.config.task!r}: {len(self.ranking.ranked):,} of"
        title += f" {len(self.config.refs):,} models ranked"
        if len(self.failed):
            title += f", {len(self.failed):,} failed"
        return f"{title}. Scores in percent; files in {self.out}"


def read_grid(out: Path) -> GridResult:
    """Returns the experiment that lies in a results directory, whatever it was called when it ran.

    Raises:
        IntertrainError: there is none.
    """
    if not out.exists():
        raise IntertrainError(
            f"{str(out)!r} is neither a file nor a results directory, seen from {str(Path.cwd())!r}."
            " Correct the path."
        )
    directory = ResultsDir(out)
    config = directory.experiment() if is_file(out / EXPERIMENT_FILE) else None
    if config is None:
        raise IntertrainError(
            f"results directory {str(out)!r} must hold an experiment, but there is none."
            " Correct the path, or run `intertrain-jax grid` first."
        )
    tasks = find_tasks(config)
    plan = build_plan(config, tasks.sources, tasks.targets, directory.resolution())
    return GridResult(config, plan, directory.runs.read_all(), out)


def read_finished(out: Path) -> GridResult:
    """Returns the experiment that lies in a results directory, if there is anything to analyse.

    Raises:
        IntertrainError: there is none, or no gain is known.
    """
    return with_gains(
        read_grid(out),
        f"results directory {str(out)!r}",
        f"`intertrain-jax status --out {out}` says why",
    )


def with_gains(grid: GridResult, name: str, why: str) -> GridResult:
    """Returns a grid that has a gain.

    Args:
        grid: done or not.
        name: what to call it.
        why: where the reader learns why gains are missing.

    Raises:
        IntertrainError: it has none.
    """
    if grid.gains.empty:
        raise IntertrainError(
            f"{name} must have base models besides {PRETRAINED}, but its grid is of baselines only."
            " Give it sources, or further base models."
        )
    if grid.gains.isna().all(axis=None):
        raise IntertrainError(
            f"{name} must have a gain in at least one cell, but all {grid.study.cells} are missing:"
            f" {why}."
        )
    return grid
