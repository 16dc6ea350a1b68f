"""Finds a person's own data (file, folder of splits, dataset of the hub, DataFrame), and names it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertrain_jax.base import IntertrainError, cache_root, nearest
from intertrain_jax.config.formats import check_is_itself, is_file, is_folder
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
        is_frame: whether the file is a DataFrame's.
    """

    name: str
    file: str | None = None
    test_file: str | None = None
    hub: HubDataset | None = field(default=None)
    is_frame: bool = False

    @property
    def entry(self) -> dict[str, Any]:
        """What an entry of a configuration's `tasks` says of it."""
        if self.hub is not None:
            config = {} if self.hub.config is None else {"config": self.hub.config}
            return {"hub": {"path": self.hub.path, **config}}
        test = {} if self.test_file is None else {"test_file": self.test_file}
        return {"file": self.file, **test}


def place_of(target: str | Path | pd.DataFrame, test: str | Path | None = None) -> Place:
    """Returns where data is.

    A DataFrame is written to the cache, under a name that its content gives; `attrs["name"]` names it.

    Args:
        target: CSV, TSV, JSON, JSONL, Parquet, a folder, "owner/name" or "owner/name:config" on the
            hub, or a DataFrame.
        test: a further file that is only tested on.

    Raises:
        IntertrainError: it is not there, or is no file of rows.
    """
    if not isinstance(target, str | Path):
        name = _task_name(str(target.attrs.get("name", "dataframe")))
        return Place(name, str(_kept(target)), _test_file(test), is_frame=True)
    path = Path(target).expanduser()
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


def _test_file(test: str | Path | None) -> str | None:
    if test is None:
        return None
    path = Path(test).expanduser()
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


def _kept(frame: pd.DataFrame) -> Path:
    """Writes a DataFrame into the cache, where it stays for the run that goes on."""
    names = [str(name) for name in frame.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise IntertrainError(
            f"the DataFrame has two columns {twice!r}. Rename or remove one of them."
        )
    try:
        text = frame.set_axis(names, axis=1).to_json(
            orient="records", lines=True, force_ascii=False, date_format="iso", double_precision=15
        )
        content = (text or "").encode()
    except (ValueError, TypeError, OverflowError) as error:
        said = " ".join(str(error).split())[:200]
        raise IntertrainError(
            f"the DataFrame cannot be written as JSON lines ({said}). Keep columns of text and labels"
            " only."
        ) from error
    folder = cache_root() / "own"
    path = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.jsonl"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".tmp")
        beside.write_bytes(content)
        beside.replace(path)
    return path
