"""How records are kept: written whole or not at all, read only where whole."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from intertrain_jax.base import IntertrainError

R = TypeVar("R")


@dataclass(frozen=True)
class Problem:
    """A file among the records that is none.

    Attributes:
        path: the file.
        reason: what is wrong with it.
    """

    path: Path
    reason: str


def read_each(root: Path, read: Callable[[Path], R]) -> tuple[list[R], tuple[Problem, ...]]:
    """Reads every JSON file below a folder, in the order of their paths.

    Args:
        root: of a store; nothing where it is not there.
        read: raises IntertrainError for a file that is no record, which then is a problem.
    """
    records, problems = [], []
    for path in sorted(root.rglob("*.json")):
        try:
            records.append(read(path))
        except IntertrainError as error:
            problems.append(Problem(path, str(error)))
    return records, tuple(problems)


def read_json(path: Path) -> Any:
    """Returns the content of a JSON file.

    Raises:
        IntertrainError: it is truncated, or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise IntertrainError(f"not readable as JSON: {error}") from error


def write_atomic(path: Path, content: str | bytes) -> None:
    """Writes a file beside its place, then renames it there: readers never see half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with beside.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def safe_name(name: str) -> str:
    """Returns a name as one harmless part of a path; ids keep different names' files apart."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".-")[:80] or "_"
