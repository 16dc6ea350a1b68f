"""Finds the files of a task's splits in a folder, by the names that people and the hub give them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from intertrain_jax.base import IntertrainError
from intertrain_jax.data.row_files import (
    DISK_STATE,
    SUFFIXES,
    RawSplit,
    joined,
    read_rows,
    suffix_of,
)

# What people call splits → what the hub calls them.
_ALIASES = {
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "testing": "test",
}
_SPLITS = ("train", "validation", "test")
# train-00000-of-00002, which older downloads end in a hash.
_SHARD = re.compile(r"(.+)-(\d{5})-of-(\d{5})(?:-[0-9a-f]{16})?")
# What `datasets` writes beside data.
_ABOUT = (DISK_STATE, "dataset_dict.json", "dataset_info.json", "dataset_infos.json")
_NUMBERED = re.compile(r"\d{4,5}")


@dataclass(frozen=True)
class SplitFiles:
    """What a split can be read from.

    Attributes:
        stem: the split as the files call it, in lower case.
        name: what errors call them: a file, or the first of its shards.
        files: in order; a folder where `save_to_disk` wrote it.
        parts: how many files there should be.
    """

    stem: str
    name: str
    files: tuple[Path, ...]
    parts: int = 1


def official(stem: str) -> str:
    """Returns a split's name as the hub has it: of "val" validation, of "dev_matched" likewise."""
    first, line, rest = stem.casefold().partition("_")
    return _ALIASES.get(first, first) + line + rest


def splits_in(folder: Path) -> dict[str, list[SplitFiles]]:
    """Returns official name of a split → what it can be read from, of a task's folder."""
    try:
        return _splits_in(folder)
    except OSError as error:
        raise IntertrainError(
            f"{str(folder)!r} cannot be looked through ({error.strerror}). Mend its permissions."
        ) from error


def _splits_in(folder: Path) -> dict[str, list[SplitFiles]]:
    found: dict[str, list[SplitFiles]] = {}
    for place, before in ((folder, ""), (folder / "data", "data/")):
        if place.is_dir():
            for files in _candidates(place, before):
                found.setdefault(official(files.stem), []).append(files)
    if not found and (folder / DISK_STATE).is_file():  # one `Dataset`, which has no splits
        found["train"] = [SplitFiles("train", folder.name, (folder,))]
    return found or _in_configuration(folder)


def _in_configuration(folder: Path) -> dict[str, list[SplitFiles]]:
    """Returns the splits of the one folder below that has any, as the hub has one per configuration."""
    below = {
        place.name: list(_candidates(place, f"{place.name}/"))
        for place in sorted(folder.iterdir())
        if place.is_dir()
    }
    below = {name: files for name, files in below.items() if files}
    if len(below) > 1:
        raise IntertrainError(
            f"{str(folder)!r} has data in {len(below)} folders: {', '.join(below)[:200]}. Move the files"
            " of one of them up, or leave only one."
        )
    found: dict[str, list[SplitFiles]] = {}
    for files in (files for every in below.values() for files in every):
        found.setdefault(official(files.stem), []).append(files)
    return found


def _candidates(place: Path, before: str) -> Iterator[SplitFiles]:
    shards: dict[tuple[str, str, int], list[Path]] = {}
    for path in sorted(place.iterdir()):
        suffix = suffix_of(path.name)
        if path.is_dir():
            inner = _in_folder(path)
            if inner:
                yield SplitFiles(path.name.casefold(), f"{before}{path.name}/", inner, len(inner))
        elif suffix is not None and path.name not in _ABOUT:
            stem = path.name[: -len(suffix)].casefold()
            shard = _SHARD.fullmatch(stem)
            if shard is None:
                yield SplitFiles(stem, before + path.name, (path,))
            else:
                shards.setdefault((shard[1], suffix, int(shard[3])), []).append(path)
    for (stem, _, parts), files in shards.items():
        yield SplitFiles(stem, before + files[0].name, tuple(files), parts)


def _in_folder(path: Path) -> tuple[Path, ...]:
    """Returns what a folder named as a split holds: a saved data set, or the hub's numbered files."""
    if (path / DISK_STATE).is_file():
        return (path,)
    files = [file for file in sorted(path.iterdir()) if suffix_of(file.name) is not None]
    numbered = all(_NUMBERED.fullmatch(file.name.split(".")[0]) for file in files)
    alone = len(files) == 1 and official(path.name) in _SPLITS
    return tuple(files) if numbered or alone else ()


def read_split(task: str, folder: Path, split: str, others: tuple[str, ...] = ()) -> RawSplit:
    """Reads a split from a task's folder.

    Args:
        task: its name, for errors.
        folder: of the task.
        split: its name; what the hub or people call it is the same.
        others: further splits that the task reads, whose own files are no second ones of this split.

    Raises:
        IntertrainError: there is none, there are two, or a part of it is missing.
    """
    every = splits_in(folder)
    found = every.get(official(split), [])
    own = [files for files in found if files.stem == split.casefold()]
    if own:
        found = own + [f for f in found if f not in own and f.stem not in others]
    if not found:
        raise _missing(task, folder, split, sorted(every))
    if len(found) > 1:
        raise IntertrainError(
            f"task {task!r}: {str(folder)!r} has split {split!r} twice, {found[0].name} and"
            f" {found[1].name}. Remove or rename one of them."
        )
    (files,) = found
    if len(files.files) != files.parts:
        raise IntertrainError(
            f"task {task!r}: split {split!r} in {str(folder)!r} must have {files.parts} files such as"
            f" {files.name}, has {len(files.files)}. Add the others."
        )
    origin = files.files[0] if files.parts == 1 else folder / files.name
    return joined([read_rows(path) for path in files.files], str(origin))


def _missing(task: str, folder: Path, split: str, have: list[str]) -> IntertrainError:
    foreign = sorted(
        file.name
        for file in folder.iterdir()
        if file.is_file() and official(file.name.split(".")[0]) == official(split)
    )
    if foreign:
        what = f"{foreign[0]} is there, but known formats are {', '.join(SUFFIXES)}. Convert it"
    elif own := sorted(file.name for file in folder.iterdir() if suffix_of(file.name)):
        what = f"Give a file itself, such as {folder / own[0]}, or name one {split}"
    else:
        what = f"Add {split}.jsonl"
    return IntertrainError(
        f"task {task!r}: {str(folder)!r} has no split {split!r}, it has {', '.join(have) or 'none'}."
        f" {what}, or leave the task out."
    )
