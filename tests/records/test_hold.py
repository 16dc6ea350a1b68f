"""A results directory belongs to one process at a time, and is left clean."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.records.hold import LOCK_FILE, hold


def test_one_holder_at_a_time_in_whatever_process(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from intertrain_jax.records.hold import hold\n"
        f"with hold(Path({str(tmp_path)!r})): print('held')"
    )
    with hold(tmp_path) as held:
        held.check()
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert other.returncode == 1 and "is in use by another process" in other.stderr
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert other.stdout == "held\n", other.stderr


def test_the_directory_is_made_and_what_was_not_finished_goes(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    (out / "records" / "mnli").mkdir(parents=True)
    unfinished = [out / ".experiment.yaml.12.tmp", out / "records" / "mnli" / ".x.json.3.tmp"]
    others = [out / "notes.tmp", out / "records" / "mnli" / "x.json"]
    for file in (*unfinished, *others):
        file.write_text("half")
    with hold(out):
        assert not any(file.exists() for file in unfinished)
        assert all(file.exists() for file in others)


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.txt"
    theirs.write_text("precious")
    out = tmp_path / "out"
    out.mkdir()
    (out / LOCK_FILE).symlink_to(theirs)
    with pytest.raises(IntertrainError, match=r"its \.lock is a symbolic link"), hold(out):
        pass
    assert theirs.read_text() == "precious"


@pytest.mark.parametrize("what", ["file", "file above", "folder as lock"])
def test_a_place_that_is_none_is_named(tmp_path: Path, what: str) -> None:
    out = tmp_path / "out"
    if what == "folder as lock":
        (out / LOCK_FILE).mkdir(parents=True)
    else:
        out.write_text("a file")
    place = out / "below" if what == "file above" else out
    with pytest.raises(IntertrainError, match="must be writable, but"), hold(place):
        pass


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_directory_that_is_gone_is_noticed(tmp_path: Path, replaced: bool) -> None:
    out = tmp_path / "out"
    with hold(out) as held:
        shutil.rmtree(out)
        if replaced:
            out.mkdir()
            (out / LOCK_FILE).touch()
        with pytest.raises(IntertrainError, match="was removed or replaced"):
            held.check()


def test_errors_that_are_not_of_the_disk_pass(tmp_path: Path) -> None:
    for error in (ZeroDivisionError("a bug"), IntertrainError("the user's"), KeyboardInterrupt()):
        with pytest.raises(type(error)), hold(tmp_path):
            raise error
    with pytest.raises(IntertrainError, match=r"it failed: Read-only.*is kept"), hold(tmp_path):
        raise OSError(30, "Read-only file system")
