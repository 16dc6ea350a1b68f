"""A ranking that makes up its scores, for tests of whatever is around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from intertrain_jax.base import IntertrainError, StopReason
from intertrain_jax.config.experiment import DataConfig, EngineConfig
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import encode_task
from intertrain_jax.probe.heads import HeadRun
from intertrain_jax.probe.ranker import Outcome, RankProgress, result_of
from intertrain_jax.train.stopping import Progress
from tests.experiments import write_task, write_tokenizer

TASK = {"name": "alpha", "texts": ["{text}"], "labels": ["bad", "good"]}


def write_ranking(tmp_path: Path) -> RankConfig:
    """Writes data and a tokenizer, and returns a ranking of four models that need no files."""
    write_task(tmp_path / "data" / "alpha")
    write_tokenizer(tmp_path / "tokenizer")
    return RankConfig(
        task="alpha",
        models=("org/a", "org/b", "org/c"),
        pretrained="org/pt",
        seeds=2,
        learning_rates=(1e-3,),
        protocol=Protocol(max_length=12),
        data=DataConfig(str(tmp_path / "data")),
        tasks=(TASK,),
        out=str(tmp_path / "out"),
    )


@dataclass
class FakeRanking:
    """A ranking that makes up its scores: `calls` are the labels of the models that were probed."""

    data: Any
    tokenizer: Path
    failures: dict[str, str]
    calls: list[str] = field(default_factory=list)
    interrupt_after: int | None = None
    at: list[str | None] = field(default_factory=list)
    protocol: Protocol | None = None

    def require(self, ref: ModelRef) -> None:
        """Is there, or not."""
        if ref.label in self.failures:
            raise IntertrainError(self.failures[ref.label])

    def run(self, refs: Sequence[ModelRef], emit: Any, watch: Any) -> RankProgress:
        """Emits one model after another."""
        task = encode_task(self.data, self.tokenizer, 12, str(self.tokenizer.parent / "cache"))
        packed = SimpleNamespace(encoded=task, sizes={"train": len(task.train)}, num_tokens=99)
        for ref in refs:
            if self.interrupt_after == len(self.calls):
                raise KeyboardInterrupt
            self.calls.append(ref.label)
            self.at.append(ref.at)
            if ref.label in self.failures:
                emit([Outcome(ref, self.failures[ref.label])])
                continue
            loaded: Any = SimpleNamespace(
                task=packed,
                tokenizer="its own",
                revision=f"commit of {ref.label}",
                checkpoint=SimpleNamespace(fingerprint=f"weights {ref.label}"),
            )
            right = sum(map(ord, ref.label)) % len(task.test)
            heads = []
            for seed in range(2):
                labels = np.asarray(task.test.labels)
                guesses = np.where(np.arange(len(labels)) < right + seed, labels, 1 - labels)
                run = HeadRun(Progress(0.5, 0.5, 0, StopReason.SCHEDULE), steps=3, examples=24)
                run.outputs_NxC = np.eye(2, dtype=np.float32)[guesses]
                run.test = float(np.mean(guesses == labels))
                heads.append((run,))
            emit([Outcome(ref, None, loaded, "shape", tuple(heads))])
            done = len(self.calls)
            watch(RankProgress(done=done, passed=done, total=len(refs), seconds=1.0))
        return RankProgress(done=len(refs), total=len(refs), seconds=1.0)


@dataclass
class FakeRunner:
    """Makes up scores, and keeps the rankings that it has prepared."""

    changes: dict[str, Any]
    made: list[FakeRanking] = field(default_factory=list)

    def resolve_precision(self, precision: str) -> str:
        return "float32"

    def environment(self, options: EngineConfig | None = None) -> dict[str, str]:
        return {"device": "made up"}

    def ranking(
        self, config: Any, protocol: Any, data: Any, out: Path, architecture: Any
    ) -> FakeRanking:
        failures = self.changes.get("failures", {})
        self.made.append(FakeRanking(data, out.parent / "tokenizer", failures))
        self.made[-1].interrupt_after = self.changes.get("interrupt_after")
        self.made[-1].protocol = protocol
        return self.made[-1]

    def head_result(self, *arguments: Any) -> Any:
        return result_of(*arguments)


def fake(config: RankConfig, **changes: Any) -> tuple[Any, list[FakeRanking]]:
    """Returns a runner that makes up scores, and the rankings that it will have prepared."""
    runner = FakeRunner(changes)
    return runner, runner.made
