"""The documented sbatch file on a real Slurm: a grid that is requeued ends in the same matrix.

Needs Debian's `slurm-wlm`, without munge: the test writes its own configuration, and starts both daemons
as the user that runs it, on ports of its own. Where they are missing it is skipped with the reason.
"""

from __future__ import annotations

import getpass
import importlib.util
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.experiments import analysis

DAEMONS = ("slurmctld", "slurmd")
CONFIGURATION = """
ClusterName=trial
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
KillWait=10
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
SETTINGS = [
    "sources=[claims, dishes]",
    "targets=[claims, dishes]",
    "protocol.epochs=2",
    "data.limit=300",
    "engine.lanes=4",
    "engine.fuse=4",
    "engine.checkpoint_minutes=0.01",
]
# So many that on all but the quickest machines something is left when the job is sent back.
SEEDS = 3
RUNS = SEEDS * (2 + 2 * 2)
ENDS = ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY")
# As long as a slow machine may take for any of the steps.
LONGEST_SECONDS = 900.0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(what: str, happened: Callable[[], bool], log: Callable[[], str]) -> None:
    limit = time.monotonic() + LONGEST_SECONDS
    while not happened():
        assert time.monotonic() < limit, f"waited in vain for {what}\n{log()}"
        time.sleep(0.2)


@dataclass(frozen=True)
class Slurm:
    """A cluster of one node, this machine."""

    folder: Path
    environment: dict[str, str]

    def ask(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def job(self, number: str) -> dict[str, str]:
        shown = self.ask("scontrol", "--oneliner", "show", "job", number)
        return dict(word.split("=", 1) for word in shown.split() if "=" in word)

    @property
    def idle(self) -> bool:
        asked = ["sinfo", "--noheader", "--format=%T"]
        done = subprocess.run(
            asked, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() == "idle"

    @property
    def log(self) -> str:
        return "".join(f"{f.name}:\n{f.read_text()[-2000:]}" for f in self.folder.glob("*.log"))


@pytest.fixture
def slurm(tmp_path: Path, repository: Path) -> Iterator[Slurm]:
    missing = [name for name in (*DAEMONS, "sbatch") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)}: apt-get install slurm-wlm")
    if importlib.util.find_spec("ray") is None:
        pytest.skip("no Ray: pip install '.[ray]'")
    folder = tmp_path / "slurm"
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    host = platform.node().partition(".")[0]
    ports = {"controller": free_port(), "daemon": free_port()}
    fields = {"host": host, "user": getpass.getuser(), "processors": os.cpu_count(), **ports}
    settings = folder / "slurm.conf"
    settings.write_text(CONFIGURATION.format(folder=folder, **fields), "utf-8")
    environment = {
        **os.environ,
        "SLURM_CONF": str(settings),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(repository),
        "INTERTRAIN_CACHE": str(tmp_path / "cache"),
        "XLA_FLAGS": "",
    }
    started = []
    try:
        for name in DAEMONS:
            with (folder / f"{name}.log").open("w") as log:
                started.append(
                    subprocess.Popen(
                        [name, "-D", "-f", str(settings)], env=environment, stdout=log, stderr=log
                    )
                )
        cluster = Slurm(folder, environment)
        wait_for("an idle node", lambda: cluster.idle, lambda: cluster.log)
        yield cluster
        # With its jobs go the processes that they started.
        cluster.ask("scancel", "--user", getpass.getuser())
        wait_for("the node to be idle again", lambda: cluster.idle, lambda: cluster.log)
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(30)


# Generous, as it is there for a job that hangs: a slow machine may take its time.
@pytest.mark.timeout(3600)
def test_a_requeued_job_ends_with_the_same_matrix(
    slurm: Slurm, tmp_path: Path, repository: Path
) -> None:
    words = ["--seeds", str(SEEDS), *(word for setting in SETTINGS for word in ("--set", setting))]
    requeued, alone = tmp_path / "requeued", tmp_path / "alone"
    sbatch = ["sbatch", "--parsable", f"--cpus-per-task={os.cpu_count()}", f"--chdir={tmp_path}"]
    file = repository / "examples" / "cluster" / "grid.sbatch"
    number = slurm.ask(*sbatch, str(file), "--out", str(requeued), *words)
    said = tmp_path / f"slurm-{number}.out"

    def told() -> str:
        logs = [said, tmp_path / f"ray-{number}.log"]
        return slurm.log + "".join(f.read_text()[-3000:] for f in logs if f.is_file())

    def records() -> int:
        return len(list((requeued / "records").rglob("*.json")))

    def state() -> str:
        return slurm.job(number)["JobState"]

    before = 0
    # Told that its time is nearly up, it sends itself back; then it is sent back by others.
    for interruption in (["scancel", "--batch", "--signal=TERM"], ["scontrol", "requeue"]):
        wait_for("a record", lambda at=before: records() > at or state() in ENDS, told)
        if records() == RUNS:
            pytest.skip(f"all {RUNS} runs ended before the job could be sent back")
        slurm.ask(*interruption, number)
        wait_for("the job to be back", lambda: state() in ("PENDING", *ENDS), told)
        if state() == "COMPLETED" and records() == RUNS:
            pytest.skip(f"all {RUNS} runs ended while the job was sent back")
        assert records() > 0 and state() == "PENDING", told()
        before = records()
        # Slurm lets a requeued job rest for two minutes.
        slurm.ask("scontrol", "update", f"JobId={number}", "StartTime=now")
    program = [sys.executable, "-m", "intertrain_jax", "grid", "--out", str(alone), *words]
    subprocess.run(program, env=slurm.environment, check=True, capture_output=True)
    wait_for("the job to end", lambda: state() in ENDS, told)
    job = slurm.job(number)
    assert (job["JobState"], job["Restarts"], job["ExitCode"]) == ("COMPLETED", "2", "0:0"), told()
    assert before <= records() == RUNS
    expected = analysis(alone)
    assert expected["gains.csv"].count(b"\n") >= 3
    assert analysis(requeued) == expected
