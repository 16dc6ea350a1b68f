"""What a grid asks of the engine: a plan, its base models, and the tasks that runs read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.encoded import EncodedTask, TaskKey
from intertrain_jax.planning.plan import Plan, Run
from intertrain_jax.records.results import RunResult

# A run that ended, and its result or the reason why it has none.
Emit = Callable[[Run, RunResult | None, str | None], None]


class BaseModel(Protocol):
    """What is known of a base model that can be used, its weights not being held."""

    @property
    def commit(self) -> str | None:
        """Of a model off the hub."""

    @property
    def config(self) -> Any:
        """Its shape and dropout rates."""

    @property
    def identity(self) -> str:
        """Hash of weights and tokenizer: both decide scores."""

    @property
    def tokens(self) -> str:
        """Id of the tokens that it reads."""


class Bases(Protocol):
    """The base models of a grid; `engine.bases.BaseModels` is the real one."""

    @property
    def pretrained(self) -> BaseModel:
        """The pretrained model.

        Raises:
            IntertrainError: it cannot be used.
        """

    def look(self, ref: ModelRef) -> BaseModel:
        """Returns what is known of a base model.

        Raises:
            IntertrainError: it cannot be used; says why.
        """

    def load(self, ref: ModelRef) -> Any:
        """Returns a base model's weights; called when a run of it starts.

        Raises:
            IntertrainError: they cannot be had any more.
        """

    def expect(self, refs: Iterable[ModelRef]) -> None:
        """Begins to load base models that will be asked for next, a few of them."""

    def tasks(self, plan: Plan) -> dict[TaskKey, EncodedTask]:
        """Returns every task of a plan in the tokens of every base model that is to do it."""

    def close(self) -> None:
        """Lets all weights go."""


def ref_of(run: Run) -> ModelRef:
    """Returns the base model that a run starts from, or that its source run started from."""
    return ModelRef(run.base.reference, run.base.revision)


@dataclass(frozen=True)
class GridWork:
    """What a grid asks of the engine.

    Attributes:
        plan: all runs of the experiment that can be done, also those done before (they decide the
            shapes of blocks).
        done: ids of those that have a valid record.
        bases: base models of all these runs, each of which can be used.
        tasks: every task in the tokens of every base model, as `bases.tasks(plan)` gives them.
        options: lanes, devices, checkpoints.
        out: the experiment's directory; `checkpoints/` is made in it.
    """

    plan: Plan
    done: Set[str]
    bases: Bases
    tasks: Mapping[TaskKey, EncodedTask]
    options: EngineConfig
    out: Path

    def key_of(self, run: Run) -> TaskKey:
        """Returns the key of the task that a run reads, in the tokens of its base model."""
        return self.bases.look(ref_of(run)).tokens, run.target
