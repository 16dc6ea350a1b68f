"""Simulates a campaign on a cluster: the driver and its queue as they are, workers that only sleep.

    python tools/simulate_cluster.py --out results/benchmarks/cluster-simulated.json
    python tools/simulate_cluster.py --records DIR

The clock is virtual. Runs are those of `configs/paper/inhouse-roberta.yaml`; a device does them at the
speed that an H100 was seen to have. How much of its schedule a run needs is drawn from runs that were
trained (`cluster-stopping.csv`; `--records` writes it anew, from a results directory), for those that
early stopping can cut at all: where the schedule is no longer than the patience, it is done to its end.
The driver knows schedules only, as it does of real runs.

Two lanes share a device. One worker in a hundred dies in an hour; what it did since it last saved its
lanes is lost with it, and another one is there a minute later. The makespan is compared with its lower
bound: all of the work over all workers, or the longest run and its source, whichever is longer. Every
campaign is done a second time with workers that lose time at a block shape that they have not compiled,
and at a source model that they do not hold: that is no part of the bound.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cluster_work import STOPPING, Work, read_shares, work_of, write_shares
from numpy.typing import NDArray

from intertrain_jax.base import stream
from intertrain_jax.cluster.driver import Driver, Given, Rules
from intertrain_jax.config.experiment import load_config
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import RunQueue

HOUR = 3600.0
# Source models that a worker holds.
_SOURCES_HELD = 4


@dataclass(frozen=True)
class Losses:
    """What a worker loses time by.

    Attributes:
        deaths: of a worker, an hour.
        restart: seconds until another is there.
        compile: seconds of the device, for each block shape that is new to a worker.
        fetch: seconds in which a lane waits, for a source model that the worker does not hold.
        checkpoint: seconds between two checkpoints of its lanes.
    """

    deaths: float = 0.01
    restart: float = 60.0
    compile: float = 0.0
    fetch: float = 0.0
    checkpoint: float = 300.0


@dataclass(frozen=True)
class Campaign:
    """What is simulated.

    Attributes:
        seeds: of the experiment.
        workers: how many, a device each.
        lanes: of a worker.
        losses: of time.
        beat: seconds between two heartbeats of a worker.
        seed: of everything that is drawn.
    """

    seeds: int
    workers: int
    lanes: int = 2
    losses: Losses = Losses()
    beat: float = 10.0
    seed: int = 0


@dataclass
class Books:
    """A driver whose time is taken.

    Attributes:
        driver: the real one.
        seconds: of a processor that it has used.
        calls: of its methods.
    """

    driver: Driver
    seconds: float = 0.0
    calls: int = 0

    def call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Calls one of its methods."""
        began = time.thread_time()
        result = method(*arguments)
        self.seconds += time.thread_time() - began
        self.calls += 1
        return result


@dataclass
class Sleeper:
    """A worker whose lanes share a device that only sleeps.

    Attributes:
        name: of it.
        at: when it was last looked at.
        left: run → seconds of the whole device that it still needs; of those that train.
        saved: the same, as of the last checkpoint, and of those that load.
        loading: run → when its source model will be there.
        queue: runs that it has beyond its lanes.
        turn: counts how often its next event changed, so that older ones are void.
        steps: that it tells of.
        shapes, sources: what it has compiled, and what it holds, the last used at the end.
    """

    name: str
    at: float
    left: dict[str, float] = field(default_factory=dict)
    saved: dict[str, float] = field(default_factory=dict)
    loading: dict[str, float] = field(default_factory=dict)
    queue: deque[Run] = field(default_factory=deque)
    turn: int = 0
    steps: int = 0
    shapes: set[BlockShape] = field(default_factory=set)
    sources: dict[str, None] = field(default_factory=dict)

    def advance(self, now: float) -> None:
        """Lets time pass."""
        for run in self.left:
            self.left[run] -= (now - self.at) / len(self.left)
        self.steps += bool(self.left) and now > self.at
        self.at = now

    @property
    def next(self) -> tuple[float, str | None]:
        """When something happens to it, and to which of its runs; never, to none, if it is idle."""
        ends = ((self.at + left * len(self.left), run) for run, left in self.left.items())
        loaded = ((when, run) for run, when in self.loading.items())
        return min((*ends, *loaded), default=(math.inf, None))


