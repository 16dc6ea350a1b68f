"""Workers that Ray has started: the one place that talks to Ray."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.cluster.address import Wanted

# Reference of what will be there, and what Ray calls a worker.
Reference = Any
Handle = Any

# Ray's own words and figures stay off the terminal and off the network. It reads this when it is
# imported: lines that it would drop as repeated, which here are all.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",
    # Its workers would have what others leave of the CPUs.
    "RAY_worker_niceness": "0",
}
_REASON_LENGTH = 300


class WorkerDiedError(Exception):
    """A worker's process, or its machine, is no more."""


@dataclass(frozen=True)
class Device:
    """What a worker gets of a cluster.

    Attributes:
        gpus: 1, or 0 for a worker on CPUs.
        cpus: that it reserves.
        threads: of a CPU worker's computations; None for one with an accelerator.
    """

    gpus: int
    cpus: int
    threads: int | None


@dataclass
class Pool:
    """The workers of one driver.

    Args:
        wanted: how many, and where.

    Attributes:
        count: of workers.
        device: of each.
    """

    wanted: Wanted
    count: int = 0
    device: Device = field(default_factory=lambda: Device(0, 1, 1))
    _owned: bool = False
    _resting: list[Handle] = field(default_factory=list)

    def start(self) -> None:
        """Connects to the cluster, or starts one on this machine.

        Raises:
            IntertrainError: there is none, or it has no room for so many workers.
        """
        if self.count:
            return
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        import ray

        address = self.wanted.address or os.environ.get("RAY_ADDRESS")
        with _own_signals():
            if not ray.is_initialized():
                _connect(address, self.wanted.count)
                self._owned = True
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self.count, self.device = divided(nodes, self.wanted.count, os.cpu_count() or 1, address)

    def spawn(self, kind: type) -> Handle:
        """Returns a worker that rests, or asks for one, which is there when there is room for it.

        Args:
            kind: class of all workers; made with the threads that one may use, and with what gets what a
                reference stands for.
        """
        if self._resting:
            return self._resting.pop()
        import ray

        options = {"num_gpus": self.device.gpus, "num_cpus": self.device.cpus}
        made = ray.remote(kind).options(**options, scheduling_strategy="SPREAD")
        return made.remote(self.device.threads, ray.get)

    def rest(self, worker: Handle) -> None:
        """Takes back a worker, for others to use."""
        self._resting.append(worker)

    def put(self, value: Any) -> Reference:
        """Puts a value where all workers can get it."""
        import ray

        return ray.put(value)

    def ready(self, references: Sequence[Reference], seconds: float) -> list[Reference]:
        """Returns the references that can be got, if only an error, after so many seconds at most."""
        import ray

        if not references:
            return []
        ready, rest = ray.wait(list(references), num_returns=1, timeout=seconds, fetch_local=False)
        if rest:
            more, _ = ray.wait(rest, num_returns=len(rest), timeout=0, fetch_local=False)
            ready += more
        return list(ready)

    def get(self, reference: Reference) -> Any:
        """Returns a value.

        Raises:
            WorkerDiedError: its worker did, or the value is lost.
            IntertrainError: the worker refused.
        """
        import ray
        import ray.exceptions as errors

        try:
            return ray.get(reference)
        except errors.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, IntertrainError):
                raise IntertrainError(str(cause)) from error
            raise WorkerDiedError(_line(f"{type(cause).__name__}: {cause}")) from error
        except errors.RayError as error:
            raise WorkerDiedError(_line(str(error))) from error

    def kill(self, worker: Handle) -> None:
        """Ends a worker's process at once."""
        import ray

        with suppress(Exception):  # it is gone, or its machine is
            ray.kill(worker, no_restart=True)

    def close(self) -> None:
        """Lets the cluster go, and ends it if it was started here."""
        import ray

        for worker in self._resting:
            self.kill(worker)
        self._resting = []
        if self._owned:
            with _own_signals():
                ray.shutdown()
        self.count, self._owned = 0, False


def divided(
    nodes: Sequence[dict[str, float]], count: int | None, cores: int, address: str | None
) -> tuple[int, Device]:
    """Returns how many workers there are to be, and what each of them gets.

    Args:
        nodes: resources of each.
        count: of workers; None is one for every GPU, or for every node where there are none.
        cores: of this machine.
        address: of the cluster; None for this machine.

    Raises:
        IntertrainError: there is no room for so many.
    """
    gpus = int(sum(node.get("GPU", 0) for node in nodes))
    if gpus:
        room, device = gpus, Device(1, 1, None)
    else:
        cpus = [int(node.get("CPU", 0)) for node in nodes]
        asked = count or sum(cpu > 0 for cpu in cpus)
        each = max(sum(cpus) // max(asked, 1), 1)
        while each > 1 and sum(cpu // each for cpu in cpus) < asked:
            each -= 1
        room = sum(cpu // each for cpu in cpus)
        # Ray on this machine is told of more CPUs than there are, where there are more workers.
        threads = each if address else max(cores // max(asked, 1), 1)
        device = Device(0, each, threads)
        count = asked
    found = room if count is None else count
    if not 1 <= found <= room:
        place = f"the cluster at {address}" if address else "this machine"
        raise IntertrainError(
            f"workers must be at most {room}, as many as {place} has"
            f" {'GPUs' if gpus else 'CPUs'} for, got {found}. Give --workers auto."
        )
    return found, device


def _connect(address: str | None, count: int | None) -> None:
    import ray

    said: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    try:
        with warnings.catch_warnings():
            # JAX warns of forks, and what Ray forks becomes another program at once; Ray warns of what
            # it then raises.
            warnings.simplefilter("ignore")
            if address is not None:
                ray.init(address, **said)
            else:
                cores = max(count or 1, os.cpu_count() or 1)
                ray.init("local", num_cpus=cores, include_dashboard=False, **said)
    except Exception as error:  # of many kinds, by what is wrong with the address
        where = f"at {address}" if address else "on this machine"
        raise IntertrainError(
            f"a Ray cluster {where} must be reachable, but is not: {_line(str(error))}."
            " Start it (`ray start --head`), set RAY_AUTH_MODE=token if it asks for one, or correct"
            " --workers."
        ) from error


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps what this process does with signals, which Ray changes."""
    handlers: dict[int, Callable[..., Any] | int | None] = {}
    with suppress(ValueError):  # only a main thread has them
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            with suppress(ValueError, TypeError):
                signal.signal(number, handler)


def _line(text: str) -> str:
    return " ".join(text.split())[:_REASON_LENGTH]
