"""Tasks on the device: what a run reads, and what it will take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.data.batches import steps_from
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.engine.lane_state import Blocks
from intertrain_jax.engine.tasks import GridTasks
from intertrain_jax.planning.work import GridWork
from intertrain_jax.train.arena import CHUNK_BLOCKS, Chunk
from tests.engine.tiny_grid import TinyBases, tiny_checkpoint, tiny_plan, tiny_protocol, tiny_task

OUTPUTS = 4


def grid_tasks(train_size: int | None = None, **options: Any) -> tuple[GridWork, GridTasks]:
    """Returns a grid over three tasks, one of which another base model reads in its own tokens."""
    protocol = tiny_protocol(train_size=train_size)
    plan = tiny_plan(["few", "many", "graded"], bases=["other"], protocol=protocol)
    tasks = {
        ("", "few"): tiny_task("few", 2, longest=9),
        ("", "many"): tiny_task("many", 4, longest=30),
        ("", "graded"): tiny_task("graded", regression=True, longest=9),
    }
    tasks |= {("own", name): tiny_task(f"own {name}", 2, longest=9) for _, name in list(tasks)}
    bases = TinyBases(tiny_checkpoint(), {"other": tiny_checkpoint(seed=3)}, {"other": "own"})
    engine = EngineConfig(devices=1, **options)
    work = GridWork(plan, set(), bases, tasks, engine, Path("unused"))
    return work, GridTasks(work, lane_mesh(1))


def test_a_run_reads_its_task_in_the_tokens_of_its_base_model() -> None:
    work, tasks = grid_tasks()
    flat = np.asarray(tasks.arena.tokens)
    for run in work.plan.runs:
        key = ("own" if run.base.label == "other" else "", run.target)
        assert tasks.key_of(run) == key and tasks.task_of(run) is work.tasks[key]
        expected, view = work.tasks[key].train, tasks.train_of(run)
        for row in (0, 7, len(view) - 1):
            at = view.offsets[row]
            np.testing.assert_array_equal(
                flat[at : at + view.lengths[row]],
                expected.tokens[expected.offsets[row] : expected.offsets[row + 1]],
            )


def test_effort_is_the_tokens_of_all_steps_and_computed_once() -> None:
    work, tasks = grid_tasks(train_size=16)
    for run in work.plan.runs:
        lengths = tasks.train_of(run).lengths
        assert len(lengths) == 16
        schedule, effort = tasks.schedule_of(run), tasks.effort_of(run)
        # 3 epochs over 16 examples in batches of 8.
        assert schedule.total_steps == 6
        assert effort.tokens == int(48 * lengths.mean())
        assert effort.shape == tasks.shapes_of(run).train[0]
        assert tasks.effort_of(run) is effort


def test_examples_longer_than_a_forced_row_are_named() -> None:
    with pytest.raises(IntertrainError, match=r"row_length is 16, but task 'many' has .* 30"):
        grid_tasks(row_length=16)


def test_a_split_is_packed_once() -> None:
    _, tasks = grid_tasks()
    key = ("", "many")
    chunks = tasks.chunks_of(key, "test")
    assert tasks.chunks_of(key, "test") is chunks
    examples = np.concatenate([chunk.examples.ravel() for chunk in chunks])
    assert sorted(examples[examples >= 0]) == list(range(len(tasks.arena.views[key, "test"])))


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_every_shape_that_runs_will_use_is_foreseen_once(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intertrain_jax.engine.tasks.backend_of", lambda mesh: backend)
    work, tasks = grid_tasks()
    foreseen = tasks.foreseen(work.plan.runs, 2)
    first = work.plan.runs[0]
    assert isinstance(foreseen[0], Blocks) and foreseen[0].shape in tasks.shapes_of(first).train
    train = [(part.shape, part.whole) for part in foreseen if isinstance(part, Blocks)]
    evaluate = [part.shape for part in foreseen if isinstance(part, Chunk)]
    assert len(set(train)) == len(train) and len(set(evaluate)) == len(evaluate)
    used: set[tuple[BlockShape, bool]] = set()
    for run in work.plan.runs:
        lengths, shapes = tasks.train_of(run).lengths, tasks.shapes_of(run).train
        for step in steps_from(run.protocol, tasks.schedule_of(run), run.seed, lengths, shapes):
            used |= {(block.shape, len(step.blocks) == 1) for block in step.blocks}
    assert used == set(train)
    splits = [(key, split) for key in work.tasks for split in ("validation", "test")]
    read = {chunk.shape for key, split in splits for chunk in tasks.chunks_of(key, split)}
    assert read <= set(evaluate)
    for part in foreseen:
        leading = 2 if isinstance(part, Blocks) else CHUNK_BLOCKS
        assert part.segments.labels_RxQ.shape == (leading, part.shape.rows, part.shape.segments)
