"""One process holds a results directory while it writes there, and says in one line why it cannot."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from intertrain_jax.base import IntertrainError

LOCK_FILE = ".lock"
# As `write_atomic` names what it has not finished.
_UNFINISHED = re.compile(r"\..+\.\d+\.tmp")
# What says that a disk is full in the words of those who wrap the system's errors.
_FULL = ("No space left on device", "Disk quota exceeded", "ENOSPC", "EDQUOT")


class Hold:
    """A results directory that this process alone writes to.

    Args:
        path: of the directory.
        lock: open file descriptor of its lock; None where there are no locks.
    """

    def __init__(self, path: Path, lock: int | None) -> None:
        self._path, self._lock = path, lock

    def check(self) -> None:
        """Checks that the directory is still the one that is held.

        Raises:
            IntertrainError: it was removed, or another one is in its place.
        """
        if self._lock is None:
            return
        held = os.fstat(self._lock)
        try:
            there = (self._path / LOCK_FILE).lstat()
        except OSError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (held.st_dev, held.st_ino):
            raise IntertrainError(
                f"output directory {str(self._path)!r} was removed or replaced while this command wrote"
                " to it, and nothing more can be kept there. Start the same command again."
            )


@contextmanager
def hold(path: Path) -> Iterator[Hold]:
    """Makes a directory and holds it for this process; the system lets go when that ends.

    What an earlier process left half-written is deleted. While it is held, a directory that cannot be
    written to any more ends in one line.

    Raises:
        IntertrainError: another process holds it, it cannot be made, or writing to it failed.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        # A link would lead to a file of somebody else, which opening would empty.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
        lock = os.open(path / LOCK_FILE, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise unwritable(path, f"its {LOCK_FILE} is a symbolic link") from error
        raise unwritable(path, error.strerror or str(error)) from error
    try:
        held = Hold(path, lock if _locked(path, lock) else None)
        _delete_unfinished(path)
        yield held
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise _failed(path, f"{error.strerror or error}{place}") from error
    except IntertrainError:
        raise
    except Exception as error:
        if any(word in str(error) for word in _FULL):
            raise _failed(path, "No space left on device") from error
        raise
    finally:
        os.close(lock)


def unwritable(path: Path, why: str) -> IntertrainError:
    """Returns the error of a directory that cannot be written to from the beginning."""
    return IntertrainError(
        f"output directory {str(path)!r} must be writable, but {why}. Choose another --out."
    )


def _failed(path: Path, why: str) -> IntertrainError:
    return IntertrainError(
        f"output directory {str(path)!r} must stay writable, but it failed: {why}. Mend that (free some"
        " space?) and start the same command again: what is finished is kept."
    )


def _locked(path: Path, lock: int) -> bool:
    """Takes the lock; False where the system has none."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise IntertrainError(
            f"output directory {str(path)!r} is in use by another process."
            " Wait for it, or choose another --out."
        ) from error
    return True


def _delete_unfinished(path: Path) -> None:
    for entry in list(path.rglob("*.tmp")):
        if _UNFINISHED.fullmatch(entry.name) and entry.is_file():
            with suppress(OSError):
                entry.unlink()
