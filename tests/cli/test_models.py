"""`models`: whether one can be used, and what a grid made written out."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest
from click.testing import CliRunner, Result

from intertrain_jax.cli import main
from intertrain_jax.models.hf.tensors import flatten
from intertrain_jax.models.hf.weights import load_checkpoint
from intertrain_jax.workflows import repeat
from tests.experiments import FakeEngine
from tests.kept_grids import kept_grid
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


def test_sources_are_written_and_named(tmp_path: Path) -> None:
    out, _ = kept_grid(tmp_path)
    result = invoke("sources", str(out), str(tmp_path / "models"), "--seed", "1")
    assert result.exit_code == 0
    assert sorted(result.stdout.split()) == [f"{tmp_path}/models/{x}" for x in ("alpha", "beta")]
    again = invoke("sources", str(out), str(tmp_path / "models"), "--seed", "1")
    assert again.exit_code == 2 and "new or empty directory" in again.stderr


def test_one_model_that_was_kept_is_written(tmp_path: Path) -> None:
    out, kept = kept_grid(tmp_path)
    result = invoke("kept", str(out), "PT:beta:1", str(tmp_path / "written"))
    assert result.exit_code == 0
    assert result.stdout == f"PT:beta:1 is in {tmp_path}/written\n"
    found = load_checkpoint(str(tmp_path / "written"))
    whole = {**found.params, "head": found.head}
    jax.tree.map(np.testing.assert_array_equal, whole, kept["beta", 1])
    for run, said in (
        ("alpha:beta:0", "but has none of 1 that are asked for (alpha:beta:0). Repeat one by"),
        ("PT:beta", "must be one run, but may be PT:beta:0, PT:beta:1"),
        ("nobody:beta:0", "is called 'nobody:beta:0'"),
    ):
        result = invoke("kept", str(out), run, str(tmp_path / "more"))
        assert result.exit_code == 2 and said in result.stderr
        assert len(result.stderr.splitlines()) == 1 and not (tmp_path / "more").exists()


def test_a_run_is_trained_again_and_what_to_do_next_is_said(
    config_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine(failures={"PT:beta:0": "diverged"})
    monkeypatch.setattr(repeat, "Devices", lambda: engine)
    monkeypatch.chdir(tmp_path)
    given = ("--config", config_file, "--out", "elsewhere", "--quiet")
    result = invoke("train", "alpha", "beta", "1", *given)
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert line.startswith("alpha:beta:1 (") and ", now recorded. Write it out: " in line
    assert line.split("intertrain-jax models kept ")[1].split()[0] == "elsewhere"
    # The directory knows the rest: without a configuration it goes on.
    result = invoke("train", "alpha", "beta", "1", "--out", "elsewhere", "--quiet")
    assert result.exit_code == 0 and ", as its record says. " in result.stdout
    failed = invoke("train", "PT", "beta", "0", *given)
    assert failed.exit_code == 2 and "run PT:beta:0 failed: diverged" in failed.stderr
    for wrong in (("alpha", "gamma", "0"), ("alpha", "beta", "2"), ("alpha", "beta", "-1")):
        result = invoke("train", *given, "--", *wrong)
        assert result.exit_code == 2 and f"is called '{':'.join(wrong)}'" in result.stderr
    assert invoke("train", "alpha", "beta", "first", *given).exit_code == 2
