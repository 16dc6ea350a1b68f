"""Four simulated devices for every test, and the fixtures that all tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

# Before anything imports JAX: it reads its flags once. Most of the tests' time is compilation.
_FLAGS = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FLAGS}".strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["HF_HUB_OFFLINE"] = "1"
# Compiled programs are shared by all tests of one run, and by the processes that run them.
_WORKER = "PYTEST_XDIST_WORKER" in os.environ
if not _WORKER:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="intertrain-jax-tests-")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("INTERTRAIN_DATA") or REPOSITORY.parent / "shared" / "data")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Returns one process more than there are cores: some tests wait for daemons and processes."""
    return (os.cpu_count() or 1) + 1


def pytest_unconfigure() -> None:
    """Deletes the compiled programs of this run."""
    if not _WORKER:
        shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


@pytest.fixture
def repository() -> Path:
    """The repository's root."""
    return REPOSITORY


@pytest.fixture
def shared_data() -> Path:
    """Real data, one folder per task; the test is skipped where there are none."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data at {SHARED_DATA}; set INTERTRAIN_DATA")
    return SHARED_DATA


@pytest.fixture(scope="session")
def published() -> Path:
    """Published tables, beside the real data; the test is skipped where there are none."""
    folder = SHARED_DATA.parent / "published"
    if not folder.is_dir():
        pytest.skip(f"no published tables at {folder}; set INTERTRAIN_DATA to the folder beside it")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps caches of tests away from the user's and from each other."""
    monkeypatch.setenv("INTERTRAIN_CACHE", str(tmp_path / "intertrain_cache"))
