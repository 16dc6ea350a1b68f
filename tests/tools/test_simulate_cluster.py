"""A slice of the simulated campaigns: their schedules are near the best there can be, whoever dies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CONFIG = "paper/inhouse-roberta"
WORKERS = 8


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    """The script as a module."""
    folder = str(Path(__file__).resolve().parents[2] / "tools")
    sys.path.insert(0, folder)
    yield import_module("simulate_cluster")
    sys.path.remove(folder)


def done(tool: ModuleType, seeds: int = 1, workers: int = WORKERS, **losses: float) -> Any:
    """Returns the figures of a campaign; that every run ended once is asserted there."""
    campaign = tool.Campaign(seeds, workers, losses=replace(tool.Losses(), **losses))
    return tool.simulate(campaign, CONFIG, tool.read_shares())


@pytest.mark.parametrize(("seeds", "workers"), [(1, 1), (1, WORKERS), (5, 64)])
def test_no_schedule_would_be_much_shorter(tool: ModuleType, seeds: int, workers: int) -> None:
    figures = done(tool, seeds, workers)
    assert figures["runs"] == 506 * seeds
    assert 0.999 < figures["makespan_over_bound"] <= 1.10


def test_deaths_cost_what_was_not_saved_and_no_run(tool: ModuleType) -> None:
    whole, killed = done(tool), done(tool, deaths=3.0, checkpoint=20.0)
    assert killed["deaths"] >= 5 and killed["failed"] == 0
    # Each death costs a restart, and at most what its device did between two checkpoints.
    most = killed["deaths"] * (60.0 + 20.0) / 3600.0 / WORKERS
    assert whole["hours"] < killed["hours"] < 1.1 * (whole["hours"] + most)


def test_a_run_costs_the_driver_the_same_in_a_larger_campaign(tool: ModuleType) -> None:
    small, large = (done(tool, seeds, WORKERS * seeds) for seeds in (1, 4))
    per_run = [figures["driver_calls"] / figures["runs"] for figures in (small, large)]
    assert per_run[1] <= 1.1 * per_run[0] <= 8.0


def test_lost_time_is_seen(tool: ModuleType) -> None:
    figures = done(tool, compile=30.0, fetch=2.0)
    assert figures["source_models_fetched"] > 50
    assert figures["hours"] > done(tool)["hours"]


def test_shares_are_those_of_records(tool: ModuleType, tmp_path: Path) -> None:
    work = import_module("cluster_work")
    shares = work.read_shares()
    assert len(shares) == 64 and 0.0 < shares.min() < shares.max() < 1.0
    # Of a campaign on tasks that early stopping cannot cut, nothing is drawn.
    experiment = tool.load_config(CONFIG, ["seeds=1", "targets=[rte, cb]", "sources=[rte]"])
    found = [work.work_of(experiment, shares, seed).seconds for seed in (0, 1)]
    assert found[0] == found[1] and len(found[0]) == 4
