"""The one seam between workflows and what computes: JAX is imported behind it, tests put a fake here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from intertrain_jax.cluster.address import Wanted
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.config.protocol import Precision
from intertrain_jax.config.protocol import Protocol as RunProtocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.data.load import TaskData
from intertrain_jax.planning.work import BaseModel, Bases, Emit, GridWork
from intertrain_jax.records.results import RunResult

if TYPE_CHECKING:
    from intertrain_jax.engine.recording import GridProgress
    from intertrain_jax.probe.ranker import Outcome, RankProgress


class RankingRun(Protocol):
    """A ranking that is ready to probe models."""

    def require(self, ref: ModelRef) -> None:
        """Checks that there is a model without which the ranking makes no sense.

        Raises:
            IntertrainError: it cannot be probed; says why.
        """

    def run(
        self,
        refs: Sequence[ModelRef],
        emit: Callable[[Sequence[Outcome]], None],
        watch: Callable[[RankProgress], None],
    ) -> RankProgress:
        """Probes models one after another, and gives each outcome to `emit`."""


class Runner(Protocol):
    """What computes."""

    def bases(
        self,
        pretrained: ModelRef,
        data: Mapping[str, TaskData],
        protocol: RunProtocol,
        cache_dir: str | None,
    ) -> Bases:
        """Returns the base models of a grid, none of which has been looked at.

        Args:
            pretrained: the pretrained model.
            data: of every task of the grid.
            protocol: that all runs share.
            cache_dir: root of the caches; None for the default.
        """

    def check_pretrained(
        self, ref: ModelRef, model: BaseModel, options: EngineConfig, protocol: RunProtocol
    ) -> None:
        """Checks that a pretrained model, the protocol and the devices fit each other.

        Raises:
            IntertrainError: they do not.
        """

    def resolve_precision(self, precision: Precision) -> Precision:
        """Returns what "auto" means here."""

    def environment(self, options: EngineConfig | None = None) -> dict[str, str]:
        """Returns versions and devices, for records, and what a grid's options make of them."""

    def run_grid(self, work: GridWork, emit: Emit, watch: Callable[[Any], None]) -> GridProgress:
        """Does every run that is not done; `emit` is called once for each that ends."""

    def ranking(
        self,
        config: RankConfig,
        protocol: RunProtocol,
        data: TaskData,
        out: Path,
        architectures: Collection[str],
    ) -> RankingRun:
        """Returns a ranking that can be run.

        Args:
            config: the ranking.
            protocol: of the probe, precision resolved.
            data: of the task.
            out: the results directory.
            architectures: hashes, of the models that were ranked there before.
        """

    def head_result(self, head: Any, task: EncodedTask, train: int) -> RunResult | None:
        """Returns what a record keeps of a head; None where it has no score."""


@contextmanager
def runner_of(given: Runner | None, workers: Wanted | None) -> Iterator[Runner]:
    """Gives what computes: what was given; or workers, while this is open; or this process's devices.

    Args:
        given: by the caller; None where nothing was.
        workers: that were asked for; None for none.
    """
    if given is not None:
        yield given
    elif workers is None:
        yield Devices()
    else:
        from intertrain_jax.cluster.runner import Workers

        made = Workers(workers)
        try:
            yield made
        finally:
            made.close()


class Devices:
    """The real one: this process's devices.

    Asked again and again, as a search does, it looks at base models and compiles programs once.
    """

    def __init__(self) -> None:
        from intertrain_jax.engine.bases import LookedAt
        from intertrain_jax.engine.environment import prepare_process
        from intertrain_jax.engine.lanes import Programs

        prepare_process()
        self._programs, self._looked = Programs(), LookedAt()

    def bases(
        self,
        pretrained: ModelRef,
        data: Mapping[str, TaskData],
        protocol: RunProtocol,
        cache_dir: str | None,
    ) -> Bases:
        """Returns base models that are loaded into host memory, a few at a time."""
        return self._looked.of(pretrained, data, protocol, cache_dir)

    def check_pretrained(
        self, ref: ModelRef, model: BaseModel, options: EngineConfig, protocol: RunProtocol
    ) -> None:
        """Checks that a pretrained model, the protocol and the devices fit each other."""
        from intertrain_jax.engine.environment import check_inputs

        check_inputs(ref.label, model.config, options, protocol)

    def resolve_precision(self, precision: Precision) -> Precision:
        """Returns what "auto" means on these devices."""
        from intertrain_jax.engine.environment import resolve_precision

        return resolve_precision(precision)

    def environment(self, options: EngineConfig | None = None) -> dict[str, str]:
        """Returns versions and devices."""
        from intertrain_jax.engine.environment import environment

        return environment(options)

    def run_grid(self, work: GridWork, emit: Emit, watch: Callable[[Any], None]) -> GridProgress:
        """Trains in lanes."""
        from intertrain_jax.engine.loop import run_grid

        return run_grid(work, emit, watch, self._programs)

    def ranking(
        self,
        config: RankConfig,
        protocol: RunProtocol,
        data: TaskData,
        out: Path,
        architectures: Collection[str],
    ) -> RankingRun:
        """Returns a ranking on the devices of the configuration."""
        from intertrain_jax.engine.environment import lane_mesh
        from intertrain_jax.probe.ranker import prepare

        downloads = out / "downloads" if config.delete_downloads else None
        mesh = lane_mesh(config.devices)
        return prepare(config, protocol, data, mesh, downloads, architectures)

    def head_result(self, head: Any, task: EncodedTask, train: int) -> RunResult | None:
        """Returns a head's scores."""
        from intertrain_jax.probe.ranker import result_of

        return result_of(head, task, train)
