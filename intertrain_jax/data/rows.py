"""Where a task's rows come from: the user's data directory or file, the hub, or the package itself."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.task import Task

Row = dict[str, Any]
SUFFIXES = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class RawSplit:
    """The rows of one official split, and where they were read.

    Attributes:
        rows: columns by name.
        origin: a file or a hub split, for error messages.
    """

    rows: list[Row]
    origin: str


def at_hand(task: Task, data_dir: str | None) -> bool:
    """Whether a task's rows are at hand without a network."""
    return (
        task.file is not None
        or "quickstart" in task.groups
        or (data_dir is not None and (Path(data_dir) / task.name).is_dir())
    )


def read_splits(
    task: Task, names: Iterable[str], data_dir: str | None
) -> tuple[dict[str, RawSplit], dict[str, Any]]:
    """Reads the official splits of a task that it needs.

    Places in order: the task's own file, the data directory, the embedded quickstart tasks, the hub.

    Args:
        task: what to read.
        names: official split names.
        data_dir: folder with one folder per task, or None.

    Returns:
        The splits by name, and a description of their origin for records.

    Raises:
        IntertrainError: if a split is not there or cannot be read.
    """
    names = list(dict.fromkeys(names))
    if task.file is not None:
        path = Path(task.file)
        if not path.is_file():
            raise IntertrainError(
                f"task {task.name!r}: its file {task.file!r} does not exist. Correct the path."
            )
        return {"train": RawSplit(read_rows(path), str(path))}, {"kind": "file", "name": path.name}
    if data_dir is not None:
        if not Path(data_dir).is_dir():
            raise IntertrainError(
                f"data directory {data_dir!r} does not exist. Correct --data-dir, or leave it out"
                " to use the hub."
            )
        folder = Path(data_dir) / task.name
        if folder.is_dir():
            found = {name: _from_folder(task, folder, name) for name in names}
            return found, {"kind": "data_dir", "name": task.name}
    if "quickstart" in task.groups:
        from intertrain_jax.data.quickstart.tasks import generate

        generated = {
            name: RawSplit(_as_rows(columns), f"{task.name}/{name}")
            for name, columns in generate(task.name).items()
        }
        return generated, {"kind": "quickstart"}
    return _from_hub(task, names, data_dir)


def _from_folder(task: Task, folder: Path, split: str) -> RawSplit:
    files = [folder / f"{split}{suffix}" for suffix in SUFFIXES]
    present = [file for file in files if file.is_file()]
    if not present:
        have = sorted({f.name.split(".")[0] for f in folder.iterdir() if f.is_file()})
        raise IntertrainError(
            f"task {task.name!r}: {str(folder)!r} has no split {split!r}, it has"
            f" {', '.join(have) or 'none'}. Add {split}.jsonl, or leave the task out."
        )
    return RawSplit(read_rows(present[0]), str(present[0]))


def read_rows(path: Path) -> list[Row]:
    """Reads a file of rows: JSON lines, CSV (both also gzipped) or Parquet.

    Raises:
        IntertrainError: naming file and line, if it is not what its name says.
    """
    try:
        if path.name.endswith(".parquet"):
            import pandas as pd

            records: Any = pd.read_parquet(path).to_dict("records")
            return list(records)
        with _open(path) as file:
            if ".jsonl" in path.name:
                return list(_json_rows(path, file))
            if ".csv" in path.name:
                return list(csv.DictReader(file))
    except (OSError, EOFError, UnicodeDecodeError, ValueError, csv.Error) as error:
        raise IntertrainError(
            f"{str(path)!r} cannot be read ({str(error).splitlines()[0]}). Mend or replace the file."
        ) from error
    raise IntertrainError(
        f"{str(path)!r} has an unknown format; known are {', '.join(SUFFIXES)}. Convert it."
    )


def _open(path: Path) -> IO[str]:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _json_rows(path: Path, lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise IntertrainError(
                f"{str(path)!r}, line {number}: not valid JSON ({error.msg}). Mend that line."
            ) from error
        if not isinstance(row, dict):
            raise IntertrainError(
                f"{str(path)!r}, line {number}: must be a JSON object with one key per column, is a"
                f" {type(row).__name__}. Mend that line."
            )
        yield row


def _as_rows(columns: dict[str, list[Any]]) -> list[Row]:
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _from_hub(
    task: Task, names: list[str], data_dir: str | None
) -> tuple[dict[str, RawSplit], dict[str, Any]]:
    where = "" if data_dir is None else f" It is not in {data_dir!r} either."
    if task.hub is None:
        raise IntertrainError(
            f"task {task.name!r} is not on the hub ({task.note or 'no repository is known'}).{where}"
            f" Put its splits into a folder {task.name!r} and name the folder's parent: --data-dir."
        )
    import datasets

    hub, found, unlabelled = task.hub, {}, 0
    for name in names:
        split = hub.splits.get(name, name)
        try:
            table = datasets.load_dataset(hub.path, hub.config, split=split, revision=hub.revision)
        except Exception as error:  # the client raises errors of many libraries
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise IntertrainError(
                f"task {task.name!r}: split {split!r} of hub dataset {hub.path!r} could not be loaded"
                f" ({reason}).{where} Check the network, or give a folder with its splits:"
                " --data-dir."
            ) from error
        rows = [{hub.renames.get(key, key): value for key, value in row.items()} for row in table]
        # On the hub, -1 says that the annotators agreed on no label.
        labelled = [row for row in rows if task.regression or row.get(task.label) != -1]
        unlabelled += len(rows) - len(labelled)
        found[name] = RawSplit(labelled, f"{hub.path}/{split}")
    kind = {"kind": "hub", "path": hub.path, "config": hub.config, "revision": hub.revision}
    return found, {**kind, "unlabelled_rows": unlabelled}
