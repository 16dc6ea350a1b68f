"""What workflows return: tables keyed by what they are of, words for people, and the same read back."""

from __future__ import annotations

from pathlib import Path

import pytest

import intertrain_jax as ij
from intertrain_jax.base import IntertrainError
from intertrain_jax.workflows.grid import grid
from intertrain_jax.workflows.results import GridResult, read_finished
from tests.experiments import FakeEngine, write_experiment


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> GridResult:
    """A grid of which two runs failed."""
    config = write_experiment(tmp_path_factory.mktemp("grid"), seeds=3)
    failures = {"PT:alpha:1": "Its loss diverged."}
    return grid(config, runner=FakeEngine(failures=failures))


def test_tables_are_keyed_by_base_target_and_seed(done: GridResult) -> None:
    assert done.records.index.names == ["base", "target", "seed"]
    assert not done.records.index.duplicated().any()
    assert len(done.records) == len(done.plan.runs)
    assert len(done.scores) == done.counts[0]
    assert set(done.failed.index) == {
        ("PT", "alpha", 1),
        ("alpha", "alpha", 1),
        ("alpha", "beta", 1),
    }
    assert done.failed.loc[("PT", "alpha", 1), "reason"] == "Its loss diverged."


def test_gains_are_differences_of_the_scores(done: GridResult) -> None:
    scores = done.scores["test"].unstack("target")
    for base, target in (("beta", "beta"), ("alpha", "beta")):
        gain = (scores.loc[base, target] - scores.loc["PT", target]).dropna()
        assert done.gains.loc[base, target] == pytest.approx(gain.mean())
        assert done.gains_std.loc[base, target] == pytest.approx(gain.std())


def test_it_says_what_it_is(done: GridResult) -> None:
    assert "Grid 'tiny': 15 of 18 runs done, 3 failed. Gains in points" in repr(done)
    assert str(done.out) in repr(done)
    assert "<table" in done._repr_html_()


def test_a_grid_without_gains_is_not_finished(tmp_path: Path) -> None:
    failures = {f"PT:{task}:{seed}": "no" for task in ("alpha", "beta") for seed in (0, 1)}
    config = write_experiment(tmp_path)
    result = grid(config, runner=FakeEngine(failures=failures))
    assert result.scores.empty and len(result.failed) == len(result.plan.runs)
    with pytest.raises(IntertrainError, match="must have a gain in at least one cell"):
        read_finished(config.out_dir)
    with pytest.raises(IntertrainError, match="its `failed` says why"):
        ij.analyze(result)


def test_baselines_alone_are_no_study(tmp_path: Path) -> None:
    result = grid(write_experiment(tmp_path, sources=[]), runner=FakeEngine())
    with pytest.raises(IntertrainError, match=r"besides PT, .* baselines only\. Give it sources"):
        ij.analyze(result)
    with pytest.raises(IntertrainError, match=r"'.*out' must have base models besides PT"):
        ij.analyze(result.out)
