"""What the engine sets up in its process."""

from __future__ import annotations

import platform
from types import SimpleNamespace

import pytest

from intertrain_jax.engine import environment


@pytest.mark.parametrize(
    ("libc", "plugin", "expected"),
    [("glibc", None, 3), ("musl", None, 0), ("glibc", "jax_plugins", 0)],
    ids=["CPU", "another C library", "accelerator"],
)
def test_freed_memory_is_kept_where_that_helps(
    monkeypatch: pytest.MonkeyPatch, libc: str, plugin: str | None, expected: int
) -> None:
    calls: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda *options: calls.append(options))
    monkeypatch.setattr(environment.ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(platform, "libc_ver", lambda: (libc, "2.36"))
    monkeypatch.setattr(environment, "find_spec", lambda name: plugin)
    environment.prepare_process()
    assert len(calls) == expected


def test_a_compilation_cache_that_was_chosen_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    before = environment.jax.config.jax_compilation_cache_dir
    environment.prepare_process()
    assert environment.jax.config.jax_compilation_cache_dir == before
