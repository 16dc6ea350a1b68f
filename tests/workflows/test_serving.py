"""A folder at an address of this machine."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.workflows.serving import serving


def test_it_is_served_to_this_machine_while_it_is_open(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello")
    with serving(tmp_path, 0) as address:
        assert address is not None and address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address) as answer:
            assert answer.read() == b"hello"
        port = int(address.rsplit(":", 1)[1].strip("/"))
        with pytest.raises(IntertrainError, match=f"--port {port}"), serving(tmp_path, port):
            pass
    with serving(tmp_path, None) as nothing:
        assert nothing is None
