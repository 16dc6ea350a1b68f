"""Finds a person's own data (file, folder of splits, dataset of the hub, DataFrame), and names it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.formats import check_is_itself, expanded, is_file, is_folder
from intertrain_jax.data.frames import kept_frame
from intertrain_jax.data.row_files import suffix_of
from intertrain_jax.data.task import HubDataset

if TYPE_CHECKING:
    import pandas as pd

_HUB = re.compile(r"([\w.-]+/[\w.-]+)(?::([\w.-]+))?", re.ASCII)
# Names that say nothing of the data: the folder's is taken.
_GENERIC = {"train", "training", "data", "dataset", "labels", "labeled", "labelled", "all", "full"}
_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")


@dataclass(frozen=True)
class Place:
    """Where a person's data is.

    Attributes:
        name: of the task that it makes.
        file: a file, or a folder of splits; None on the hub.
        test_file: a further file that is only tested on.
        hub: a dataset of the hub.
    """

    name: str
    file: str | None = None
    test_file: str | None = None
    hub: HubDataset | None = field(default=None)

    @property
    def entry(self) -> dict[str, Any]:
        """What an entry of a configuration's `tasks` says of it."""
        if self.hub is not None:
            config = {} if self.hub.config is None else {"config": self.hub.config}
            return {"hub": {"path": self.hub.path, **config}}
        test = {} if self.test_file is None else {"test_file": self.test_file}
        return {"file": self.file, **test}


def place_of(
    target: str | Path | pd.DataFrame, test: str | Path | pd.DataFrame | None = None
) -> Place:
    """Returns where data is.

    A DataFrame is written to the cache, under a name that its content gives; `attrs["name"]` names it.

    Args:
        target: CSV, TSV, JSON, JSONL, Parquet, a folder, "owner/name" or "owner/name:config" on the
            hub, or a DataFrame.
        test: a further file, or rows, that is only tested on.

    Raises:
        IntertrainError: it is not there, or is no file of rows.
    """
    if not isinstance(target, str | Path):
        _check_frame(target, "target")
        name = _task_name(str(target.attrs.get("name", "dataframe")))
        return Place(name, str(kept_frame(target)), _test_file(test))
    if not str(target).strip():
        raise IntertrainError("target must be a file, a folder or a dataset, got ''. Name one.")
    path = _readable(target)
    if is_folder(path):
        if test is not None:
            raise IntertrainError(
                f"--test {str(test)!r} goes with a target that is one file, but {str(target)!r} is a"
                " folder with splits of its own. Leave out --test."
            )
        return Place(_task_name(path.resolve().name), str(path.resolve()))
    if is_file(path):
        _check_format(path)
        stem = path.name[: -len(suffix_of(path.name) or "")]
        folder = path.resolve().parent.name
        name = folder if stem.casefold() in _GENERIC and folder else stem
        return Place(_task_name(name), str(path.resolve()), _test_file(test))
    hub = _HUB.fullmatch(str(target))
    if hub is None or suffix_of(str(target)) is not None:
        raise _nowhere(str(target), path)
    if test is not None:
        raise IntertrainError(
            f"--test {str(test)!r} goes with a target that is one file, but there is no file"
            f" {str(target)!r}, and a dataset of the hub has splits of its own. Leave out --test."
        )
    return Place(_task_name(str(target)), hub=HubDataset(hub[1], hub[2]))


def _nowhere(target: str, path: Path) -> IntertrainError:
    try:
        # What has this very name is no file: a pipe, or a link to nowhere.
        beside = [file.name for file in path.parent.iterdir() if file.name != path.name]
    except (OSError, ValueError):
        beside = []
    return IntertrainError(
        f"target {target[:200]!r} is neither a file, a folder nor a dataset of the hub (owner/name),"
        f" seen from {str(Path.cwd())!r}.{nearest(path.name, beside)} Correct --target."
    )


def _check_frame(rows: object, what: str) -> None:
    if not (hasattr(rows, "columns") and hasattr(rows, "attrs")):
        raise IntertrainError(
            f"{what} must be a file, a folder, a dataset of the hub or a DataFrame, got a"
            f" {type(rows).__name__}. Make a DataFrame of it."
        )


def _readable(name: str | Path) -> Path:
    """Returns a path that results can name."""
    path = expanded(name)
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:
        raise IntertrainError(
            f"{str(path)!r} has a name that is not UTF-8, which results cannot hold. Rename it."
        ) from error
    return path


def _test_file(test: str | Path | pd.DataFrame | None) -> str | None:
    if test is None:
        return None
    if not isinstance(test, str | Path):
        _check_frame(test, "test")
        return str(kept_frame(test))
    path = _readable(test)
    if not is_file(path):
        raise IntertrainError(
            f"test file {str(test)!r} does not exist, seen from {str(Path.cwd())!r}. Correct --test."
        )
    _check_format(path)
    return str(path.resolve())


def _check_format(path: Path) -> None:
    """Checks that a file is not a spreadsheet or an archive, whatever its name."""
    if path.name.casefold().endswith(_SPREADSHEETS):
        raise IntertrainError(
            f"{str(path)!r} is a spreadsheet, and is not read. Save its sheet as CSV (UTF-8)."
        )
    check_is_itself(path, parquet=suffix_of(path.name) == ".parquet")


def _task_name(text: str) -> str:
    """Returns a name that a task may have, and none of the package's has."""
    from intertrain_jax.data.tasks import groups_of, list_tasks

    name = re.sub(r"[^\w.+]+", "-", text).strip("-.")[:80] or "target"
    tasks = list_tasks()
    taken = {task.name for task in tasks} | {group.casefold() for group in groups_of(tasks)}
    return f"my-{name}" if name.casefold() in taken or name == "PT" else name
