"""Ranks many perturbed copies of the quickstart encoder, some broken, and checks what comes of it.

    python tools/check_rank.py --models 200 --out results/benchmarks/rank-200.json

Ten of the models are broken in ten ways. They are ranked once without interruption, while the process's
memory is watched, and once killed in the middle and started again. The check fails unless both tables
are the same, all whole models are ranked, every broken one is reported with its reason, and the number
of compiled programs is two: one for features, one for heads. Of a hundred models and more it also fails
where memory still grows after the first quarter.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bench_common import versions
from safetensors.numpy import load_file, save_file

from intertrain_jax.models.hf.references import resolve_reference

WEIGHTS, CONFIG = "model.safetensors", "config.json"
TIMES = ("seconds",)
_PROGRAM = "import sys; from intertrain_jax.cli import main; main()"
# Perturbations, as shares of every array's standard deviation: from nothing to a ruined model.
_STRONGEST = 1.0
# From how many models on a process's memory has settled at a quarter of them.
MODELS_TO_SETTLE = 100


class RunsCode:
    """What a pickle must not be allowed to do: it would write a file when it is loaded."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        """Returns what unpickling would call."""
        return (Path.touch, (Path(self._path),))


def _edit_config(folder: Path, **changes: Any) -> None:
    content = json.loads((folder / CONFIG).read_text()) | changes
    (folder / CONFIG).write_text(json.dumps(content))


def _edit_weights(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def _truncate(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])


def _poison(tensors: dict[str, Any]) -> None:
    name = next(name for name in sorted(tensors) if name.endswith("query.weight"))
    tensors[name] = np.full_like(tensors[name], np.nan)


def _drop(tensors: dict[str, Any]) -> None:
    del tensors[next(name for name in sorted(tensors) if name.endswith("key.bias"))]


def _reshape(tensors: dict[str, Any]) -> None:
    name = next(name for name in sorted(tensors) if name.endswith("value.weight"))
    tensors[name] = np.ascontiguousarray(tensors[name][:-1])


def _pickle(folder: Path) -> None:
    import pickle

    (folder / WEIGHTS).unlink()
    evil = pickle.dumps({"weight": RunsCode(str(folder / "code-was-run"))})
    (folder / "pytorch_model.bin").write_bytes(evil)


BREAK: dict[str, Callable[[Path], None]] = {
    "missing directory": shutil.rmtree,
    "no config": lambda folder: (folder / CONFIG).unlink(),
    "config is no JSON": lambda folder: (folder / CONFIG).write_text("{"),
    "another architecture": lambda folder: _edit_config(folder, model_type="gpt2"),
    "another vocabulary size": lambda folder: _edit_config(folder, vocab_size=7),
    "truncated weights": _truncate,
    "not a number": lambda folder: _edit_weights(folder, _poison),
    "missing tensor": lambda folder: _edit_weights(folder, _drop),
    "misshapen tensor": lambda folder: _edit_weights(folder, _reshape),
    "pickle that runs code": _pickle,
}


def make_models(folder: Path, count: int) -> tuple[list[Path], dict[str, str]]:
    """Writes perturbed copies, ten of them broken; returns their paths, and path → how it is broken."""
    source = resolve_reference("quickstart")
    weights = load_file(source / WEIGHTS)
    broken_at = dict(zip(np.linspace(2, count - 2, len(BREAK)).astype(int), BREAK, strict=True))
    paths, broken = [], {}
    for n in range(count):
        rng = np.random.default_rng(n)
        path = folder / f"perturbed-{n:03}"
        shutil.copytree(source, path)
        strength = _STRONGEST * n / count
        noisy = {
            name: (x + strength * x.std() * rng.standard_normal(x.shape)).astype(x.dtype)
            for name, x in weights.items()
        }
        save_file(noisy, path / WEIGHTS)
        if n in broken_at:
            BREAK[broken_at[n]](path)
            broken[str(path)] = broken_at[n]
        paths.append(path)
    return paths, broken


def start(models: Path, out: Path, arguments: argparse.Namespace) -> subprocess.Popen[str]:
    """Starts a ranking as a user would."""
    command = [sys.executable, "-c", _PROGRAM, "rank", "--models", str(models), "--out", str(out)]
    command += ["--task", arguments.task, "--seeds", str(arguments.seeds)]
    command += ["--estimators", "lp,logme", "--set", "protocol.max_length=64"]
    command += ["--set", "protocol.batch_size=16", "--set", f"protocol.epochs={arguments.epochs}"]
    command += ["--set", f"group={arguments.group}", "--set", "learning_rates=[5e-3, 5e-2]"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )


def resident_mebibytes(process: int) -> float:
    """Returns a process's memory."""
    text = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found.group(1)) / 1024 if found else float("nan")


