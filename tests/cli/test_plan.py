"""`plan` and `grid --dry-run`."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from intertrain_jax.cli import main
from intertrain_jax.workflows.grid import grid
from tests.experiments import FakeEngine, write_experiment


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def invoke(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_dry_run_of_the_papers_experiment(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = str(repository / "configs" / "paper" / "inhouse-roberta.yaml")
    output = invoke("grid", "--dry-run", "--config", file).output
    assert "2,530 runs" in output
    assert "110 from PT, each at once a baseline and a source" in output
    assert "2,420 from sources" in output
    assert "tokens: 83.9 billion trained on, 34.9 billion evaluated" in output
    assert "GPU hours: 34 at 40 % of 989 TFLOP/s" in output
    assert "not counted" not in output
    assert list(tmp_path.iterdir()) == []
    assert invoke("plan", "--config", "paper/inhouse-roberta").output == output


def test_local_tasks_are_counted_as_they_are(config_file: str) -> None:
    output = invoke("plan", "--config", config_file).output
    assert "tiny: 12 runs (2 base models beside PT, 2 targets, 2 seeds)" in output
    assert "4 from PT, each at once" in output
    # 12 runs of 10 epochs of 36 rows of 3 words on average and 2 special tokens.
    assert f"tokens: {12 * 360 * (3 * 1.3 + 2):,.0f} trained on" in output
    assert "GPU hours: under 0.01 at" in output
    unknown = invoke("plan", "--config", config_file, "--set", "model.pretrained=no/one").output
    assert "GPU hours: unknown" in unknown


def test_roles_of_runs_from_pt(config_file: str) -> None:
    arguments = ("--set", "sources=[alpha]", "--set", "targets=[beta]", "--seeds", "1")
    output = invoke("plan", "--config", config_file, *arguments).output
    assert "2 from PT, 0 at once baselines and sources, 1 baselines only, 1 sources only" in output


def test_further_base_models_are_counted(config_file: str) -> None:
    output = invoke("plan", "--config", config_file, "--set", "model.bases=[other/model]").output
    assert "4 from further base models" in output


def test_what_is_done_is_taken_off(tmp_path: Path, config_file: str) -> None:
    config = write_experiment(tmp_path)
    before = invoke("plan", "--config", config_file).output
    assert "are done" not in before
    failing = FakeEngine(failures={"PT:alpha:1": "diverged"})
    grid(config, runner=failing)
    after = invoke("plan", "--out", str(config.out_dir)).output
    assert "of these, 9 are done and 3 failed" in after


def test_explain(tmp_path: Path, config_file: str) -> None:
    output = invoke("plan", "--config", config_file, "--explain", "alpha:beta").output
    assert len(output.splitlines()) == 2
    assert "waiting: it starts from the model that PT:alpha:0" in output
    grid(write_experiment(tmp_path), runner=FakeEngine())
    output = invoke("plan", "--config", config_file, "--explain", "alpha:beta:1").output
    assert "alpha:beta:1 (" in output
    assert "done: test" in output
    result = CliRunner().invoke(main, ["plan", "--config", config_file, "--explain", "alpha:bta"])
    assert result.exit_code == 2
    assert "Did you mean 'alpha:beta'" in result.stderr
