"""Results directories read back: of grids, of rankings, of studies, and of nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

import intertrain_jax as ij
from intertrain_jax.base import IntertrainError
from intertrain_jax.workflows.grid import grid
from intertrain_jax.workflows.reading import results
from intertrain_jax.workflows.results import GridResult, RankResult, read_finished
from intertrain_jax.workflows.study import StudyResult, study
from tests.experiments import FakeEngine, write_experiment
from tests.studies import raw_study


def test_a_directory_gives_the_same_as_the_call(tmp_path: Path) -> None:
    done = grid(write_experiment(tmp_path), runner=FakeEngine())
    again = results(done.out)
    assert isinstance(again, GridResult)
    pd.testing.assert_frame_equal(again.gains, done.gains)
    pd.testing.assert_frame_equal(again.scores, done.scores)
    assert again.progress is None and again.counts == done.counts
    assert read_finished(done.out).config == done.config


def test_a_directory_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match="must hold an experiment, a ranking or a study"):
        results(tmp_path)
    with pytest.raises(IntertrainError, match="is neither a file nor a results directory"):
        read_finished(tmp_path / "nowhere")


def test_a_directory_of_a_study_is_the_study(tmp_path: Path) -> None:
    done = study(raw_study(tmp_path), out=tmp_path / "out", runner=FakeEngine())
    again = results(tmp_path / "out")
    assert isinstance(again, StudyResult) and again.counts == done.counts
    assert again.runs.equals(done.runs)


def test_committed_results_read_as_they_are(repository: Path) -> None:
    found = ij.results(repository / "results" / "real-small")
    assert found.counts == (90, 0)
    both = ij.results(repository / "results" / "real-small-rank")
    assert isinstance(both, GridResult) and not len(both.failed)


def test_a_directory_of_a_ranking_is_the_ranking(repository: Path, tmp_path: Path) -> None:
    source = repository / "results" / "real-small-rank"
    shutil.copytree(source / "probes", tmp_path / "probes")
    for name in ("rank.yaml", "gain_correlations.csv"):
        shutil.copy(source / name, tmp_path / name)
    found = results(tmp_path)
    assert isinstance(found, RankResult)
    assert len(found.table) == 12 and not len(found.failed)
    written = pd.read_csv(source / "ranking.csv")
    assert list(found.table["model"]) == list(written["model"])
    assert found.correlations is not None and "weighted_tau" in set(found.correlations["kind"])
    assert repr(found).startswith("Ranking on 'mnli': 12 of 12 models ranked.")
