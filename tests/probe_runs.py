"""Records of made-up probes, for tests of whatever reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from intertrain_jax.base import StopReason
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.records.probes import (
    HeadScore,
    ProbeRecord,
    choose_rate,
    pack_answers,
    probe_id,
)
from intertrain_jax.records.results import RunResult
from intertrain_jax.records.runs import BaseRef, DataStamp

PROTOCOL = Protocol(method="probe", precision="float32")
RATES = (1e-4, 1e-3)


def head_result(test: float, validation: float, n_test: int = 200, metric: str = "accuracy") -> Any:
    """Returns the result of a head."""
    return RunResult(
        metric, test, validation, n_test, 20, 100, 12, 96, StopReason.SCHEDULE, ({"step": 1},)
    )


def probe_record(
    label: str,
    accuracies: tuple[float, ...] = (60.0, 61.0),
    n_test: int = 200,
    seed: int = 0,
    **changes: Any,
) -> ProbeRecord:
    """Returns the record of a model whose heads were right on random test examples.

    Args:
        label: of the model.
        accuracies: by seed, in percent; the first examples of one random order are right.
        n_test: test examples.
        seed: of that order: models with one seed are right on the same examples.
        changes: fields to replace.
    """
    order = np.random.default_rng(seed).permutation(n_test)
    right = np.zeros((len(accuracies), n_test), np.bool_)
    for row, accuracy in zip(right, accuracies, strict=True):
        row[order[: round(accuracy * n_test / 100)]] = True
    tests = 100.0 * right.mean(axis=1)
    heads = [
        HeadScore(s, rate, head_result(float(test) - worse, 55.0 - worse, n_test))
        for s, test in enumerate(tests)
        for worse, rate in zip((5.0, 0.0), RATES, strict=True)
    ]
    ref = ModelRef(label)
    values: dict[str, Any] = {
        "id": probe_id(ref, None, "task", "data", PROTOCOL),
        "model": BaseRef(label, label, None, f"weights of {label}"),
        "target": "task",
        "data": DataStamp("data", {}),
        "protocol": PROTOCOL,
        "seeds": len(accuracies),
        "learning_rates": RATES,
        "estimators": ("lp", "logme"),
        "status": "done",
        "learning_rate": choose_rate(heads),
        "heads": tuple(heads),
        "answers": pack_answers(right),
        "estimates": {"logme": float(np.mean(tests)) / 100},
        "seconds": {"load": 0.5, "features": 1.0},
    }
    return ProbeRecord(**{**values, **changes})


def failed_record(label: str, reason: str) -> ProbeRecord:
    """Returns the record of a model that could not be probed."""
    return probe_record(
        label,
        status="failed",
        reason=reason,
        heads=(),
        learning_rate=None,
        answers=None,
        estimates={},
        seconds={},
        model=BaseRef(label, label),
    )
