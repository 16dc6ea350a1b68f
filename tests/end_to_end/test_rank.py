"""A ranking of many models, some broken, killed and started again: the check that is under tools/."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(600)
def test_broken_models_are_reported_and_a_kill_changes_nothing(
    repository: Path, tmp_path: Path
) -> None:
    path = os.pathsep.join([str(repository), os.environ.get("PYTHONPATH", "")])
    # One device, as users have it, and the compiled programs shared by the three rankings.
    environment = {**os.environ, "PYTHONPATH": path, "XLA_FLAGS": "", "TMPDIR": str(tmp_path)}
    check = [sys.executable, str(repository / "tools" / "check_rank.py"), "--models", "16"]
    done = subprocess.run(
        [*check, "--group", "4"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert '"ranked": 6' in done.stdout
