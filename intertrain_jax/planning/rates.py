"""How fast a processor trains: what is expected of two cores, and what a grid achieved here."""

from __future__ import annotations

import json
import os
import platform
from contextlib import suppress
from pathlib import Path

from intertrain_jax.base import IntertrainError, cache_root
from intertrain_jax.config.formats import read_json
from intertrain_jax.records.store import write_atomic

# Floating point operations per second that grids reached on two cores in float32, validations and host
# work included: 0.032e12 with the quickstart's 172,032 parameters, 0.09e12 with MiniLM's 10.6 million.
# Small products use a processor badly.
_SMALL, _SMALL_RATE, _POWER = 172_032, 0.032e12, 0.25
_MOST_RATE = 0.15e12
# Of a shorter grid, the first moments are most.
_ENOUGH_SECONDS = 20.0


def expected_rate(parameters: int) -> float:
    """Returns the operations per second to expect of two cores for a model of so many parameters."""
    rate: float = _SMALL_RATE * (parameters / _SMALL) ** _POWER
    return min(rate, _MOST_RATE)


def achieved_rate(parameters: int, cache_dir: str | None = None) -> float | None:
    """Returns what the latest grid of such a model achieved on this machine's processor, if any did.

    Args:
        parameters: of the encoder's layers.
        cache_dir: root of the caches; None for the default.
    """
    try:
        rate = float(read_json(_file(cache_dir))[_key(parameters)])
    except (IntertrainError, OSError, KeyError, TypeError, ValueError):
        return None
    return rate if 0 < rate < float("inf") else None


def keep_rate(parameters: int, flops: float, seconds: float, cache_dir: str | None = None) -> None:
    """Remembers what a grid achieved, for the next estimate.

    Args:
        parameters: of the encoder's layers.
        flops: that were estimated for what it did: early stopping is in the rate then.
        seconds: that it took, compilation aside.
        cache_dir: root of the caches; None for the default.
    """
    if seconds < _ENOUGH_SECONDS or flops <= 0:
        return
    try:
        known = read_json(_file(cache_dir))
    except (IntertrainError, OSError):
        known = {}
    rates = known if isinstance(known, dict) else {}
    rates[_key(parameters)] = flops / seconds
    with suppress(OSError):  # a cache that cannot be written is no reason to stop
        write_atomic(_file(cache_dir), json.dumps(rates, indent=1) + "\n")


def _file(cache_dir: str | None) -> Path:
    return cache_root(cache_dir) / "rates.json"


def _key(parameters: int) -> str:
    """A machine and the shape of a model."""
    return f"{platform.node()}, {os.cpu_count()} processors, {parameters} parameters"
