"""A search within its hours, and what it asks of the engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.workflows import recommend as module
from intertrain_jax.workflows import searching
from intertrain_jax.workflows.recommend import Recommendation, recommend
from intertrain_jax.workflows.searching import SPENT_FILE, Hours, OutOfTimeError
from tests.searches import Scored, spare_pictures, write_models, write_target


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes on only when it is told."""
    now = [1000.0]
    monkeypatch.setattr(searching, "monotonic", lambda: now[0])
    return now


class Timed(Scored):
    """An engine whose runs take time by the clock."""

    def __init__(self, clock: list[float], seconds: float) -> None:
        super().__init__(seconds=seconds)
        self.clock = clock
        self.asked: list[int] = []

    def run_grid(self, work: Any, emit: Any, watch: Any) -> Any:
        self.asked.append(sum(run.id not in work.done for run in work.plan.runs))

        def passing(progress: Any) -> None:
            self.clock[0] += self.seconds
            watch(progress)

        return super().run_grid(work, emit, passing)


def choose(folder: Path, engine: Scored, **options: Any) -> Recommendation:
    if not (folder / "dishes.csv").is_file():
        write_target(folder)
        write_models(folder)
    return recommend(
        folder / "dishes.csv",
        runner=engine,
        ranking=folder / "ranking.csv",
        pretrained=str(folder / "model"),
        out=folder / "out",
        overrides=[f"data.cache_dir={folder / 'cache'}", *options.pop("overrides", ())],
        **options,
    )


@pytest.fixture(autouse=True)
def nothing_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    spare_pictures(monkeypatch)
    monkeypatch.setattr(module, "export_run", lambda out, run, where, more: where.mkdir())


def test_it_stops_before_a_run_that_would_go_past_the_hours(
    tmp_path: Path, clock: list[float]
) -> None:
    """Runs of 10 minutes, and an hour: the first one alone, then as many as there is time for."""
    engine = Timed(clock, 600.0)
    began = clock[0]
    found = choose(tmp_path, engine, max_hours=1.0)
    assert clock[0] - began <= 3600.0
    assert len(engine.calls) == found.verdict.runs == 6
    assert engine.asked[0] == 1, "whose time says how many fit"
    assert (
        found.verdict.why == "a run takes about 10 min 00 s, and of the 1 hours 0 s are left"
        or (found.verdict.why == "the 1 hours are spent")
    )
    # The hours are those of all calls; with more of them it goes on.
    again = choose(tmp_path, engine, max_hours=1.0)
    assert len(engine.calls) == 6 and again.model == found.model
    choose(tmp_path, engine, max_hours=1.2)
    assert len(engine.calls) == 7


def test_without_hours_runs_that_do_not_wait_for_each_other_are_done_at_once(
    tmp_path: Path, clock: list[float]
) -> None:
    """The baseline and the first four of the ranking, in lanes of one program."""
    engine = Timed(clock, 1.0)
    choose(tmp_path, engine)
    assert engine.asked[0] == 5
    assert engine.work is not None
    assert (engine.work.options.fuse, engine.work.options.keep) == (1, "all")


def test_what_the_user_says_of_lanes_stays(tmp_path: Path, clock: list[float]) -> None:
    engine = Timed(clock, 1.0)
    choose(tmp_path, engine, overrides=["engine.lanes=3"], budget=2)
    assert engine.work is not None
    assert (engine.work.options.lanes, engine.work.options.fuse) == (3, "auto")


def test_hours_that_do_not_do_for_one_run_are_an_error(tmp_path: Path, clock: list[float]) -> None:
    """Even where the engine cannot know beforehand, it is stopped when they are over."""

    class Slow(Timed):
        def run_grid(self, work: Any, emit: Any, watch: Any) -> Any:
            self.clock[0] += 8000.0
            watch(self._progress(0))
            raise AssertionError("it went on")

    with pytest.raises(
        IntertrainError, match=r"--max-hours, but the 2 hours are spent.*train_size"
    ):
        choose(tmp_path, Slow(clock, 1.0), max_hours=2.0)
    assert json.loads((tmp_path / "out" / SPENT_FILE).read_text())["seconds"] >= 8000


def test_runs_that_leave_no_record_are_not_done_for_ever(
    tmp_path: Path, clock: list[float]
) -> None:
    class Lost(Timed):
        def run_grid(self, work: Any, emit: Any, watch: Any) -> Any:
            assert not self.asked, "it is done again"
            return super().run_grid(work, lambda *record: None, watch)

    with pytest.raises(IntertrainError, match=r"must leave a record in .*, but none can be read"):
        choose(tmp_path, Lost(clock, 1.0))


def test_an_account_is_kept_while_the_engine_works(tmp_path: Path, clock: list[float]) -> None:
    hours = Hours(tmp_path / SPENT_FILE, 100.0)
    hours.tick()
    assert not (tmp_path / SPENT_FILE).exists()
    clock[0] += 6.0
    hours.tick()
    assert Hours(tmp_path / SPENT_FILE, 100.0).before == 6.0
    clock[0] += 95.0
    with pytest.raises(OutOfTimeError):
        hours.tick()
    (tmp_path / SPENT_FILE).write_text("{broken", "utf-8")
    assert Hours(tmp_path / SPENT_FILE, None).left == float("inf")


def test_lines_of_small_grids_are_not_passed_on_and_warnings_once() -> None:
    class Told:
        def __init__(self) -> None:
            self.lines: list[str] = []

        def say(self, text: str) -> None:
            self.lines.append(text)

        warn = say

        @contextmanager
        def display(self, noun: str) -> Iterator[Any]:
            yield self

    told = Told()
    watched = searching._Watched(told, Hours(Path("nowhere") / SPENT_FILE, None))
    watched.say("reading 1 tasks")
    for _ in range(2):
        watched.warn("m1 cannot be used")
    assert told.lines == ["m1 cannot be used"]
