"""A grid's books: who is tested and recorded, and what is of no use in its directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.books import Books
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import Effort
from intertrain_jax.planning.work import GridWork
from intertrain_jax.records.results import RunResult
from tests.engine.tiny_grid import tiny_plan
from tests.runs import make_result

PLAN = tiny_plan(["short", "long"], ["short"])
BY_NAME = {run.name: run for run in PLAN.runs}


def books(out: Path, done: set[str], said: list[str]) -> Books:
    def emit(run: Run, result: RunResult | None, reason: str | None) -> None:
        said.append(run.name if result is not None else f"{run.name} failed: {reason}")

    bases: Any = None
    ids = {BY_NAME[name].id for name in done}
    work = GridWork(PLAN, ids, bases, {}, EngineConfig(), out)
    return Books(work, emit, lambda run: Effort(BlockShape(4, 32, 4), 10))


def test_runs_are_given_and_recorded(tmp_path: Path) -> None:
    said: list[str] = []
    found = books(tmp_path, {"PT:long:0"}, said)
    assert (found.open(), found.to_record, found.tokens) == (3, 3, 30)
    assert next(run.name for run in found.foreseen(1)) == "PT:short:0"
    source = found.take_next(None)
    assert source is BY_NAME["PT:short:0"] and found.take_next(None) is None
    assert found.more and found.is_tested(source) and found.wants_weights(source)
    assert found.finish(source, None, "it diverged")
    orphans = found.take_orphans()
    assert {run.name for run, _ in orphans} == {"short:short:0", "short:long:0"}
    for run, why in orphans:
        assert found.finish(run, None, why)
    found.write(set(), wait=True)
    assert said[0] == "PT:short:0 failed: it diverged" and len(said) == 3 and not found.more


def test_a_source_that_is_made_again_is_neither_tested_nor_recorded(tmp_path: Path) -> None:
    said: list[str] = []
    found = books(tmp_path, {"PT:short:0", "PT:long:0", "short:short:0"}, said)
    assert (found.open(), found.to_record) == (2, 1)
    source = found.take_next(None)
    assert source is BY_NAME["PT:short:0"]
    assert not found.is_tested(source) and found.wants_weights(source)
    assert not found.finish(source, make_result(50.0), None)
    run = found.take_next(None)
    assert run is BY_NAME["short:long:0"] and found.is_tested(run)
    assert not found.wants_weights(run)
    found.put_back(run)
    assert found.take_next(None) is run and found.finish(run, make_result(60.0), None)
    found.write(set(), wait=True)
    assert said == ["short:long:0"]


def test_what_is_of_no_use_is_deleted(tmp_path: Path) -> None:
    for name in ("PT:short:0", "short:long:0"):
        (tmp_path / "checkpoints" / "lanes" / BY_NAME[name].id / "3").mkdir(parents=True)
    books(tmp_path, {"PT:short:0"}, []).open()
    left = [folder.name for folder in (tmp_path / "checkpoints" / "lanes").iterdir()]
    # The source has no weights: it is to be made again, and may go on where it was.
    assert sorted(left) == sorted(BY_NAME[name].id for name in ("PT:short:0", "short:long:0"))
    books(tmp_path, {"PT:short:0", "PT:long:0", "short:short:0", "short:long:0"}, []).open()
    assert not list((tmp_path / "checkpoints" / "lanes").iterdir())
