"""Runs a grid over many base models, some broken, one with its own tokens, and checks what comes of it.

    python tools/check_grid_bases.py --bases 60 --out results/benchmarks/grid-60-bases-cpu-2-cores.json

The base models are copies of the quickstart encoder with perturbed weights, their vocabulary padded so
that all of them together would be seen in memory. Three are broken, two have further words that no text
has, and one has the words of its twin under other ids, in its tokenizer and in its weights, so that it
must score as its twin does. The grid is done once without interruption, while the process's memory is
watched, and once killed in the middle and started again. The check fails unless both matrices are the
same, every base model that cannot be used is recorded with its reason, and memory does not grow with the
models.
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
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from bench_common import versions
from check_rank import BREAK, WEIGHTS, resident_mebibytes
from safetensors.numpy import load_file, save_file

from intertrain_jax.models.hf.references import resolve_reference

BROKEN = ("missing directory", "truncated weights", "missing tensor")
EMBEDDING = "embeddings.word_embeddings.weight"
_PROGRAM = "import sys; from intertrain_jax.cli import main; main()"
_STRONGEST = 0.3
_SPECIAL = 5


def _edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def _write(source: Path, folder: Path, tensors: dict[str, Any]) -> None:
    """Writes a copy of a model with other weights."""
    shutil.copytree(source, folder)
    save_file(tensors, folder / WEIGHTS)
    _edit(folder / "config.json", vocab_size=len(tensors[_embedding(tensors)]))


def _embedding(tensors: dict[str, Any]) -> str:
    return next(name for name in tensors if name.endswith(EMBEDDING))


def _padded(tensors: dict[str, Any], words: int) -> dict[str, Any]:
    """Returns weights with words that no text has."""
    name = _embedding(tensors)
    extra = np.zeros((words - len(tensors[name]), tensors[name].shape[1]), np.float32)
    return {**tensors, name: np.concatenate([tensors[name], extra])}


def _renumber(folder: Path, tensors: dict[str, Any]) -> None:
    """Gives the words of a model other ids, in its tokenizer and in its weights."""
    file = folder / "tokenizer.json"
    tokenizer = json.loads(file.read_text("utf-8"))
    vocabulary, name = tokenizer["model"]["vocab"], _embedding(tensors)
    ids = np.arange(len(tensors[name]))
    words = len(vocabulary)
    ids[_SPECIAL:words] = np.roll(ids[_SPECIAL:words], 1)
    tokenizer["model"]["vocab"] = {word: int(ids[k]) for word, k in vocabulary.items()}
    file.write_text(json.dumps(tokenizer), "utf-8")
    moved = np.empty_like(tensors[name])
    moved[ids] = tensors[name]
    save_file({**tensors, name: moved}, folder / WEIGHTS)


def make_models(folder: Path, count: int, words: int) -> dict[str, Any]:
    """Writes a pretrained model and base models; returns their paths, and which of them are special.

    Args:
        folder: where they go.
        count: of base models.
        words: of each of them, padding included.
    """
    source = resolve_reference("quickstart")
    weights = _padded(load_file(source / WEIGHTS), words)
    pretrained = folder / "pretrained"
    _write(source, pretrained, weights)
    paths, unusable = [], {}
    special = np.linspace(1, count - 1, len(BROKEN) + 3).astype(int).tolist()
    for n in range(count):
        rng, path = np.random.default_rng(n), folder / f"base-{n:03}"
        noisy = {
            name: (
                x + _STRONGEST * (n + 1) / count * x.std() * rng.standard_normal(x.shape)
            ).astype(x.dtype)
            for name, x in weights.items()
        }
        if n in special[3:5]:
            noisy = _padded(noisy, words + 16)
        _write(source, path, noisy)
        if n in special[:3]:
            what = BROKEN[special.index(n)]
            BREAK[what](path)
            unusable[str(path)] = what
        if n == special[5]:
            twin = str(paths[0])
            _renumber(path, load_file(Path(twin) / WEIGHTS))
            own = str(path)
        paths.append(path)
    size = sum(x.nbytes for x in weights.values()) / 2**20
    return {
        "pretrained": str(pretrained),
        "bases": list(map(str, paths)),
        "unusable": unusable,
        "own": own,
        "twin": twin,
        "mebibytes_of_all": round(size * count),
    }


def command(models: dict[str, Any], folder: Path, out: Path, rows: int, epochs: int) -> list[str]:
    """Returns the command that a user would give."""
    listed = folder / "bases.txt"
    listed.write_text("\n".join(models["bases"]) + "\n", "utf-8")
    settings = {
        "model.pretrained": models["pretrained"],
        "sources": "[]",
        "targets": "[reviews, claims]",
        "protocol.epochs": epochs,
        "protocol.validate_every": rows,
        "data.limit": rows,
        "data.cache_dir": folder / "cache",
        "engine.lanes": 8,
        "engine.fuse": 8,
    }
    given = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    program = [sys.executable, "-c", _PROGRAM, "grid", "--out", str(out), "--bases", str(listed)]
    return [*program, "--seeds", "1", *given]


def start(arguments: list[str]) -> subprocess.Popen[str]:
    """Starts a grid."""
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )


def records_of(out: Path) -> int:
    """Returns how many runs have a record."""
    return len(list((out / "records").rglob("*.json")))


def watch(process: subprocess.Popen[str], out: Path) -> tuple[list[dict[str, float]], str]:
    """Samples memory until a grid has done its runs; returns samples and its output."""
    samples = []
    while process.poll() is None:
        time.sleep(0.2)
        try:
            memory = resident_mebibytes(process.pid)
        except OSError:
            break
        # Once the checkpoints' folder or the analysis is there, training is over.
        if memory == memory and not (out / "analysis").exists():
            samples.append({"records": records_of(out), "mebibytes": round(memory, 1)})
    output, _ = process.communicate()
    return samples, output


def campaign(folder: Path, bases: int, words: int, rows: int, epochs: int) -> dict[str, Any]:
    """Does the grid in one go and in two, and returns what is to be known of both.

    Args:
        folder: for everything.
        bases: how many base models.
        words: of their vocabularies.
        rows: of every split.
        epochs: of every run.
    """
    models = make_models(folder, bases, words)
    whole, killed = folder / "whole", folder / "killed"
    began = time.monotonic()
    samples, output = watch(start(command(models, folder, whole, rows, epochs)), whole)
    seconds = time.monotonic() - began

    again = command(models, folder, killed, rows, epochs)
    process = start(again)
    unusable = 2 * len(models["unusable"])
    while records_of(killed) < unusable + bases // 2 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    at_kill = records_of(killed)
    _, output_after = watch(start(again), killed)
    began = time.monotonic()
    _, idle = watch(start(again), killed)
    idle_seconds = time.monotonic() - began

    gains, other = ((out / "analysis" / "gains.csv") for out in (whole, killed))
    if not gains.is_file() or not other.is_file():
        sys.exit(f"FAILED: no matrix\n{output[-3000:]}\n{output_after[-3000:]}")
    records = pd.read_csv(whole / "analysis" / "records.csv")
    failed = records[records["status"] == "failed"].groupby("base")["reason"].first()
    scores = records.pivot_table(index="base", columns="target", values="test")
    # Before any base model is let go, memory still grows.
    settled = [s["mebibytes"] for s in samples if s["records"] >= unusable + bases // 2]
    names = models["unusable"]
    reasons = {
        names.get(base, "?"): text.replace(f"{folder}/", "") for base, text in failed.items()
    }
    difference = (scores.loc[models["own"]] - scores.loc[models["twin"]]).abs().max()
    programs = re.findall(r"(\d+) compiled training", output + output_after)
    return {
        "versions": versions(),
        "runs": len(records),
        "unusable": reasons,
        "recorded_as_failed": sorted(failed.index) == sorted(names),
        "own_tokens_against_twin": float(difference),
        "compiled_programs": [int(n) for n in programs],
        "seconds": round(seconds, 1),
        "seconds_with_nothing_to_do": round(idle_seconds, 1),
        "records_at_kill": at_kill,
        "same_matrix_after_kill": gains.read_bytes() == other.read_bytes(),
        "nothing_done_twice": "0 to do" in idle,
        "mebibytes_of_all_models": models["mebibytes_of_all"],
        "memory_mebibytes": {
            "settled": settled[0],
            "at_the_end": settled[-1],
            "most": max(settled),
        },
        "memory_over_time": samples[:: max(1, len(samples) // 60)],
        "output": output[-2000:],
    }


def problems_of(report: dict[str, Any], rows: int) -> list[str]:
    """Returns what is not as it must be."""
    memory = report["memory_mebibytes"]
    grown = memory["at_the_end"] - memory["settled"]
    checks = {
        "a base model that cannot be used is not recorded": not report["recorded_as_failed"],
        # Sums of gradients in another order may move one prediction.
        "own tokens score unlike their twin": report["own_tokens_against_twin"] > 150 / rows,
        "more than one program": set(report["compiled_programs"]) != {1},
        "the kill came too late": report["records_at_kill"] >= report["runs"],
        "another matrix after the kill": not report["same_matrix_after_kill"],
        "something was left to do": not report["nothing_done_twice"],
        "memory grows": grown > max(40, 0.25 * report["mebibytes_of_all_models"]),
    }
    return [name for name, wrong in checks.items() if wrong]


def main() -> None:
    """Does the campaign and writes its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bases", type=int, default=60)
    parser.add_argument("--words", type=int, default=16000, help="of every base model's vocabulary")
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--out", help="write the figures to this JSON file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        report = campaign(
            Path(scratch), arguments.bases, arguments.words, arguments.rows, arguments.epochs
        )
    failures, output = problems_of(report, arguments.rows), report.pop("output")
    report = {"arguments": {k: v for k, v in vars(arguments).items() if k != "out"}, **report}
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(json.dumps({k: v for k, v in report.items() if k != "memory_over_time"}, indent=1))
    if failures:
        sys.exit("FAILED: " + "; ".join(failures) + "\n" + output)
    print("all checks passed")


if __name__ == "__main__":
    main()
