"""Analyses from Python: of a grid, of tables in memory and on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import intertrain_jax as ij
from intertrain_jax.base import IntertrainError
from intertrain_jax.workflows.analyze import compare
from intertrain_jax.workflows.grid import grid
from intertrain_jax.workflows.results import GridResult
from tests.experiments import FakeEngine, write_experiment


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> GridResult:
    """A whole grid."""
    config = write_experiment(tmp_path_factory.mktemp("grid"), seeds=3)
    return grid(config, runner=FakeEngine())


@pytest.fixture(scope="module")
def gains() -> pd.DataFrame:
    """Gains of six models on five targets: a property of the model, one of the target, and noise."""
    rng = np.random.default_rng(0)
    values = rng.normal(0, 3, (6, 1)) + rng.normal(0, 1, (1, 5)) + rng.normal(0, 0.3, (6, 5))
    return pd.DataFrame(values, [f"m{k}" for k in range(6)], [f"t{k}" for k in range(5)])


def test_a_grid_and_its_directory_are_the_same_study(done: GridResult) -> None:
    ours, theirs = ij.analyze(done), ij.analyze(done.out)
    assert ours.summary == theirs.summary
    assert ours.grid is done and theirs.grid is not None
    pd.testing.assert_frame_equal(ours.gains, done.gains)


def test_a_frame_and_its_file_are_the_same_study(gains: pd.DataFrame, tmp_path: Path) -> None:
    gains.to_csv(tmp_path / "gains.csv")
    of_frame, of_file = ij.analyze(gains), ij.analyze(tmp_path / "gains.csv")
    pd.testing.assert_frame_equal(of_frame.models, of_file.models)
    assert of_frame.result.study.name == "DataFrame"
    assert of_file.result.study.name == "gains"
    best = gains.mean(axis=1).idxmax()
    assert of_frame.models.loc[0, "base"] == best


def test_statistics_have_names_and_say_why_one_is_missing(gains: pd.DataFrame) -> None:
    study = ij.analyze(gains, representative="m1")
    assert -1 <= study.statistics["sensitivity"].pearson.value <= 1
    assert "sensitivity" in study.statistics and "noise" not in study.statistics
    with pytest.raises(KeyError, match="'noise' was not computed: One number per cell"):
        _ = study.statistics["noise"]
    with pytest.raises(KeyError, match="Did you mean 'sensitivity'"):
        _ = study.statistics["sensitivty"]


def test_scores_in_long_form_are_recognised(gains: pd.DataFrame) -> None:
    runs = [
        {"base": base, "target": target, "seed": seed, "score": 60 + gain + seed}
        for seed in (0, 1)
        for base, row in [("PT", 0 * gains.iloc[0]), *gains.iterrows()]
        for target, gain in row.items()
    ]
    study = ij.analyze(pd.DataFrame(runs).set_index(["base", "target", "seed"]))
    assert study.result.study.kind == "scores"
    np.testing.assert_allclose(study.gains, gains, atol=1e-9)


def test_a_probe_joins_the_study(gains: pd.DataFrame) -> None:
    probe = pd.DataFrame({"base": gains.index, "score": gains.mean(axis=1) + 50})
    study = ij.analyze(gains, probe=probe)
    assert study.statistics["probe_gain" if "probe_gain" in study.statistics else "probe"]
    with pytest.raises(IntertrainError, match="must have scores of base models"):
        ij.analyze(gains, probe=probe.assign(base="x" + probe["base"]))


def test_files_are_written_where_they_are_wanted(gains: pd.DataFrame, tmp_path: Path) -> None:
    folder = ij.analyze(gains).write(tmp_path / "out")
    assert (folder / "summary.json").is_file() and list((folder / "tables").iterdir())


def test_it_says_what_a_reader_needs(gains: pd.DataFrame) -> None:
    said = repr(ij.analyze(gains))
    assert said.startswith("DataFrame: 6 base models, 5 targets\n") and "best base model" in said
    html = ij.analyze(gains.rename(index={gains.index[0]: "<b>m"}))._repr_html_()
    assert html.count("<table") == 2 and "&lt;b&gt;m" in html and "<b>m" not in html


def test_two_columns_are_compared() -> None:
    x = np.arange(20.0)
    table = pd.DataFrame({"model": [f"m{k}" for k in range(20)], "probe": x, "gain": 2 * x + 1})
    found = compare(table, "probe", "gain")
    assert found.pearson.value == pytest.approx(1.0)
    assert found.line.slope == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"a": [1]}), "must be a table of two columns and a row at least"),
        (pd.DataFrame({"m": list("abc"), "t": ["1", "x", "2"]}), "row 'b', column 't' must be a"),
        (pd.DataFrame({"m": list("aab"), "t": [1.0, 2.0, 3.0]}), "row 'a' must be there once"),
    ],
)
def test_a_frame_that_is_no_table_is_one_line(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(IntertrainError, match=message):
        ij.analyze(table)
