"""What the driver and its workers say to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.data.encoded import EncodedTask, TaskKey
from intertrain_jax.data.load import TaskData
from intertrain_jax.engine.held import BaseModel
from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.planning.plan import Plan, Run
from intertrain_jax.planning.queue import Effort
from intertrain_jax.probe.ranker import Outcome, RankProgress
from intertrain_jax.records.results import RunResult

Tree = Any


@dataclass(frozen=True)
class Setup:
    """What all runs of a grid have in common, put once on every node.

    Attributes:
        plan: one run of every kind, for the driver to know what such a run takes, and the pretrained
            model's; blocks have their shapes by the tasks.
        bases: of these runs, the pretrained model first.
        tasks: in the tokens of every base model.
        options: of a worker's engine.
        texts: whether all of a text-to-text model is used.
        runs: that a worker may expect to do.
        shared: folder of the source models where workers read them themselves; None where the driver
            sends them.
    """

    plan: Plan
    bases: tuple[BaseModel, ...]
    tasks: dict[TaskKey, EncodedTask]
    options: EngineConfig
    texts: bool
    runs: int
    shared: str | None


@dataclass(frozen=True)
class Place:
    """Where a worker is.

    Attributes:
        node: host name.
        process: its id there.
        environment: versions and device, as records have them.
        precision: what "auto" means there.
    """

    node: str
    process: int
    environment: dict[str, str]
    precision: str


@dataclass(frozen=True)
class Hello:
    """What a worker says when it is ready for a grid.

    Attributes:
        place: where it is.
        lanes: runs that it trains at once.
        fused: of these, those that are advanced together and share a block shape.
        efforts: of the plan's runs, by id.
    """

    place: Place
    lanes: int
    fused: int
    efforts: dict[str, Effort]


@dataclass(frozen=True)
class Assignment:
    """A run for a worker.

    Attributes:
        run: to be done.
        base: the base model that it starts from, or its source run did.
        tested: whether anybody reads its test score.
        wanted: whether its weights are.
        source: reference of its source model, or nothing.
        lane: reference of what was kept of it in flight, or nothing.
    """

    run: Run
    base: BaseModel
    tested: bool
    wanted: bool
    source: Any = None
    lane: Any = None


@dataclass(frozen=True)
class Ranking:
    """What all models of a ranking have in common, put once on every node.

    Attributes:
        config: the ranking.
        protocol: of the probe, precision resolved.
        data: of the task.
        downloads: where models go that are deleted after use; None keeps them.
        architectures: hashes, of the models that were ranked before.
        shape: that models must have, where it is known.
    """

    config: RankConfig
    protocol: Protocol
    data: TaskData
    downloads: str | None
    architectures: tuple[str, ...]
    shape: AnyConfig | None


@dataclass(frozen=True)
class Probing:
    """What a worker says of the models that it probes.

    Attributes:
        turns: programs that it called so far: as long as they grow it is alive.
        progress: with these models.
        outcomes: what became of each, without what the driver has itself; None while it is not done.
    """

    turns: int = 0
    progress: RankProgress = field(default_factory=RankProgress)
    outcomes: tuple[Outcome, ...] | None = None


@dataclass(frozen=True)
class Mail:
    """What the driver says.

    Attributes:
        runs: to be done.
        last: whether there will be none after these.
        leave: whether runs in flight are to be handed over now.
    """

    runs: tuple[Assignment, ...] = ()
    last: bool = False
    leave: bool = False


@dataclass(frozen=True)
class Ended:
    """A run that ended: its result or why it has none, and its weights if they are wanted."""

    run: str
    result: RunResult | None
    reason: str | None
    weights: Tree = None


@dataclass(frozen=True)
class Saved:
    """A run in flight: what goes on from there, as `Checkpoints.save_lane` takes it."""

    run: str
    step: int
    state: Tree
    host: dict[str, Any]


@dataclass(frozen=True)
class SourceLost:
    """A run that could not start, as its source model cannot be used."""

    run: str
    reason: str


News = Ended | Saved | SourceLost


@dataclass(frozen=True)
class Report:
    """What a worker says.

    Attributes:
        news: since the last report, in order.
        turns: of its loop, so far: as long as they grow it is alive.
        progress: of its loop, without runs.
        running: ids of the runs in its lanes.
        closed: whether its loop has ended, in good order.
        error: the error that ended its loop; None if none did.
        refused: whether that is the user's to mend, so that no other worker is asked.
    """

    news: tuple[News, ...] = ()
    turns: int = 0
    progress: GridProgress = field(default_factory=GridProgress)
    running: tuple[str, ...] = ()
    closed: bool = False
    error: str | None = None
    refused: bool = False
