"""What every layer shares: the user's error, stop reasons, content hashes, random streams."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SCHEMA_VERSION = 1
# How a pointer of Git LFS begins.
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_SCALARS = (str, float, int, bool, type(None))


# How times are written, in records and nowhere else: UTC, to the second.
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class IntertrainError(Exception):
    """An error that the user can act on: one line naming thing, rule, value and next step.

    The command line prints it as it is and exits with `exit_code`.
    """

    exit_code = 2


class InterruptedBySignal(KeyboardInterrupt):
    """The user, or the system, asked the process to end.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


class StopReason(StrEnum):
    """Why a run is no longer training."""

    RUNNING = "running"
    PATIENCE = "patience"
    SCHEDULE = "schedule"
    DIVERGED = "diverged"
    FAILED = "failed"

    @property
    def sentence(self) -> str:
        """The reason as a sentence for people."""
        return _SENTENCES[self]


_SENTENCES = {
    StopReason.RUNNING: "The run is still training.",
    StopReason.PATIENCE: "The validation score did not improve for as long as the patience allows.",
    StopReason.SCHEDULE: "The run reached the end of its schedule.",
    StopReason.DIVERGED: "The loss became infinite or not a number.",
    StopReason.FAILED: "The run could not be finished.",
}


def nearest(value: str, candidates: Iterable[str]) -> str:
    """Returns " Did you mean 'x' or 'y'?" for the closest candidates, or "" if none is close."""
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    close = difflib.get_close_matches(value.casefold(), by_folded, n=3, cutoff=0.6)
    if not close:
        return ""
    return f" Did you mean {' or '.join(repr(by_folded[match]) for match in close)}?"


def counted(number: int, noun: str) -> str:
    """Returns a number of things, in the plural but for one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def time_now() -> str:
    """Returns the time as records have it, such as 2026-11-27T18:02:11Z."""
    return datetime.now(UTC).strftime(TIME_FORMAT)


def printable(text: str) -> str:
    """Returns a text in one line, with what a terminal would act on, or cannot show, written out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def reason_of(error: Exception, what: str) -> str:
    """Returns in one line why something failed: the user's error as it is, another one in words.

    Args:
        error: what was raised.
        what: what failed, as the beginning of a sentence.
    """
    if isinstance(error, IntertrainError):
        return str(error)
    return f"{what}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"


def lfs_pointer(path: Path) -> bool:
    """Whether a file is a pointer of Git LFS, which stands where the file itself was not fetched."""
    try:
        with path.open("rb") as file:
            return file.read(len(LFS_POINTER)) == LFS_POINTER
    except OSError:
        return False


def content_hash(value: object, length: int = 12) -> str:
    """Returns the first `length` hex digits of the SHA-256 of the value's canonical JSON.

    Equal content gives equal hashes: key order does not matter, dataclasses count as mappings
    of their fields, tuples as lists, enums as their values. 1 and 1.0 are different content.

    Raises:
        TypeError: the value holds something that has no canonical form.
        ValueError: the value holds a float that is not finite.
    """
    text = json.dumps(
        _plain(value), sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")
    )
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:length]


def stream(seed: int, name: str, index: int | None = None) -> np.random.Generator:
    """Returns a stream of random numbers, the same on every machine and engine.

    All numbers that decide a score come from here, so that streams of one seed are told apart by
    their names alone: `stream(seed, "order", epoch)`, `stream(seed, "head/out")`. Two kinds of
    numbers are older than this function and keep their own way, as results rest on them: the seed
    of dropout (`train.hyper`) and the sentences of the quickstart's tasks (`data.quickstart`).
    Resampling in statistics decides no score; it takes NumPy's default generator.

    Args:
        seed: the run's; at least 0.
        name: what the numbers are for; of a long one the last eight bytes count.
        index: which of several streams of that name, such as the epoch; below 2²⁰, and then the name
            has at most five bytes.

    Raises:
        ValueError: the seed, name and index are no key.
    """
    import numpy as np  # here, as every command imports this module, and few need arrays

    word = int.from_bytes(name.encode()[-8:], "big")
    if index is not None:
        if not 0 <= index < 1 << 20:
            raise ValueError(f"stream {name!r}: the index must be in [0, 2²⁰), got {index}")
        word = (word << 20) + index
    if seed < 0 or word >> 64:
        raise ValueError(f"stream {name!r}: no key of two words for seed {seed}, index {index}")
    return np.random.Generator(np.random.Philox(key=[seed, word]))


def _plain(value: object) -> Any:
    """Rewrites a value in the types that JSON has."""
    if type(value) in _SCALARS:  # most are; a plan hashes a hundred thousand runs
        return value
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("content_hash: mapping keys must be strings")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise TypeError(f"content_hash: no canonical form for {type(value).__name__}")


def cache_root(configured: str | None = None) -> Path:
    """Returns the folder of caches: as configured, else $INTERTRAIN_CACHE, else one below home."""
    named = configured or os.environ.get("INTERTRAIN_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "intertrain_jax"
