"""How records are kept: one file each, written whole or not at all, read only where whole."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar, cast

from intertrain_jax.base import SCHEMA_VERSION, IntertrainError
from intertrain_jax.config.formats import read_json
from intertrain_jax.config.strict import build, to_plain
from intertrain_jax.records.sound import odd_ones

Status = Literal["done", "failed"]


class Storable(Protocol):
    """What the store wants of a record, a frozen dataclass of what JSON can hold.

    Attributes:
        id: hash of what decided its content; the end of its file's name.
        target: the task; the folder of its file.
        status: whether it has scores, or a reason why not.
    """

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def target(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> Status: ...  # noqa: D102


R = TypeVar("R", bound=Storable)
K = TypeVar("K", bound=Hashable)


def done_wins(new: Storable, known: Storable) -> bool:
    """Whether a record takes the place of an equal one: what failed here and was done there is done."""
    return known.status == "failed"


def no_facts(record: Storable) -> None:
    """A record that says nothing that others must say too."""


@dataclass(frozen=True)
class RecordType(Generic[K, R]):
    """One type of record.

    Attributes:
        folder: of the results directory, in which its files are.
        record: its dataclass.
        check: raises IntertrainError for a record that contradicts itself.
        name: of its file, without the id.
        key: what two records that say the same have in common.
        wins: whether of two records with one key the first takes the place of the second.
        facts: (what a record is of, what is alike for all of them); None where there is nothing.
    """

    folder: str
    record: type[R]
    check: Callable[[R], None]
    name: Callable[[R], str]
    key: Callable[[R], K]
    wins: Callable[[R, R], bool] = done_wins
    facts: Callable[[R], tuple[Hashable, Hashable] | None] = no_facts

    def to_json(self, record: R) -> dict[str, Any]:
        """Returns a record as plain values, the schema version first."""
        return {"schema": SCHEMA_VERSION, **to_plain(asdict(cast(Any, record)))}

    def from_json(self, raw: object) -> R:
        """Builds a record from plain values and checks that it is consistent.

        Raises:
            IntertrainError: it is not a record of this schema, or contradicts itself.
        """
        if not isinstance(raw, Mapping) or "schema" not in raw:
            raise IntertrainError("not a record: the key 'schema' is missing")
        if raw["schema"] != SCHEMA_VERSION:
            raise IntertrainError(f"schema {raw['schema']!r} is not {SCHEMA_VERSION}")
        content = {key: value for key, value in raw.items() if key != "schema"}
        record: R = build(self.record, content, "", "key")
        self.check(record)
        return record

    def read(self, path: Path) -> R:
        """Reads one record file.

        Raises:
            IntertrainError: it is truncated, not JSON, or not a record; the message is the reason.
        """
        content = read_json(path)
        try:
            json.dumps(content, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:  # no table could be written with it
            raise IntertrainError("it has half a character (a lone surrogate) in a text") from error
        record = self.from_json(content)
        if not path.name.endswith(f"--{record.id}.json"):
            raise IntertrainError(f"its name does not end in its id, --{record.id}.json")
        return record


@dataclass(frozen=True)
class Problem:
    """A file among the records that is none.

    Attributes:
        path: the file.
        reason: what is wrong with it.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class Stored(Generic[K, R]):
    """What a directory of records holds.

    Attributes:
        by_key: key → record; the key of a run is its id, that of a probe (label, id).
        problems: files that are not whole, valid records; what they were of counts as not done.
    """

    by_key: dict[K, R]
    problems: tuple[Problem, ...] = ()


class Store(Generic[K, R]):
    """The records of one type in one results directory.

    Args:
        out: the results directory.
        record_type: their type.
    """

    def __init__(self, out: Path, record_type: RecordType[K, R]) -> None:
        self.root, self._type = out / record_type.folder, record_type

    def path(self, record: R) -> Path:
        """Returns the file of a record; it always lies inside the store."""
        name = f"{self._type.name(record)}--{record.id}.json"
        return self.root / safe_name(record.target) / name

    def write(self, record: R) -> Path:
        """Writes a record: after a crash the file is either whole or not there."""
        path = self.path(record)
        # Scores arrive as NumPy scalars too; one that is not finite is a bug, never a number.
        text = json.dumps(
            self._type.to_json(record), indent=1, allow_nan=False, default=lambda x: x.item()
        )
        write_atomic(path, text + "\n")
        return path

    def read_all(self) -> Stored[K, R]:
        """Reads every record in the order of paths; files that are none become problems."""
        by_key: dict[K, R] = {}
        paths: dict[K, Path] = {}
        problems = []
        for path in sorted(self.root.rglob("*.json")):
            try:
                if not path.is_file():  # a pipe would be waited for
                    raise IntertrainError("it is no file")
                record = self._type.read(path)
            except IntertrainError as error:
                problems.append(Problem(path, str(error)))
                continue
            key = self._type.key(record)
            if key not in by_key or self._type.wins(record, by_key[key]):
                by_key[key], paths[key] = record, path
        for key, reason in odd_ones(by_key, self._type.facts).items():
            problems.append(Problem(paths[key], reason))
            del by_key[key]
        return Stored(by_key, tuple(problems))


def write_atomic(path: Path, content: str | bytes) -> None:
    """Writes a file beside its place, then renames it there: readers never see half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        # On a full disk half a file would take the room that is missing.
        with suppress(OSError):
            beside.unlink()
        raise


def safe_name(name: str) -> str:
    """Returns a name as one harmless part of a path; ids keep different names' files apart."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".-")[:80] or "_"
