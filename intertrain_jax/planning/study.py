"""The plan of a study: the runs of several grids as one, in which each run is done once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.config.study import Setting
from intertrain_jax.planning.plan import Plan, Run, sort_runs


@dataclass(frozen=True)
class Member:
    """A grid of a study.

    Attributes:
        setting: what the study says of it.
        config: the experiment.
        plan: its runs.
        stands_in: its sources, where they only hold the places of those that a part will choose.
    """

    setting: Setting
    config: ExperimentConfig
    plan: Plan
    stands_in: tuple[str, ...] = ()


def shared_key(config: ExperimentConfig) -> Hashable:
    """Returns what grids have in common that train together: model, tasks, how they are read and run."""
    rules, ref = config.protocol, config.model.ref
    return str(
        (
            (ref.reference, ref.revision),
            (rules.max_length, rules.text, rules.precision),
            (config.data, config.engine, config.tasks),
        )
    )


def groups_of(members: Sequence[Member]) -> list[list[Member]]:
    """Returns the grids that train together, in order."""
    groups: dict[Hashable, list[Member]] = {}
    for member in members:
        groups.setdefault(shared_key(member.config), []).append(member)
    return list(groups.values())


def unite(name: str, plans: Sequence[Plan]) -> Plan:
    """Returns one plan of several: runs of one id are one run, tested if any of them is.

    Args:
        name: of the whole.
        plans: of grids that train together.
    """
    runs: dict[str, Run] = {}
    tested: set[str] = set()
    for plan in plans:
        for run in plan.runs:
            runs.setdefault(run.id, run)
        tested |= {run.id for run in plan.matrix_runs}
    return Plan(
        name,
        sort_runs(runs.values()),
        tuple(dict.fromkeys(base for plan in plans for base in plan.bases)),
        tuple(dict.fromkeys(target for plan in plans for target in plan.targets)),
        max((plan.seeds for plan in plans), default=0),
        frozenset(runs.keys() - tested),
    )