class Simulation:
    """One campaign; `run` does it.

    Args:
        campaign: what is simulated.
        work: its runs.
    """

    def __init__(self, campaign: Campaign, work: Work) -> None:
        self._campaign, self._work = campaign, work
        queue = RunQueue(
            work.plan.runs, (), lambda source: True, lambda run: work.efforts[run.target]
        )
        self._books = Books(Driver(queue, Rules()))
        self._workers: dict[str, Sleeper] = {}
        self._draws = stream(campaign.seed, "deaths")
        # (when, which came first, what, the worker, its turn)
        self._events: list[tuple[float, int, str, str, int]] = []
        self._count = self._joined = self._deaths = 0
        self._remaining: dict[str, float] = {}
        self._fetched = self._ended = 0
        # Of a size from the first, so that it takes no part in what memory does.
        self.recorded = Counter({run.id: 0 for run in work.plan.runs})
        self.failed: dict[str, str] = {}

    def run(self) -> dict[str, float]:
        """Goes from event to event until all runs have ended; returns the figures."""
        now, memory, marks = 0.0, [resident_mebibytes()], self._marks()
        for _ in range(self._campaign.workers):
            self._join(now)
        self._later(self._campaign.beat, "beat")
        self._give(now)
        driver = self._books.driver
        while not driver.finished:
            now, _, what, name, turn = heapq.heappop(self._events)
            if what == "join":
                self._join(now)
            elif what == "beat":
                self._beat(now)
                continue
            elif (worker := self._workers.get(name)) is None:
                continue
            elif what == "death":
                self._die(worker, now)
            elif what == "save":
                self._save(worker, now)
                continue
            elif worker.turn == turn:
                self._next(worker, now)
            else:
                continue
            self._give(now)
            if marks and self._ended >= marks[0]:
                marks.pop(0)
                memory.append(resident_mebibytes())
        return self._figures(now, memory)

    def _marks(self) -> list[int]:
        return [len(self._work.plan.runs) * k // 10 for k in range(1, 11)]

    def _figures(self, now: float, memory: list[float]) -> dict[str, float]:
        campaign, work = self._campaign, self._work
        bound, runs = work.bound(campaign.workers), len(work.plan.runs)
        an_hour = runs / (now / HOUR)
        core = self._books.seconds / now
        return {
            "runs": runs,
            "workers": campaign.workers,
            "device_hours": work.total / HOUR,
            "hours": now / HOUR,
            "bound_hours": bound / HOUR,
            "makespan_over_bound": now / bound,
            "deaths": self._deaths,
            "source_models_fetched": self._fetched,
            "runs_an_hour": an_hour,
            "driver_seconds": self._books.seconds,
            "driver_calls": self._books.calls,
            "driver_core_per_1000_runs_an_hour": core / (an_hour / 1000),
            "memory_mib_at_first": memory[0],
            "memory_mib_after_a_tenth": memory[1],
            "memory_mib_at_last": memory[-1],
        }

    def _later(self, when: float, what: str, worker: str = "", turn: int = 0) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, what, worker, turn))

    def _join(self, now: float) -> None:
        losses, name = self._campaign.losses, f"worker {self._joined}"
        self._joined += 1
        self._workers[name] = Sleeper(name, now)
        fused = 1  # a lane of a large model has a group of its own
        self._books.call(self._books.driver.join, name, self._campaign.lanes, now, fused)
        if losses.deaths:
            self._later(now + float(self._draws.exponential(HOUR / losses.deaths)), "death", name)
        self._later(now + losses.checkpoint, "save", name)

    def _beat(self, now: float) -> None:
        """All workers tell how far they are; the driver looks for silent ones."""
        driver = self._books.driver
        for worker in self._workers.values():
            worker.steps += bool(worker.left)
            self._books.call(driver.beat, worker.name, worker.steps, now)
        assert not self._books.call(driver.silent, now)
        self._later(now + self._campaign.beat, "beat")

    def _give(self, now: float) -> None:
        driver = self._books.driver
        touched: dict[str, None] = {}
        given: list[Given] = self._books.call(driver.give, now)
        for one in given:
            self._workers[one.worker].queue.append(one.run)
            touched[one.worker] = None
        for name in touched:
            self._fill(self._workers[name], now)

    def _fill(self, worker: Sleeper, now: float) -> None:
        """Starts runs in free lanes, and notes when something will happen next."""
        worker.advance(now)
        losses = self._campaign.losses
        while worker.queue and len(worker.saved) < self._campaign.lanes:
            run = worker.queue.popleft()
            shape, source = self._work.efforts[run.target].shape, run.depends_on
            compiling = 0.0 if shape in worker.shapes else losses.compile
            worker.shapes.add(shape)
            # Of one that had been saved, the rest.
            left = self._remaining.pop(run.id, self._work.seconds[run.id])
            worker.saved[run.id] = left + compiling
            if source is None or source in worker.sources:
                worker.left[run.id] = left + compiling
            else:
                worker.loading[run.id] = now + losses.fetch
                self._fetched += 1
            if source is not None:
                worker.sources.pop(source, None)
                worker.sources[source] = None
                if len(worker.sources) > _SOURCES_HELD:
                    del worker.sources[next(iter(worker.sources))]
        self._schedule(worker)

    def _schedule(self, worker: Sleeper) -> None:
        when, run = worker.next
        worker.turn += 1
        if run is not None:
            self._later(when, "next", worker.name, worker.turn)

    def _next(self, worker: Sleeper, now: float) -> None:
        """Begins the run whose source model has come, or ends the one that is done."""
        _, run = worker.next
        assert run is not None
        worker.advance(now)
        if run in worker.loading:
            del worker.loading[run]
            worker.left[run] = worker.saved[run]
            self._schedule(worker)
            return
        del worker.left[run], worker.saved[run]
        verdict = self._books.call(self._books.driver.ended, worker.name, run, "same", None, now)
        if verdict == "new":
            self.recorded[run] += 1
            self._ended += 1
        self._fill(worker, now)

    def _save(self, worker: Sleeper, now: float) -> None:
        worker.advance(now)
        worker.saved.update(worker.left)
        self._schedule(worker)
        self._later(now + self._campaign.losses.checkpoint, "save", worker.name)

    def _die(self, worker: Sleeper, now: float) -> None:
        self._deaths += 1
        del self._workers[worker.name]
        self._remaining.update(worker.saved)
        driver = self._books.driver
        for run, why in self._books.call(driver.died, worker.name, "it was killed", now):
            self.failed[run.id] = why
        for run, why in driver.queue.take_orphans():
            self.failed[run.id] = why
        self._later(now + self._campaign.losses.restart, "join")


