"""What commands print at their end: counts, where files are, failures, and what is only a test."""

from __future__ import annotations

import io
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from rich.console import Console

from intertrain_jax.cli import main
from intertrain_jax.cli.show import (
    grid_summary,
    pages_of,
    rank_summary,
    show_grid,
    show_ranking,
    what_to_open,
)
from intertrain_jax.config.experiment import DataConfig
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.probe.ranker import RankProgress
from intertrain_jax.study.model_ranking import gain_correlations, rank_models
from intertrain_jax.workflows.grid import grid
from intertrain_jax.workflows.results import GridResult, RankResult
from tests.experiments import FakeEngine, write_experiment
from tests.probe_runs import failed_record, probe_record

OUT = Path("somewhere")


def printed(show: Any, result: Any) -> str:
    """Returns what is shown, with single blanks."""
    console = Console(file=io.StringIO(), width=200)
    show(console, result)
    return " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> GridResult:
    config = write_experiment(tmp_path_factory.mktemp("show"))
    return grid(config, runner=FakeEngine())


def test_a_grid_shows_its_gains_and_what_they_say(whole: GridResult) -> None:
    shown = printed(show_grid, whole)
    for base in ("alpha", "beta"):
        for target in ("alpha", "beta"):
            assert f"{whole.gains.loc[base, target]:+.1f}" in shown
    assert "best base model" in shown
    assert "test only" not in shown


def test_how_well_the_engine_was_used_is_shown_where_it_did_anything(whole: GridResult) -> None:
    assert "examples trained on" not in printed(show_grid, replace(whole, progress=None))
    progress = GridProgress(
        lanes=8, examples=12_000, tokens=750, slots=1000, lane_ticks=80, busy_ticks=60,
        compilations=3, seconds=4.0,
    )  # fmt: skip
    shown = printed(show_grid, replace(whole, progress=progress))
    assert (
        "12,000 examples trained on, 3,000 per second, validation and tests included; lanes busy"
        " 75.0%, padding 25.0%, 3 compiled training programs" in shown
    )


def test_cut_splits_are_said_to_be_a_test(whole: GridResult) -> None:
    config = replace(whole.config, data=replace(whole.config.data, limit=64))
    shown = printed(show_grid, replace(whole, config=config))
    assert "test only: every split was cut to 64 rows (data.limit)" in shown


def test_a_grids_last_line(whole: GridResult) -> None:
    result = replace(whole, out=OUT, progress=None)
    assert grid_summary(result) == "12 of 12 runs done. Results: somewhere"
    timed = replace(result, progress=GridProgress(seconds=125.0))
    assert grid_summary(timed) == "12 of 12 runs done in 2 min 05 s. Results: somewhere"


def test_a_grids_failures_are_counted_with_the_way_to_repeat_them(tmp_path: Path) -> None:
    engine = FakeEngine(failures={"PT:beta:0": "diverged"})
    found = replace(grid(write_experiment(tmp_path), runner=engine), progress=None)
    first, second = grid_summary(found).splitlines()
    # Two runs start from the model that failed.
    assert first == f"9 of 12 runs done. Results: {found.out}"
    assert second == (
        f"3 failed: reasons are in {found.out / 'analysis' / 'records.csv'}; start again with"
        " --retry-failed to repeat them."
    )
    # What is said to be there is there.
    picture, tables = re.fullmatch(
        r"Open (.*); tables are in (.*)\.", str(what_to_open(found))
    ).groups()  # type: ignore[union-attr]
    assert Path(picture).is_file() and Path(tables).is_dir()


@pytest.fixture(scope="module")
def ranked() -> RankResult:
    """Returns a ranking of four models, of which one failed and one is not done yet."""
    stored = {
        "PT": probe_record("PT", (60.0, 60.0)),
        "a": probe_record("a", (50.0, 51.0)),
        "b": failed_record("b", "no such file"),
    }
    ranking = rank_models([*stored, "c"], stored, "PT", 2, ["logme"])
    config = RankConfig(task="alpha", models=("a", "b", "c"), pretrained="PT")
    return RankResult(config, ranking, stored, None, OUT)


def test_a_ranking_shows_its_models_and_correlations_where_gains_are_known(
    ranked: RankResult,
) -> None:
    shown = printed(show_ranking, ranked)
    assert "PT (PT)" in shown and "failed: b: no such file" in shown
    assert "correlation" not in shown and "test only" not in shown
    records = {f"m{k}": probe_record(f"m{k}", (50.0 + k,), seed=k) for k in range(5)}
    ranking = rank_models(list(records), records, None, 1, ("logme",))
    gains = pd.DataFrame({"x": range(5)}, index=list(records), dtype=float)
    limited = replace(ranked.config, data=DataConfig("data", limit=9))
    known = replace(
        ranked, config=limited, ranking=ranking, correlations=gain_correlations(ranking, gains)
    )
    shown = printed(show_ranking, known)
    assert "correlation with the average finetuning gain of 5 models on 1 target:" in shown
    assert shown.endswith("test only: every split was cut to 9 rows (data.limit)")


def test_a_rankings_last_lines(ranked: RankResult) -> None:
    lines = rank_summary(ranked, None).splitlines()
    assert lines == [
        f"2 of 4 models ranked. Results: {OUT / 'ranking.csv'}",
        "1 failed; start again with --retry-failed to try them again.",
    ]
    timed = replace(ranked, progress=RankProgress(seconds=7.6, compilations=2))
    lines = rank_summary(timed, 10).splitlines()
    assert lines[0].startswith("2 of 4 models ranked in 8 s, 2 compiled programs. Results: ")
    assert lines[2] == f"The best: {OUT / 'top-10.txt'}"


def test_the_command_that_makes_pages_can_be_pasted(tmp_path: Path) -> None:
    done = grid(write_experiment(tmp_path / "my results", seeds=1), runner=FakeEngine())
    said = pages_of(done.out)
    assert printed(show_grid, done).endswith(said)
    made, page = said.removeprefix("As pages: intertrain-jax ").split(", then open ")
    code = CliRunner().invoke(main, [*shlex.split(made), "--no-figures"]).exit_code
    assert code == 0 and Path(page).is_file()
