"""What JAX compiles meanwhile, and in which threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax


@contextmanager
def compilations() -> Iterator[list[tuple[str, bool]]]:
    """Yields a list that grows by (name of the program, whether it was compiled ahead)."""
    found: list[tuple[str, bool]] = []

    def heard(event: str, _: float, **details: Any) -> None:
        if event.endswith("backend_compile_duration"):
            ahead = threading.current_thread().name.startswith("compile")
            found.append((str(details.get("fun_name")), ahead))

    jax.monitoring.register_event_duration_secs_listener(heard)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(heard)
