"""What the benchmarks share: contestants in processes of their own, alternating rounds, versions."""

from __future__ import annotations

import importlib
import multiprocessing as mp
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

Measure = Callable[[int], dict[str, Any]]


class Setting(Protocol):
    """One contestant."""

    @property
    def name(self) -> str:
        """For the report."""


def contestant(prepare: Callable[[Any, Any], Measure], work: Any, setting: Any, pipe: Any) -> None:
    """Runs in a process of its own: prepares, then measures a round whenever it is told to.

    A setting with a `tree` is measured by that checkout's package and its own script of this name.
    """
    tree = getattr(setting, "tree", None)
    if tree is not None:
        script = Path(sys.modules[prepare.__module__].__file__ or "").stem
        sys.path[:0] = [tree, f"{tree}/tools"]
        for shared in ("bench_common", "bench_shapes"):
            sys.modules.pop(shared, None)
        prepare = importlib.import_module(script).prepare
    measure = prepare(work, setting)
    while (number := pipe.recv()) is not None:
        began = time.process_time()
        found = measure(number)
        # Where others use the same cores, this is what can still be compared.
        pipe.send({**found, "cpu_seconds": time.process_time() - began})


def alternate(
    prepare: Callable[[Any, Any], Measure],
    work: Any,
    settings: Sequence[Any],
    rounds: int,
    unit: str,
) -> dict[str, list[dict[str, Any]]]:
    """Measures all settings in alternation; returns their rounds.

    Each contestant is a process of its own that sleeps while another is measured.

    Args:
        prepare: (work, setting) → a function that measures one round.
        work: what every contestant does.
        settings: the contestants.
        rounds: measured after round 0, which loads, compiles and warms up.
        unit: key of a round's figure that is printed.
    """
    context = mp.get_context("spawn")
    pipes = {}
    for setting in settings:
        pipes[setting.name], theirs = context.Pipe()
        arguments = (prepare, work, setting, theirs)
        context.Process(target=contestant, args=arguments, daemon=True).start()
        # Only the contestant holds its end: where it dies, waiting for it ends with an error.
        theirs.close()
    found: dict[str, list[dict[str, Any]]] = {setting.name: [] for setting in settings}
    for number in range(rounds + 1):
        for setting in settings:
            pipes[setting.name].send(number)
            result = pipes[setting.name].recv()
            if number:
                found[setting.name].append(result)
                label = unit.replace("_", " ")
                print(
                    f"round {number}  {setting.name:<40} {result[unit]:10.4g} {label}", flush=True
                )
    for pipe in pipes.values():
        pipe.send(None)
    return found


def summarise(
    found: dict[str, list[dict[str, Any]]], unit: str, baseline: str, higher_is_better: bool = True
) -> list[dict[str, Any]]:
    """Returns a row per setting: median, all rounds, and how many times better than the baseline."""
    rows = []
    for name, rounds in found.items():
        values = [r[unit] for r in rounds]
        cpu = [r["cpu_seconds"] for r in rounds]
        middle = {unit: statistics.median(values), "cpu_seconds": statistics.median(cpu)}
        more = {"rounds": values, "rounds_of_cpu_seconds": cpu}
        rows.append({"setting": name, **rounds[-1], **middle, **more})
    base = next(row for row in rows if row["setting"] == baseline)
    return [
        {
            **row,
            "ratio": row[unit] / base[unit] if higher_is_better else base[unit] / row[unit],
            "cpu_ratio": base["cpu_seconds"] / row["cpu_seconds"],
        }
        for row in rows
    ]


def versions(*more: str) -> dict[str, str]:
    """Returns the versions of what is installed, and the machine, for the report."""
    from importlib.metadata import PackageNotFoundError, version

    names = ("jax", "jaxlib", "flax", "torch", "transformers", *more)
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].split(":")[1].strip() if models else cpu
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        **found,
        "python": platform.python_version(),
        "cpu": f"{os.cpu_count()} x {cpu}",
    }
