"""What the engine sets up in its process."""

from __future__ import annotations

import platform
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.config.protocol import Protocol, TextProtocol
from intertrain_jax.engine import environment, loop
from intertrain_jax.train.arena import compiler_options
from tests.engine.tiny_grid import tiny_config


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


def test_inputs_are_checked_before_anything_compiles() -> None:
    one, t5 = tiny_config("bert"), tiny_config("t5")
    with pytest.raises(IntertrainError, match=r"'protocol.max_length' must be at most 70"):
        environment.check_inputs("one", one, EngineConfig(), Protocol(max_length=71))
    with pytest.raises(IntertrainError, match=r"engine.devices is 9, but JAX sees 4 cpu"):
        environment.check_inputs("one", one, EngineConfig(devices=9), Protocol(max_length=64))
    text = Protocol(max_length=64, text=TextProtocol(), head="inherit")
    with pytest.raises(IntertrainError, match=r"'one' is of family bert\. Remove it"):
        environment.check_inputs("one", one, EngineConfig(), text)
    with pytest.raises(IntertrainError, match=r"family t5\. Give --set protocol\.text\.decision"):
        environment.check_inputs("one", t5, EngineConfig(), Protocol())
    environment.check_inputs("one", t5, EngineConfig(), replace(text, max_length=9999))
    assert environment.environment()["device"].startswith("4 x")


@pytest.mark.parametrize("wanted", [True, False, "auto"])
def test_whether_bits_are_always_the_same_is_recorded(
    monkeypatch: pytest.MonkeyPatch, wanted: Any
) -> None:
    options = EngineConfig(deterministic=wanted)
    assert environment.environment(options)["deterministic"] == "true", "a CPU's always are"
    monkeypatch.setattr(environment, "backend_of", lambda mesh: "gpu")
    expected = "true" if wanted is True else "false"
    assert environment.environment(options)["deterministic"] == expected
    assert "deterministic" not in environment.environment()


@pytest.mark.parametrize("wanted", [True, False, "auto"])
def test_a_grids_programs_are_compiled_as_its_option_says(
    monkeypatch: pytest.MonkeyPatch, wanted: Any
) -> None:
    gpu: Any = SimpleNamespace(devices=np.array([SimpleNamespace(platform="cuda")], object))
    seen: list[Any] = []
    loop_of = SimpleNamespace(run=lambda: seen.append(compiler_options(gpu)))
    monkeypatch.setattr(loop, "GridLoop", lambda *arguments: loop_of)
    work: Any = SimpleNamespace(
        options=EngineConfig(deterministic=wanted), bases=SimpleNamespace(close=lambda: None)
    )
    loop.run_grid(work, lambda *arguments: None)
    assert ("xla_gpu_exclude_nondeterministic_ops" in seen[0]) == (wanted is True)
