"""What a grid will do and cost, before anything is downloaded or written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.planning.estimates import Estimate, encoder_parameters, estimate
from intertrain_jax.planning.plan import Plan
from intertrain_jax.planning.rates import achieved_rate, expected_rate
from intertrain_jax.planning.status import done_and_failed
from intertrain_jax.planning.status import explain as explain_runs
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.report.plan import plan_lines
from intertrain_jax.workflows.inputs import offline_sizes, plan_offline, unseen_data
from intertrain_jax.workflows.own import GridOptions, experiment_of


@dataclass(frozen=True, repr=False)
class PlanResult:
    """A plan and its cost.

    Attributes:
        config: the experiment.
        plan: its runs.
        cost: of the runs that are not done.
        done, failed: runs that have a record.
    """

    config: ExperimentConfig
    plan: Plan
    cost: Estimate
    done: int
    failed: int

    def explain(self, what: str) -> list[str]:
        """Returns why a run is pending.

        Args:
            what: its id, BASE:TARGET or BASE:TARGET:SEED; BASE may be PT.

        Raises:
            IntertrainError: the plan has no such run.
        """
        records = ResultsDir(self.config.out_dir).runs.read_all()
        return explain_runs(self.plan, records.by_key, what)

    @property
    def lines(self) -> list[str]:
        """Counts, tokens and hours, in words, and what they could not be measured by."""
        lines = plan_lines(self.plan, self.cost, self.done, self.failed)
        return lines + unseen_data([self.config])

    def __repr__(self) -> str:
        """Says it in words."""
        return "\n".join(self.lines)


def plan(
    config: str | Path | ExperimentConfig = "quickstart",
    *,
    overrides: Mapping[str, Any] | Sequence[str] = (),
    **options: Unpack[GridOptions],
) -> PlanResult:
    """Plans a grid without network, data or JAX.

    Args:
        config: an experiment, a YAML file, or the name of a bundled experiment.
        overrides: dotted key → value, or "key.sub=value" each.
        options: as of `grid`.

    Raises:
        IntertrainError: the experiment is not valid.
    """
    config, _ = experiment_of(config, overrides, **options)
    planned = plan_offline(config)
    done, failed = done_and_failed(planned, ResultsDir(config.out_dir).runs.read_all().by_key)
    parameters = encoder_parameters(config.model.ref.reference)
    cost = estimate(planned, done, offline_sizes(config), parameters)
    if parameters is not None:
        known = achieved_rate(parameters, config.data.cache_dir)
        rate = known or expected_rate(parameters)
        cost = replace(cost, cpu_rate=rate, achieved=known is not None)
    return PlanResult(config, planned, cost, len(done), len(failed))
