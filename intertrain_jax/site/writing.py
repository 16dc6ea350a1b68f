"""Writes a site: only files that changed, and none outside its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from intertrain_jax.base import IntertrainError
from intertrain_jax.records.store import write_atomic

# Lists the files of a site: those that are not made any more can go, and nothing else does.
MANIFEST = ".intertrain-jax-report"


@dataclass(frozen=True)
class Written:
    """What writing did.

    Attributes:
        files: of the site.
        changed: that were new or different.
        removed: that are not of the site any more.
    """

    files: int
    changed: int
    removed: int


def write_site(folder: Path, files: Mapping[str, bytes]) -> Written:
    """Writes the files of a site, and removes what an earlier one left there.

    Raises:
        IntertrainError: the folder holds something else.
    """
    manifest = folder / MANIFEST
    if not folder.is_dir() and folder.exists():
        raise _taken(folder, "a file")
    if not manifest.is_file() and folder.is_dir() and any(folder.iterdir()):
        raise _taken(folder, "a folder with other files")
    known = manifest.read_text("utf-8").splitlines() if manifest.is_file() else []
    # What is about to be written is listed first: an interrupted site is still ours.
    listed = sorted({*known, *files})
    _renew(manifest, "\n".join(listed).encode())
    changed = sum(_renew(_inside(folder, path), content) for path, content in files.items())
    removed = 0
    for path in sorted(set(known) - set(files)):
        old = _inside(folder, path)
        if old.is_file():
            old.unlink()
            removed += 1
    _renew(manifest, "\n".join(sorted(files)).encode())
    return Written(len(files), changed, removed)


def _renew(path: Path, content: bytes) -> bool:
    if path.is_file() and path.read_bytes() == content:
        return False
    write_atomic(path, content)
    return True


def _inside(folder: Path, path: str) -> Path:
    """Returns a file of the site, which always lies in its folder."""
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\\" in part or ":" in part for part in parts):
        raise IntertrainError(
            f"report {str(folder)!r} must have files inside it only, but its list has {path!r}."
            " Name another folder."
        )
    return folder.joinpath(*parts)


def _taken(folder: Path, what: str) -> IntertrainError:
    return IntertrainError(
        f"--out {str(folder)!r} must be a new folder, an empty one or an earlier report, but is"
        f" {what}. Name another."
    )
