"""A Ray cluster of three nodes on this machine: whatever dies, the matrix is that of one process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from intertrain_jax.cluster.driver import Rules
from intertrain_jax.cluster.pool import ENVIRONMENT
from intertrain_jax.models.hf.references import resolve_reference
from intertrain_jax.planning.status import WorkerState, read_heartbeat
from intertrain_jax.records.results import RunResult
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.workflows.grid import grid
from intertrain_jax.workflows.rank import rank
from intertrain_jax.workflows.watch import Silent

if find_spec("ray") is None:
    pytest.skip("Ray is not installed", allow_module_level=True)

SETTINGS = (
    "sources=[claims, dishes]",
    "targets=[claims, dishes]",
    "protocol.epochs=3",
    "protocol.validate_every=160",
    "data.limit=100",
    "engine.lanes=1",
    "engine.devices=1",
    # Runs in flight are saved often, so that deaths hit sending, writing and resuming alike.
    "engine.checkpoint_minutes=0.01",
    "engine.silent_minutes=0.2",
)
RUNS = 12


@dataclass
class Local:
    """A cluster of nodes on this machine, each with room for one worker."""

    cluster: Any
    nodes: list[Any]

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def add(self) -> None:
        with _forking():
            self.nodes.append(self.cluster.add_node(num_cpus=1))


@contextmanager
def _forking() -> Iterator[None]:
    """JAX warns of forks, of which Ray makes other programs at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def local() -> Iterator[Local]:
    os.environ.update(ENVIRONMENT)
    import logging

    from ray.cluster_utils import Cluster

    logging.getLogger("ray").setLevel(logging.CRITICAL)
    with _forking():
        cluster = Cluster(True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    found = Local(cluster, [])
    found.add()
    found.add()
    yield found
    cluster.shutdown()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunResult]:
    """What one process makes of the grid."""
    out = tmp_path_factory.mktemp("alone")
    grid("quickstart", overrides=SETTINGS, seeds=2, out=out)
    return results_in(out)


def results_in(out: Path) -> dict[str, RunResult]:
    """The results of a grid's records, less the time that they took."""
    records = ResultsDir(out).runs.read_all()
    assert not records.problems
    found = {}
    for record in records.by_key.values():
        assert record.result is not None, record.reason
        found[record.id] = record.result.outcome
    return found


@dataclass
class Trouble(Silent):
    """Does something to the workers whenever a few more runs have ended.

    Attributes:
        out: where the heartbeat says who they are.
        steps: to be done, one after another.
        every: runs between them.
    """

    out: Path
    steps: list[Callable[[WorkerState], None]]
    every: int = 2
    done: list[str] = field(default_factory=list)

    def show(self, now: float, ended: int, total: int, text: Callable[[], str]) -> None:
        if not self.steps or ended < self.every * (len(self.done) + 1):
            return
        beat = read_heartbeat(self.out)
        busy = [w for w in beat.workers if w.runs] if beat is not None else []
        for worker in busy:
            if worker.name not in self.done and Path(f"/proc/{worker.number}").is_dir():
                self.done.append(worker.name)
                self.steps.pop(0)(worker)
                return


def told(number: signal.Signals) -> Callable[[WorkerState], None]:
    return lambda worker: os.kill(worker.number, number)


def kill_a_driver(out: Path, address: str) -> None:
    """Starts the grid in a process of its own, which is killed when it has written a record."""
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    program = "from intertrain_jax.cli import main; main()"
    command = [sys.executable, "-c", program, "grid", "--seeds", "2", "--out", str(out), *settings]
    process = subprocess.Popen(
        [*command, "--workers", address], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        while not list((out / "records").rglob("*.json")):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.timeout(900)
def test_whatever_dies_freezes_or_is_told_to_end_no_value_changes(
    local: Local,
    alone: dict[str, RunResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("intertrain_jax.workflows.watch._BEAT_SECONDS", 0.2)
    out, frozen = tmp_path / "out", list[int]()
    kill_a_driver(out, local.address)
    written = {file: file.stat().st_mtime_ns for file in (out / "records").rglob("*.json")}

    def freeze(worker: WorkerState) -> None:
        frozen.append(worker.number)
        os.kill(worker.number, signal.SIGSTOP)

    def wake_it_and_remove_a_node(worker: WorkerState) -> None:
        with suppress(ProcessLookupError):
            os.kill(frozen[0], signal.SIGCONT)
        local.cluster.remove_node(local.nodes.pop())

    steps = [freeze, told(signal.SIGTERM), told(signal.SIGKILL), wake_it_and_remove_a_node]
    trouble = Trouble(out, steps)
    found = grid(
        "quickstart",
        overrides=SETTINGS,
        seeds=2,
        out=out,
        workers=local.address,
        progress=trouble,
    )
    assert not trouble.steps, "there was no time for all of it"
    assert found.counts == (RUNS, 0) and found.progress is not None
    assert 0 < found.progress.done == RUNS - len(written), "none is lost, and none is done again"
    assert {file: file.stat().st_mtime_ns for file in written} == written
    assert results_in(out) == alone
    assert not (out / "checkpoints").exists()
    assert "".join(capfd.readouterr()).strip() == "", "Ray says nothing"


@dataclass
class Freezer(Silent):
    """Freezes a worker that probes models, once some are ranked."""

    frozen: list[int] = field(default_factory=list)

    def show(self, now: float, ended: int, total: int, text: Callable[[], str]) -> None:
        if ended and not self.frozen:
            self.frozen += [number for number, name in processes() if "Worker.probe" in name][:1]
            for number in self.frozen:
                os.kill(number, signal.SIGSTOP)


def processes() -> Iterator[tuple[int, str]]:
    """The numbers of all processes, and what they call themselves."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield int(file.parent.name), file.read_text(errors="replace")


@pytest.mark.timeout(600)
def test_a_ranking_on_workers_of_which_one_freezes_is_that_of_one_process(
    local: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intertrain_jax.cluster.ranking._RULES", Rules(silent_seconds=12.0))
    original = resolve_reference("quickstart")
    models = ["quickstart"]
    for k in range(5):
        shutil.copytree(original, tmp_path / f"model-{k}")
        rng = np.random.default_rng(k)
        weights = load_file(original / "model.safetensors")
        noisy = {
            n: (x + 0.05 * k * rng.standard_normal(x.shape)).astype(x.dtype)
            for n, x in weights.items()
        }
        save_file(noisy, tmp_path / f"model-{k}" / "model.safetensors", {"format": "pt"})
        models.append(str(tmp_path / f"model-{k}"))
    # One is no model, and fails on either.
    (tmp_path / "model-3" / "config.json").write_text("{}")
    rankings, freezer = [], Freezer()
    for name, workers in (("one", 1), ("two", local.address)):
        found = rank(
            models,
            task="dishes",
            seeds=2,
            overrides=["data.limit=60", "group=2", "devices=1"],
            out=tmp_path / name,
            pretrained="quickstart",
            workers=workers,
            progress=freezer if name == "two" else False,
        )
        assert list(found.failed.index) == [models[4]]
        # The time it took is no two rankings'.
        rankings.append(pd.read_csv(tmp_path / name / "ranking.csv").drop(columns="seconds"))
    assert freezer.frozen, "there was no time for it"
    with suppress(ProcessLookupError):
        os.kill(freezer.frozen[0], signal.SIGCONT)
    pd.testing.assert_frame_equal(*rankings, check_exact=True)
