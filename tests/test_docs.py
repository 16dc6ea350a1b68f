"""Documents that must say what the code is."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest


def test_the_picture_of_layers_is_that_of_the_contracts(repository: Path) -> None:
    check = [sys.executable, str(repository / "tools" / "draw_layers.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_walk_from_configuration_to_record_is_six_modules(repository: Path) -> None:
    text = (repository / "docs" / "architecture.md").read_text("utf-8")
    walk = re.findall(r"^\d\. `([\w/]+)\.py`", text, re.MULTILINE)
    assert len(walk) == 6
    for module in walk:
        assert (repository / "intertrain_jax" / f"{module}.py").is_file(), module


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs"])
def test_links_and_modules_that_are_named_are_there(repository: Path, name: str) -> None:
    place = repository / name
    for file in sorted(place.glob("*.md")) if place.is_dir() else [place]:
        text = file.read_text("utf-8")
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (file.parent / link).exists(), f"{file.name} links to {link}"
        for path in re.findall(
            r"`((?:intertrain_jax|tools|tests|examples|configs)/[\w/.-]+)`", text
        ):
            assert (repository / path).exists(), f"{file.name} names {path}"


def test_public_names_are_there() -> None:
    package = importlib.import_module("intertrain_jax")
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert set(package.__all__) <= set(dir(package))
