"""Where a grid stands: a plan beside its records, and why a run is pending."""

from __future__ import annotations

import json
import os
import platform
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.formats import read_json
from intertrain_jax.config.strict import build
from intertrain_jax.planning.plan import Plan, Run
from intertrain_jax.records.runs import Record
from intertrain_jax.records.store import write_atomic

State = Literal["done", "failed", "ready", "waiting", "blocked"]
HEARTBEAT_FILE = "heartbeat.json"
# What a process of another host said is believed for so long.
_HEARTBEAT_SECONDS = 60.0
# Of /proc/N/stat, counted behind the process's name.
_START_FIELD = 19


@dataclass(frozen=True)
class Process:
    """One process of one host, which its number alone does not tell from later ones.

    Attributes:
        host: name of the host.
        number: its id there.
        started: when it began, as the system counts; "" where that cannot be had.
    """

    host: str
    number: int
    started: str

    @property
    def alive(self) -> bool | None:
        """Whether it is running; None if that cannot be known here."""
        if self.host != platform.node():
            return None
        try:
            # Number 0 asks, and sends nothing.
            os.kill(self.number, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it is somebody else's
        except (OverflowError, ValueError):
            return False
        return _started(self.number) == self.started


def this_process() -> Process:
    """Returns the process that asks."""
    return Process(platform.node(), os.getpid(), _started(os.getpid()))


def _started(number: int) -> str:
    """Returns when a process began, since the system did, where there is a /proc to read it from."""
    try:
        # The name before it is in parentheses and may hold anything.
        fields = Path(f"/proc/{number}/stat").read_text("utf-8").rpartition(")")[2].split()
        return fields[_START_FIELD]
    except (OSError, ValueError, IndexError):
        return ""


@dataclass(frozen=True)
class WorkerState:
    """A worker of a grid that is done by several.

    Attributes:
        name: that the driver gave it.
        node: the machine.
        number: of its process there.
        device: what it computes on.
        lanes: runs that it trains at once.
        runs: that it has.
        ended: runs that it has done.
    """

    name: str
    node: str
    number: int
    device: str
    lanes: int
    runs: int
    ended: int


@dataclass(frozen=True)
class Heartbeat:
    """What a grid that is being run last said of itself.

    Attributes:
        process: that runs it.
        time: seconds since 1970.
        done, failed, total: runs of this call.
        active: runs in lanes.
        examples_per_second: of training, since the call began.
        seconds_left: estimate; None while there is none.
        running: names of the runs in lanes.
        seconds: since the call began.
        workers: that do the runs; none where the process does them itself.
    """

    process: Process
    time: float
    done: int
    failed: int
    total: int
    active: int
    examples_per_second: float
    seconds_left: float | None
    running: tuple[str, ...] = ()
    seconds: float = 0.0
    workers: tuple[WorkerState, ...] = ()

    @property
    def runs_an_hour(self) -> float | None:
        """Runs that ended, since the call began; None before the first."""
        ended = self.done + self.failed
        return 3600.0 * ended / self.seconds if ended and self.seconds else None

    @property
    def current(self) -> bool:
        """Whether its process is running still, or said so lately on another host."""
        alive = self.process.alive
        return time.time() - self.time < _HEARTBEAT_SECONDS if alive is None else alive


def write_heartbeat(out: Path, heartbeat: Heartbeat) -> None:
    """Leaves word in the results directory that the grid is running."""
    write_atomic(out / HEARTBEAT_FILE, json.dumps(asdict(heartbeat)))


def read_heartbeat(out: Path) -> Heartbeat | None:
    """Returns the last word of a grid that is running now, if one is."""
    try:
        found: Heartbeat = build(Heartbeat, read_json(out / HEARTBEAT_FILE), "", "key")
    except (OSError, IntertrainError):
        return None
    return found if found.current else None


def states(plan: Plan, records: Mapping[str, Record]) -> dict[str, State]:
    """Returns run id → state.

    "ready" runs wait for nothing, "waiting" ones for a source run, "blocked" ones for a source run
    that failed.
    """
    done, failed = done_and_failed(plan, records)
    ready = {run.id for run in plan.ready(done)}
    blocked = {run.id for run in plan.orphans(failed)}
    result: dict[str, State] = {}
    for run in plan.runs:
        if run.id in done:
            result[run.id] = "done"
        elif run.id in failed:
            result[run.id] = "failed"
        elif run.id in blocked:
            result[run.id] = "blocked"
        else:
            result[run.id] = "ready" if run.id in ready else "waiting"
    return result


def done_and_failed(plan: Plan, records: Mapping[str, Record]) -> tuple[set[str], set[str]]:
    """Returns the ids of the plan's runs that are recorded as done, and as failed.

    A run that only made a source model before, and is of the matrix now, is neither: it lacks its score.
    """
    done: set[str] = set()
    failed: set[str] = set()
    for run in plan.runs:
        record = records.get(run.id)
        if record is None:
            continue
        if record.status == "failed":
            failed.add(run.id)
        elif record.score is not None or not plan.in_matrix(run):
            done.add(run.id)
    return done, failed


def counts(plan: Plan, records: Mapping[str, Record]) -> Counter[State]:
    """Returns how many runs are in each state."""
    return Counter(states(plan, records).values())


def explain(plan: Plan, records: Mapping[str, Record], what: str) -> list[str]:
    """Says of a run, or of every run of a cell, whether it is done, and if not, why.

    Args:
        plan: the plan.
        records: by run id.
        what: a run's id or the beginning of one, BASE:TARGET:SEED, or BASE:TARGET.

    Raises:
        IntertrainError: no run of the plan is called that.
    """
    state = states(plan, records)
    return [_explain_run(plan, records, state, run) for run in find_runs(plan, what)]


def find_runs(plan: Plan, what: str) -> list[Run]:
    """Returns the runs that an id, the beginning of one, or BASE:TARGET[:SEED] names."""
    cell = [run for run in plan.runs if what in (run.name, f"{run.base.label}:{run.target}")]
    found = cell or [run for run in plan.runs if len(what) >= 4 and run.id.startswith(what)]
    if not found:
        cells = dict.fromkeys(f"{run.base.label}:{run.target}" for run in plan.runs)
        raise IntertrainError(
            f"no run of {plan.name!r} is called {what!r}.{nearest(what, cells)}"
            f" Give a run id, BASE:TARGET or BASE:TARGET:SEED, such as {plan.runs[0].name}."
        )
    return found


def _explain_run(
    plan: Plan, records: Mapping[str, Record], state: Mapping[str, State], run: Run
) -> str:
    return f"{run.name} ({run.id}): {_why(plan, records, state, run)}"


def _why(plan: Plan, records: Mapping[str, Record], state: Mapping[str, State], run: Run) -> str:
    """The reason for a run's state, followed back to the run that everything waits for."""
    record = records.get(run.id)
    if record is not None and record.result is not None and state[run.id] == "done":
        result = record.result
        score = f"validation {result.validation:.2f} (no target, not tested)"
        if result.test is not None:
            score = f"test {result.test:.2f}"
        return f"done: {score}, {result.examples:,} examples, {result.stop_reason.value}"
    if record is not None and record.status == "failed":
        return f"failed: {record.reason}. Start the grid with --retry-failed to do it again."
    if record is not None:
        return "ready: done when its task was no target, and so not tested; it is done again"
    if state[run.id] == "ready" or run.depends_on is None:
        return "ready: it waits for a free lane only"
    source = plan.by_id[run.depends_on]
    return (
        f"{state[run.id]}: it starts from the model that {source.name} ({source.id}) makes,"
        f" which is {_why(plan, records, state, source)}"
    )
