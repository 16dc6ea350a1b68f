"""A person's file, a few models and an engine that makes up their scores, for tests of `recommend`."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.planning.work import Emit, GridWork
from intertrain_jax.report import decision as report
from intertrain_jax.workflows import recommend
from tests.experiments import FakeEngine, write_experiment
from tests.runs import make_result

ROWS = 2000
# Of the models, in points; the ranking has them in this order.
GAINS = {"m1": 1.0, "m2": 6.0, "m3": 0.0, "m4": -2.0, "m5": -3.0, "m6": -4.0}


def write_target(folder: Path, rows: int = ROWS) -> Path:
    """Writes a CSV as a spreadsheet saves it: semicolons, a mark, and labels that are words."""
    lines = [
        f'"A {("poor", "good")[k % 2]} dish; number {k}";{("schlecht", "gut")[k % 2]}'
        for k in range(rows)
    ]
    file = folder / "dishes.csv"
    file.write_text("\ufefftext;label\r\n" + "\r\n".join(lines) + "\r\n", "utf-8")
    return file


def write_models(folder: Path, gains: Mapping[str, float] = GAINS) -> Path:
    """Writes the pretrained model, the others, and a ranking of them; returns the ranking."""
    pretrained = folder / "model"
    write_experiment(folder)
    lines = ["model,score"]
    for k, name in enumerate(gains):
        shutil.copytree(pretrained, folder / name, dirs_exist_ok=True)
        lines.append(f"{folder / name},{50 - k}")
    (folder / "ranking.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / "ranking.csv"


@dataclass
class Scored(FakeEngine):
    """Gives every model its gain, and noise by name and seed.

    Attributes:
        gains: name of a model's folder → points over the pretrained model.
        noise: standard deviation of a run, in points.
        killed_after: records after which the process is as good as dead.
        seconds: that a run takes, as the engine says.
    """

    gains: Mapping[str, float] = field(default_factory=lambda: GAINS)
    noise: float = 0.5
    killed_after: int | None = None
    seconds: float = 1.0

    def run_grid(
        self, work: GridWork, emit: Emit, watch: Callable[[GridProgress], None]
    ) -> GridProgress:
        """Does runs in an order of its own."""
        self.work = work
        wanted = [run for run in work.plan.runs if run.id not in work.done]
        done = 0
        rows: Any = work.bases
        for run in sorted(wanted, key=lambda run: zlib.crc32(run.name.encode())):
            if self.killed_after is not None and len(self.calls) >= self.killed_after:
                raise SystemExit("killed")
            self.calls.append(run.name)
            folder = Path(run.base.reference).name
            reason = self.failures.get(folder)
            if reason is None:
                counts = {k: len(split) for k, split in rows.data[run.target].splits.items()}
                score = (
                    70.0 + self.gains.get(folder, 0.0) + self.noise * _normal(f"{folder}{run.seed}")
                )
                n, v = counts["test"], counts["validation"]
                test, validation = (round(score * c / 100) * 100 / c for c in (n, v))
                sizes = {f"n_{name}": count for name, count in counts.items()}
                emit(run, make_result(test, validation=validation, **sizes), None)
            else:
                emit(run, None, reason)
            done += 1
            watch(self._progress(done))
        return self._progress(done)

    def _progress(self, done: int) -> GridProgress:
        return GridProgress(
            lanes=4, examples=400, tokens=900, slots=1000, lane_ticks=80, busy_ticks=60,
            compilations=1, done=done, total=done, seconds=self.seconds * done,
        )  # fmt: skip


def _normal(name: str) -> float:
    """Returns a number that looks drawn from a normal distribution, by a name."""
    parts = [zlib.crc32(f"{name}{k}".encode()) / 2**32 for k in range(12)]
    return sum(parts) - 6.0


def decision(out: Path) -> dict[str, Any]:
    """Returns decision.json without what is time."""
    found: dict[str, Any] = json.loads((out / "decision.json").read_text("utf-8"))
    return {key: value for key, value in found.items() if key != "seconds"}


def spare_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out what takes the most time and decides nothing: statistics of the grid, and pictures."""
    monkeypatch.setattr(recommend, "analysed", lambda prepared, watcher, final: None)
    for name in ("_draw_narrowing", "_draw_spent"):
        monkeypatch.setattr(report, name, lambda out, decision: None)
