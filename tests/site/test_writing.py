"""Sites on disk: what changed only, inside their folder, and never over other files."""

from __future__ import annotations

from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.site.writing import write_site


def test_a_second_writing_renews_what_changed_and_removes_what_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    first = write_site(folder, {"index.html": b"a", "m/x.html": b"b", "m/y.html": b"c"})
    assert (first.files, first.changed, first.removed) == (3, 3, 0)
    kept = (folder / "index.html").stat().st_mtime_ns
    second = write_site(folder, {"index.html": b"a", "m/x.html": b"new"})
    assert (second.changed, second.removed) == (1, 1)
    assert (folder / "index.html").stat().st_mtime_ns == kept
    assert not (folder / "m" / "y.html").exists()


def test_other_peoples_files_stay(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(IntertrainError, match="a folder with other files"):
        write_site(tmp_path, {"index.html": b""})
    with pytest.raises(IntertrainError, match="is a file"):
        write_site(tmp_path / "mine.txt", {"index.html": b""})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "a\\b", "c:x", "a//b"])
def test_no_file_is_outside(tmp_path: Path, path: str) -> None:
    with pytest.raises(IntertrainError, match="inside it only"):
        write_site(tmp_path / "site", {path: b""})


def test_a_list_that_was_tampered_with_removes_nothing_outside(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    write_site(folder, {"index.html": b""})
    (tmp_path / "mine.txt").write_text("x")
    (folder / ".intertrain-jax-report").write_text("../mine.txt")
    with pytest.raises(IntertrainError, match="inside it only"):
        write_site(folder, {"index.html": b""})
    assert (tmp_path / "mine.txt").exists()
