"""`models check` and `models export`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from intertrain_jax.cli import main
from intertrain_jax.models.hf.tensors import flatten
from intertrain_jax.models.hf.weights import load_checkpoint
from tests.models.tiny_models import ModelFactory


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", *arguments], catch_exceptions=False)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return ModelFactory(tmp_path)("roberta", classes=3, id2label={"0": "no", "1": "yes", "2": "?"})


def test_check_reports_tensors(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As where torch is not installed: the figures themselves have their own tests.
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = invoke("check", str(model))
    assert result.exit_code == 0
    assert "architecture  roberta: 2 layers" in result.output
    assert "not compared" in result.output


def test_check_of_nothing_is_bad_input(tmp_path: Path) -> None:
    result = invoke("check", str(tmp_path))
    assert result.exit_code == 2
    assert "config.json" in result.stderr


def test_exported_model_is_the_same(tmp_path: Path, model: Path) -> None:
    out = tmp_path / "exported"
    assert invoke("export", str(model), str(out)).exit_code == 0
    before, after = load_checkpoint(str(model)), load_checkpoint(str(out))
    assert after.fingerprint == before.fingerprint
    assert after.hf_config["id2label"] == {"0": "no", "1": "yes", "2": "?"}
    pairs = zip(flatten(before.params), flatten(after.params), strict=True)
    assert all(a[0] == b[0] and np.array_equal(a[1], b[1]) for a, b in pairs)
    again = invoke("export", str(model), str(out))
    assert again.exit_code == 2
