"""`grid`: one call to the workflow, what it prints at its end, and its exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from intertrain_jax.cli import main
from intertrain_jax.workflows import grid as module
from tests.experiments import FakeEngine


class Called:
    """Does grids with made-up scores, and keeps how it was called."""

    def __init__(self, do: Any) -> None:
        self._do, self.engine, self.given = do, FakeEngine(), {}

    def __call__(self, config: Any, **given: Any) -> Any:
        self.given = {"config": config, **given}
        return self._do(config, **given, runner=self.engine)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Called:
    found = Called(module.grid)
    monkeypatch.setattr(module, "grid", found)
    return found


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["grid", *arguments], catch_exceptions=False)


def test_a_grid_ends_with_its_matrix_and_where_everything_is(
    called: Called, config_file: str, tmp_path: Path
) -> None:
    result = invoke("--config", config_file)
    assert result.exit_code == 0
    assert "best base model" in result.stdout and "lanes busy 75.0%" in result.stdout
    last = result.stdout.splitlines()[-1]
    assert last.startswith("12 of 12 runs done in ") and last.endswith(f"Results: {tmp_path}/out")
    assert called.given["retry_failed"] is False
    assert (tmp_path / "out" / "analysis" / "gains.csv").is_file()


def test_options_change_the_configuration_and_quiet_is_one_line(
    called: Called, config_file: str, tmp_path: Path
) -> None:
    out = str(tmp_path / "elsewhere")
    options = ("--seeds", "1", "--set", "targets=[alpha]", "--out", out, "--quiet")
    result = invoke("--config", config_file, *options)
    (line,) = result.stdout.splitlines()
    assert line.startswith("4 of 4 runs done") and line.endswith(out)
    assert result.exit_code == 0 and result.stderr == ""
    config = called.given["config"]
    assert (config.seeds, config.targets, config.out) == (1, ("alpha",), out)


def test_a_grid_with_failures_ends_with_one_and_does_them_again_when_asked_to(
    called: Called, config_file: str
) -> None:
    given = ("--config", config_file, "--quiet", "--set", "targets=[alpha]", "--seeds", "1")
    called.engine = FakeEngine(failures={"beta:alpha:0": "diverged"})
    result = invoke(*given)
    assert result.exit_code == 1
    assert result.stdout.startswith("3 of 4 runs done")
    assert "1 failed: reasons are in" in result.stdout and "--retry-failed" in result.stdout
    called.engine = FakeEngine()
    assert invoke(*given).exit_code == 1
    assert called.engine.calls == []
    result = invoke(*given, "--retry-failed")
    assert result.exit_code == 0 and called.given["retry_failed"] is True
    assert called.engine.calls == ["beta:alpha:0"]


def test_a_dry_run_prints_the_plan_and_does_nothing(
    called: Called, config_file: str, tmp_path: Path
) -> None:
    result = invoke("--config", config_file, "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.startswith("tiny: 12 runs (2 base models beside PT, 2 targets, 2 seeds)")
    assert called.given == {} and not (tmp_path / "out").exists()
