"""Where a task's rows come from: the user's data directory or file, the hub, or the package itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.formats import expanded, is_file, is_folder
from intertrain_jax.data.frames import frame_folder
from intertrain_jax.data.row_files import RawSplit, Row, read_rows
from intertrain_jax.data.split_files import read_split, splits_in
from intertrain_jax.data.task import Task


def at_hand(task: Task, data_dir: str | None) -> bool:
    """Whether a task's rows are at hand without a network."""
    if task.file is not None or "quickstart" in task.groups:
        return True
    try:
        return _folder(task, data_dir) is not None
    except IntertrainError:  # whoever reads the rows will say so
        return False


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
        return _from_files(task, names)
    folder = _folder(task, data_dir)
    if folder is not None:
        stems = tuple(name.casefold() for name in names)
        found = {name: read_split(task.name, folder, name, stems) for name in names}
        return found, {"kind": "data_dir", "name": folder.name}
    if "quickstart" in task.groups:
        from intertrain_jax.data.quickstart.tasks import generate

        generated = {
            name: RawSplit(_as_rows(columns), f"{task.name}/{name}")
            for name, columns in generate(task.name).items()
        }
        return generated, {"kind": "quickstart"}
    return _from_hub(task, names, data_dir)


def _from_files(task: Task, names: list[str]) -> tuple[dict[str, RawSplit], dict[str, Any]]:
    """Reads a task's own file, or the folder that is given as such."""
    path = expanded(task.file or "")
    origin = {"kind": "file", "name": path.name}
    if is_folder(path):
        stems = tuple(name.casefold() for name in names)
        return {name: read_split(task.name, path, name, stems) for name in names}, origin
    files = {"train": path}
    if task.test_file is not None:
        files["test"] = expanded(task.test_file)
    for file in files.values():
        if not is_file(file):
            raise IntertrainError(
                f"task {task.name!r}: its file {str(file)!r} does not exist, seen from"
                f" {str(Path.cwd())!r}. Correct the path."
            )
    further = [name for name in names if name not in files]
    if further:
        raise IntertrainError(
            f"task {task.name!r}: its one file is its split 'train', and there is no"
            f" {further[0]!r}. Leave out 'splits', or give a folder: --data-dir."
        )
    return {name: _called(read_rows(files[name])) for name in names}, origin


def _called(raw: RawSplit) -> RawSplit:
    """Returns rows under a name that people know: a DataFrame's file is of our own making."""
    is_frame = Path(raw.origin).parent == frame_folder()
    return replace(raw, origin="the DataFrame", lines=None) if is_frame else raw


def _folder(task: Task, data_dir: str | None) -> Path | None:
    """Returns a task's folder in the data directory, None where there is none."""
    if data_dir is None:
        return None
    try:
        places = sorted(p for p in Path(data_dir).expanduser().iterdir() if p.is_dir())
    except (OSError, RuntimeError, ValueError) as error:
        raise IntertrainError(
            f"data directory {data_dir!r} does not exist. Correct --data-dir, or leave it out"
            " to use the hub."
        ) from error
    for place in places:
        if place.name == task.name:
            return place
    alike = [place for place in places if _bare(place.name) == _bare(task.name)]
    if len(alike) > 1:
        raise IntertrainError(
            f"task {task.name!r}: data directory {data_dir!r} has {alike[0].name} and {alike[1].name}."
            f" Name one of them {task.name}."
        )
    return alike[0] if alike else None


def _bare(name: str) -> str:
    """Returns a name without what people write in different ways, as "SST-2" is sst2."""
    return "".join(c for c in name.casefold() if c.isalnum())


def splits_of(task: Task, data_dir: str | None) -> frozenset[str] | None:
    """Returns which splits a task's file, folder or hub dataset has; None if it is none of these.

    Raises:
        IntertrainError: the hub cannot be asked.
    """
    if task.file is not None:
        path = expanded(task.file)
        if is_folder(path):
            return frozenset(splits_in(path))
        return frozenset({"train"} if task.test_file is None else {"train", "test"})
    folder = _folder(task, data_dir)
    if folder is not None:
        return frozenset(splits_in(folder))
    if task.hub is None:
        return None
    if task.hub.splits:
        return frozenset(task.hub.splits)
    import datasets

    hub = task.hub
    with _hub_errors(task, f"the splits of hub dataset {hub.path!r}", data_dir):
        names = datasets.get_dataset_split_names(hub.path, hub.config, revision=hub.revision)
    return frozenset(names)


@contextmanager
def _hub_errors(task: Task, what: str, data_dir: str | None) -> Iterator[None]:
    """Turns what the hub's client raises into one line."""
    try:
        yield
    except Exception as error:  # of many libraries
        where = "" if data_dir is None else f" It is not in {data_dir!r} either."
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise IntertrainError(
            f"task {task.name!r}: {what} could not be loaded ({reason}).{where} Check the network, or"
            " give a folder with its splits: --data-dir."
        ) from error


def _as_rows(columns: dict[str, list[Any]]) -> list[Row]:
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _from_hub(
    task: Task, names: list[str], data_dir: str | None
) -> tuple[dict[str, RawSplit], dict[str, Any]]:
    if task.hub is None:
        where = "" if data_dir is None else f" It is not in {data_dir!r} either."
        raise IntertrainError(
            f"task {task.name!r} is not on the hub ({task.note or 'no repository is known'}).{where}"
            f" Put its splits into a folder {task.name!r} and name the folder's parent: --data-dir."
        )
    import datasets

    hub, found = task.hub, {}
    for name in names:
        split = hub.splits.get(name, name)
        with _hub_errors(task, f"split {split!r} of hub dataset {hub.path!r}", data_dir):
            table = datasets.load_dataset(hub.path, hub.config, split=split, revision=hub.revision)
        rows = [{hub.renames.get(key, key): value for key, value in row.items()} for row in table]
        found[name] = RawSplit(
            rows, f"{hub.path}/{split}", class_names=_class_names(table, hub.renames)
        )
    kind = {"kind": "hub", "path": hub.path, "config": hub.config, "revision": hub.revision}
    return found, kind


def _class_names(table: Any, renames: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Returns column → names of its ids, of those that have names."""
    features = getattr(table, "features", None) or {}
    return {
        renames.get(column, column): tuple(feature.names)
        for column, feature in features.items()
        if getattr(feature, "names", None)
    }