def resident_mebibytes() -> float:
    """Returns this process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def campaigns(seed: int) -> list[Campaign]:
    """Returns those of the paper's 2,530 runs, and one of 100,188; each without and with lost time."""
    sizes = [(5, 1), (5, 8), (5, 64), (198, 256)]
    losses = (Losses(), Losses(compile=30.0, fetch=2.0))
    return [Campaign(*size, losses=lost, seed=seed) for lost in losses for size in sizes]


def simulate(campaign: Campaign, config: str, shares: NDArray[Any]) -> dict[str, float]:
    """Returns the figures of a campaign, in which every run has ended once."""
    experiment = load_config(config, [f"seeds={campaign.seeds}"])
    work = work_of(experiment, shares, campaign.seed)
    simulation = Simulation(campaign, work)
    figures = simulation.run()
    ended = simulation.recorded + Counter(simulation.failed.keys())
    assert ended == Counter(run.id for run in work.plan.runs)
    return {**figures, "failed": len(simulation.failed)}


def main() -> None:
    """Parses arguments, simulates, prints and writes the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="paper/inhouse-roberta")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--records", help="write the shares anew, of this results directory")
    parser.add_argument("--out", help="write the figures to this JSON file")
    arguments = parser.parse_args()
    if arguments.records:
        write_shares(Path(arguments.records))
        return
    shares = read_shares()
    found: list[dict[str, Any]] = []
    for campaign in campaigns(arguments.seed):
        figures = simulate(campaign, arguments.config, shares)
        rounded = {n: x if isinstance(x, int) else float(f"{x:.4g}") for n, x in figures.items()}
        found.append({"losses": asdict(campaign.losses), **rounded})
        print(found[-1], flush=True)
    if arguments.out:
        about = {"config": arguments.config, "shares": [STOPPING.name, len(shares)]}
        Path(arguments.out).write_text(json.dumps({**about, "campaigns": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
