"""A grid killed again and again, and the same grid left alone, end in the same bytes (rule 5)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from intertrain_jax.planning.status import HEARTBEAT_FILE
from tests.experiments import analysis

KILLS = 3
LONGEST_SECONDS = 4.0
# Most ends come without warning; where there is one, runs in flight are saved first.
SIGNALS = (signal.SIGTERM, signal.SIGKILL, signal.SIGINT)
SETTINGS = [
    "sources=[claims, dishes]",
    "targets=[claims, dishes]",
    "protocol.epochs=4",
    "protocol.validate_every=160",
    "engine.lanes=4",
    "engine.fuse=4",
    # Runs in flight are saved often, so that kills hit writing and resuming alike.
    "engine.checkpoint_minutes=0.01",
]


# Nobody here needs torch, which transformers would import in each of the processes.
PROGRAM = """
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *given: None if name == "torch" else find(name, *given)
from intertrain_jax.cli import main
main()
"""


def start(out: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "grid", "--seeds", "1", "--out", str(out), *settings],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]


def count_records(out: Path) -> int:
    return len(list((out / "records").rglob("*.json")))


def beat(out: Path) -> int:
    file = out / HEARTBEAT_FILE
    return file.stat().st_mtime_ns if file.is_file() else 0


# Generous, as it is there for a grid that hangs: a slow machine may take its time.
@pytest.mark.timeout(1800)
def test_kill_at_random_moments_changes_no_byte(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, repository: Path
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(repository),
        "INTERTRAIN_CACHE": str(tmp_path / "cache"),
        "XLA_FLAGS": "",
    }
    whole = tmp_path / "whole"
    finish(start(whole, environment))

    moments = random.Random(0)
    kills = most_records = 0
    # On a fast machine a grid may end before its time; then another one takes the kills left over.
    grids = [tmp_path / "killed-0"]
    while kills < KILLS:
        killed = grids[-1]
        before, records = beat(killed), count_records(killed)
        process = start(killed, environment)
        # From the first sign of life on, so that starting Python takes no share of the moments.
        while process.poll() is None and beat(killed) == before:
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, LONGEST_SECONDS))
        if process.poll() is not None:
            finish(process)
            grids.append(tmp_path / f"killed-{len(grids)}")
            continue
        number = SIGNALS[kills % len(SIGNALS)]
        process.send_signal(number)
        _, errors = process.communicate()
        kills += 1
        if number != signal.SIGKILL:
            # It says how to go on, and nothing of where it was; unless it was about to end by itself.
            said = errors.decode()[-2000:]
            assert process.returncode in (0, 128 + number, -number), said
            assert process.returncode <= 0 or "to go on:" in said
            # An exception in a destructor is Python's to print.
            assert "Traceback" not in said or "Exception ignored" in said, said
        assert count_records(killed) >= records, "a record was lost"
        most_records = max(most_records, count_records(killed))
    finish(start(grids[-1], environment))
    assert most_records > 0, "every kill came before the first record"
    expected = analysis(whole)
    assert expected["gains.csv"].count(b"\n") >= 3
    for killed in grids:
        assert analysis(killed) == expected
