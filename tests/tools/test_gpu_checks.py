"""The script for a GPU, rehearsed on a CPU: every part gives figures, and none fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def rehearsed(repository: Path, out: Path, *arguments: str) -> dict[str, object]:
    """Runs the script with tiny shapes and returns what it wrote."""
    script = [sys.executable, str(repository / "tools" / "gpu_checks.py"), "--out", str(out)]
    path = os.pathsep.join([str(repository), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*script, "--tiny", *arguments],
        capture_output=True,
        text=True,
        check=False,
        # As in gpu_checks.sh: a program that was compiled before is not compiled again.
        env={"JAX_COMPILATION_CACHE_DIR": str(out / "cache"), **os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads((out / "gpu-checks.json").read_text("utf-8"))


@pytest.mark.timeout(600)
def test_parts_are_rehearsed(repository: Path, tmp_path: Path) -> None:
    found = rehearsed(repository, tmp_path, "--parts", "ceilings,attention,micro_steps")
    assert not [name for name in found if name.endswith("_failed")], found
    assert {"matmul_tflops", "micro_step_48x256", "optimiser", "two_runs_bit_equal"} <= set(found)
    kernels = {name: x for name, x in found.items() if name.startswith("attention_kernel_")}
    assert kernels
    for figures in kernels.values():
        assert max(figures["relative_difference"]) < 0.02  # type: ignore[index]
    assert found["two_runs_bit_equal"]["number_apart"] == 0  # type: ignore[index]
    assert {path.name for path in tmp_path.iterdir()} <= {"gpu-checks.json", "cache"}


def test_one_command_does_both_scripts_and_says_what_had_no_time(
    repository: Path, tmp_path: Path
) -> None:
    script = repository / "tools" / "gpu_checks.sh"
    # `python3` must be the one that has the project's requirements.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    whole = ("tasks", "ranking", "quickstart")  # not in their own order: options are passed on
    options = (
        "--data-dir",
        str(tmp_path),
        "--tokenizer",
        str(tmp_path),
        "--parts",
        ",".join(whole),
    )
    done = subprocess.run(
        ["bash", str(script), str(tmp_path), "0", *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for file, parts in (
        ("gpu-checks.json", ("ceilings", "torch", "lanes")),
        ("gpu-whole.json", whole),
    ):
        found = json.loads((tmp_path / file).read_text("utf-8"))
        assert ("seconds" in found) == (file == "gpu-checks.json")
        skipped = {name: value for name, value in found.items() if name in parts}
        assert skipped == dict.fromkeys(parts, "skipped: no time was left")
        assert tuple(skipped) == parts
