"""A result as finite JSON: every statistic by name, with its definition and where that comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from intertrain_jax.stats.correlation import CONFIDENCE
from intertrain_jax.study.pairs import PairsResult
from intertrain_jax.study.result import Result
from intertrain_jax.study.statistics import STATISTICS
from intertrain_jax.study.statistics.probe_gain import PROBE_GAIN
from intertrain_jax.study.statistics.statistic import SEED, Statistic

SCHEMA = 1


def summarise(result: Result) -> dict[str, Any]:
    """Returns a result as plain values for `summary.json`; NaN becomes null."""
    study = result.study
    found = {}
    for name, statistic in STATISTICS.items():
        value = result.statistics.get(name)
        if value is not None:
            found[name] = described(statistic, statistic.plain(value))
    gains = study.gains
    return {
        "schema": SCHEMA,
        "study": {
            "name": study.name,
            "kind": study.kind,
            "pretrained": study.pretrained,
            "base_models": len(gains.mean),
            "targets": len(gains.mean.columns),
            "seeds": gains.asked,
            "cells": study.cells,
            "cells_missing": study.missing,
            "cells_with_fewer_seeds": study.thin,
            "left_out": plain([_finding(finding) for finding in study.left_out]),
            "notes": list(study.notes),
        },
        "units": "gains in points of percent, squared errors in points squared",
        "confidence": CONFIDENCE,
        "seed": SEED,
        "statistics": found,
        "not_computed": dict(result.not_computed),
    }


def summarise_pairs(result: PairsResult) -> dict[str, Any]:
    """Returns what two measurements say as plain values for `summary.json`."""
    pairs = result.pairs
    values = {
        "x": pairs.x_name,
        "y": pairs.y_name,
        "rows": len(pairs.x),
        **result.coefficients,
        "line": result.line,
    }
    return {
        "schema": SCHEMA,
        "study": {"name": pairs.name, "kind": "pairs"},
        "confidence": CONFIDENCE,
        "statistics": {"probe_gain": described(PROBE_GAIN, values)},
    }


def plain(value: Any) -> Any:
    """Returns a value as JSON knows it: dataclasses and tables as mappings, NaN and infinity as None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, pd.DataFrame):
        return [plain(row) for row in value.to_dict("records")]
    if isinstance(value, pd.Series):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        # Six digits: beyond them, libraries differ.
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def described(statistic: Statistic[Any], value: Any) -> dict[str, Any]:
    """Returns a statistic as a mapping of plain values, after its definition and source."""
    return {"definition": statistic.definition, "source": statistic.source, **plain(value)}


def _finding(finding: Any) -> dict[str, Any]:
    return {
        name: getattr(finding, name) for name in ("row", "model", "rule", "severity", "evidence")
    }
