"""What workflows compute with, where the computing is done by workers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from intertrain_jax.base import IntertrainError
from intertrain_jax.cluster.address import Wanted
from intertrain_jax.cluster.grid import run_on_workers
from intertrain_jax.cluster.mail import Place
from intertrain_jax.cluster.pool import Pool, WorkerDiedError
from intertrain_jax.cluster.ranking import WorkersRanking
from intertrain_jax.cluster.worker import Worker
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.config.protocol import Precision
from intertrain_jax.config.protocol import Protocol as RunProtocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.encoded import EncodedTask
from intertrain_jax.data.load import TaskData
from intertrain_jax.engine.bases import LookedAt
from intertrain_jax.engine.environment import check_protocol, prepare_process
from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.planning.work import BaseModel, Bases, Emit, GridWork
from intertrain_jax.probe.ranker import result_of
from intertrain_jax.records.results import RunResult


class Workers:
    """Many devices: this process keeps the books, and leaves all devices to the workers.

    Where JAX has not been used in it before, it will have a CPU only.

    Args:
        wanted: how many workers, and where.
    """

    def __init__(self, wanted: Wanted) -> None:
        jax.config.update("jax_platforms", "cpu")
        prepare_process()
        self._pool = Pool(wanted)
        self._places: dict[EngineConfig | None, Place] = {}
        self._looked = LookedAt()

    def bases(
        self,
        pretrained: ModelRef,
        data: Mapping[str, TaskData],
        protocol: RunProtocol,
        cache_dir: str | None,
    ) -> Bases:
        """Returns base models, which are looked at here and loaded by the workers that need them."""
        return self._looked.of(pretrained, data, protocol, cache_dir)

    def check_pretrained(
        self, ref: ModelRef, model: BaseModel, options: EngineConfig, protocol: RunProtocol
    ) -> None:
        """Checks that a pretrained model and the protocol fit each other."""
        check_protocol(ref.label, model.config, protocol)

    def resolve_precision(self, precision: Precision) -> Precision:
        """Returns what "auto" means to the workers."""
        if precision != "auto":
            return precision
        found: Any = self._place(None).precision
        return found

    def environment(self, options: EngineConfig | None = None) -> dict[str, str]:
        """Returns a worker's versions and device, and how many workers there are."""
        place = self._place(options)
        return {**place.environment, "workers": str(self._pool.count)}

    def run_grid(self, work: GridWork, emit: Emit, watch: Callable[[Any], None]) -> GridProgress:
        """Trains in the lanes of all workers."""
        self._pool.start()
        return run_on_workers(work, emit, watch, self._pool)

    def ranking(
        self,
        config: RankConfig,
        protocol: RunProtocol,
        data: TaskData,
        out: Path,
        architectures: Collection[str],
    ) -> WorkersRanking:
        """Returns a ranking whose models are probed by the workers."""
        self._pool.start()
        downloads = out / "downloads" if config.delete_downloads else None
        return WorkersRanking(self._pool, config, protocol, data, downloads, architectures)

    def head_result(self, head: Any, task: EncodedTask, train: int) -> RunResult | None:
        """Returns a head's scores."""
        return result_of(head, task, train)

    def close(self) -> None:
        """Lets the workers go."""
        self._pool.close()

    def _place(self, options: EngineConfig | None) -> Place:
        """Returns where a worker is, which is asked once."""
        if options is not None:
            options = replace(options, devices=1)
        if options not in self._places:
            self._pool.start()
            worker = self._pool.spawn(Worker)
            try:
                self._places[options] = self._pool.get(worker.place.remote(options))
            except WorkerDiedError as error:
                raise IntertrainError(
                    f"workers must be able to start, but the first one could not: {error}. Correct"
                    " that, and start the same command again."
                ) from error
            self._pool.rest(worker)
        return self._places[options]
