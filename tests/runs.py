"""Small plans and made-up records, for tests that need no training."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from intertrain_jax.base import StopReason
from intertrain_jax.config.experiment import ExperimentConfig, ModelConfig
from intertrain_jax.planning.plan import Plan, Run, build_plan, record_of
from intertrain_jax.records.resolution import Resolution
from intertrain_jax.records.results import RunResult
from intertrain_jax.records.runs import Record

TASKS = ("alpha", "beta", "gamma")


def make_config(**changes: Any) -> ExperimentConfig:
    """Returns a configuration of three tasks, all sources and all targets, and two seeds."""
    values = {
        "name": "tiny",
        "model": ModelConfig("model"),
        "sources": TASKS,
        "targets": TASKS,
        "seeds": 2,
        **changes,
    }
    return ExperimentConfig(**values)


def make_plan(config: ExperimentConfig | None = None) -> Plan:
    """Returns the resolved plan of a configuration."""
    config = config or make_config()
    names = dict.fromkeys([*config.sources, *config.targets])
    resolution = Resolution(
        {config.model.pretrained: "weights", **{b: f"weights {b}" for b in config.model.bases}},
        {name: f"data {name}" for name in names},
        "float32",
    )
    return build_plan(config, config.sources, config.targets, resolution)


def make_result(test: float = 70.0, **changes: Any) -> RunResult:
    """Returns a result with a given test score."""
    values = {
        "metric": "accuracy",
        "test": test,
        "validation": test + 1.0,
        "n_test": 50,
        "n_validation": 100,
        "n_train": 200,
        "steps": 25,
        "examples": 800,
        "stop_reason": StopReason.SCHEDULE,
        "history": (
            {
                "step": 25,
                "examples": 800,
                "train_loss": 0.5,
                "validation": changes.get("validation", test + 1.0),
            },
        ),
        "seconds": 1.5,
        "tokens": 9000,
        **changes,
    }
    return RunResult(**values)


def made_up_score(run: Run, examples: int = 50) -> float:
    """Returns an accuracy on so many examples that depends on base, target and seed alone."""
    right = examples // 2 + zlib.crc32(run.name.encode()) % max(1, 2 * examples // 5)
    return 100.0 * right / examples


def make_record(run: Run, test: float | None = None, reason: str | None = None) -> Record:
    """Returns the record of a run: failed if there is a reason, else done."""
    result = None if reason else make_result(made_up_score(run) if test is None else test)
    return record_of(run, result, reason, {"from": "a test"}, {"jax": "0"})


def make_records(runs: Sequence[Run], failed: Mapping[str, str] | None = None) -> dict[str, Record]:
    """Returns records of runs; `failed` maps names of runs to reasons."""
    failed = failed or {}
    return {run.id: make_record(run, reason=failed.get(run.name)) for run in runs}
