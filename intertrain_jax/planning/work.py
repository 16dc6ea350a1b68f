"""What a grid asks of the engine: a plan, the tasks that runs read, and a way to load base models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.planning.plan import Plan, Run
from intertrain_jax.records.runs import RunResult

# A run that ended, and its result or the reason why it has none.
Emit = Callable[[Run, RunResult | None, str | None], None]


def task_key(task: str, base: str | None = None) -> str:
    """Returns what a task is called in the tokens of a base model; None is the pretrained model."""
    return task if base is None else f"{task}@{base}"


@dataclass(frozen=True)
class GridWork:
    """What a grid asks of the engine.

    Attributes:
        plan: all runs of the experiment that can be done, also those done before (they decide the
            shapes of blocks).
        done: ids of those that have a valid record.
        tasks: every task by `task_key`: in the pretrained model's tokens, and once more for each base
            model that has tokens of its own.
        pretrained: reference of the pretrained model.
        load: reference of a base model → that model; called when a run of it is about to start.
        options: lanes, devices, checkpoints.
        out: the experiment's directory; `checkpoints/` is made in it.
    """

    plan: Plan
    done: set[str]
    tasks: Mapping[str, EncodedTask]
    pretrained: str
    load: Callable[[str], Any]
    options: EngineConfig
    out: Path

    def key_of(self, run: Run) -> str:
        """Returns the key of the task that a run reads, in the tokens of its base model."""
        own = task_key(run.target, run.base.model)
        return own if own in self.tasks else run.target
