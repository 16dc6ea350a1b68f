"""What tests of several commands start from."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.experiments import raw_config, write_experiment


@pytest.fixture
def config_file(tmp_path: Path) -> str:
    """A tiny experiment's configuration file."""
    write_experiment(tmp_path)
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(raw_config(tmp_path)), "utf-8")
    return str(path)