def count_records(out: Path) -> int:
    """Returns how many models have a record."""
    return len(list((out / "probes").rglob("*.json")))


def watch(process: subprocess.Popen[str], out: Path) -> tuple[list[dict[str, float]], str]:
    """Samples memory until a ranking ends; returns samples and its output."""
    samples = []
    while process.poll() is None:
        time.sleep(0.5)
        try:
            memory = resident_mebibytes(process.pid)
        except OSError:
            break
        if memory != memory:  # it is about to end
            break
        samples.append({"records": count_records(out), "mebibytes": round(memory, 1)})
    output, _ = process.communicate()
    return samples, output


def table_of(out: Path, output: str) -> pd.DataFrame:
    """Returns a ranking's table without times; ends with the ranking's output if there is none."""
    if not (out / "ranking.csv").is_file():
        sys.exit(f"FAILED: no table in {out}\n{output[-4000:]}")
    return pd.read_csv(out / "ranking.csv").drop(columns=list(TIMES))


def main() -> None:
    """Makes models, ranks them twice, compares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--task", default="claims")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=float, default=5)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--out", help="write the figures to this JSON file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "models").mkdir()
        paths, broken = make_models(folder / "models", arguments.models)
        listed = folder / "models.txt"
        listed.write_text("\n".join(map(str, paths)) + "\n")

        whole = folder / "whole"
        began = time.monotonic()
        samples, output = watch(start(listed, whole, arguments), whole)
        seconds = time.monotonic() - began

        killed = folder / "killed"
        process = start(listed, killed, arguments)
        while count_records(killed) < arguments.models // 3 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        at_kill = count_records(killed)
        _, output_after = watch(start(listed, killed, arguments), killed)

        table, other = table_of(whole, output), table_of(killed, output_after)
        failed = table[table["status"] == "failed"]
        reasons = {
            broken.get(row.model, "?"): row.reason.replace(f"{folder}/", "")
            for row in failed.itertuples()
        }
        programs = [int(n) for n in re.findall(r"(\d+) compiled programs", output + output_after)]
        ran_code = [str(path) for path in folder.rglob("code-was-run")]
    settled = [s["mebibytes"] for s in samples if s["records"] >= arguments.models // 4]
    memory = {"at_a_quarter": settled[0], "at_the_end": settled[-1], "most": max(settled)}
    report = {
        "arguments": {k: v for k, v in vars(arguments).items() if k != "out"},
        "versions": versions(),
        "ranked": int((table["status"] == "done").sum()),
        "failed": reasons,
        "compiled_programs": programs,
        "seconds_from_start_to_table": round(seconds, 1),
        "records_at_kill": at_kill,
        "same_table_after_kill": bool(table.equals(other)),
        "memory_mebibytes": memory,
        "memory_over_time": samples[:: max(1, len(samples) // 60)],
    }
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({k: v for k, v in report.items() if k != "memory_over_time"}, indent=1))
    problems = [
        ("not all whole models are ranked", report["ranked"] != arguments.models - len(BREAK)),
        ("a broken model is not reported", set(reasons) != set(BREAK)),
        ("more programs than two", set(programs) != {2}),
        ("the kill came too late", not 0 < at_kill < arguments.models),
        ("another table after the kill", not report["same_table_after_kill"]),
        ("a pickle ran code", bool(ran_code)),
        # Of few models it grows still: programs, arrays and the allocator's own reserves are new.
        (
            "memory grows",
            arguments.models >= MODELS_TO_SETTLE
            and memory["at_the_end"] > 1.1 * memory["at_a_quarter"] + 50,
        ),
    ]
    failures = [name for name, failed in problems if failed]
    if failures:
        sys.exit("FAILED: " + "; ".join(failures) + "\n" + output[-2000:])
    print("all checks passed")


if __name__ == "__main__":
    main()
