"""Shows a folder at an address of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from intertrain_jax.base import IntertrainError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a terminal obeys what an address may hold."""


@contextmanager
def serving(folder: Path, port: int | None) -> Iterator[str | None]:
    """Serves a folder to this machine only, while it is open.

    Args:
        folder: of a site.
        port: 0 takes a free one; None serves nothing.

    Raises:
        IntertrainError: the port is taken.
    """
    if port is None:
        yield None
        return
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
    except (OSError, OverflowError) as error:
        raise IntertrainError(
            f"--port {port} must be a free port of this machine: {error}. Name another."
        ) from error
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
