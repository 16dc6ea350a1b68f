"""Compiled programs are kept for all engine tests of a session: most of their time is compilation."""

from __future__ import annotations

import os
from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True, scope="session")
def _compilation_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    # Under xdist every worker has its own base folder, in one that they share.
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    jax.config.update("jax_compilation_cache_dir", str(shared / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    yield
    jax.config.update("jax_compilation_cache_dir", None)
