"""Tasks on the device: what a run reads, what it will take, and how its score is put together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.engine.tasks import Evaluator, GridTasks
from intertrain_jax.planning.work import GridWork
from intertrain_jax.train.metrics import score_predictions
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


class Programs:
    """Gives every example the logits of a table, laid out as the device lays them out."""

    def __init__(self, logits_NxC: Any) -> None:
        self.logits_NxC, self.calls = logits_NxC, 0

    def evaluate(
        self, lanes: Any, lane: int, best: bool, segments: Any, count: int, tokens: Any, shape: Any
    ) -> Any:
        self.calls += 1
        assert (lanes, lane, best) == ("lanes", 1, True) and 0 < count <= len(segments.labels_RxQ)
        logits = self.logits_NxC[segments.examples_RxQ]
        # What slots without an example hold is nobody's logits.
        return np.where(segments.lengths_RxQ[..., None] > 0, logits, np.nan)


@pytest.mark.parametrize("name", ["PT:few:0", "PT:many:0", "PT:graded:0", "other:few:0"])
def test_scores_are_those_of_all_examples_in_their_order(name: str) -> None:
    work, tasks = grid_tasks()
    run = next(run for run in work.plan.runs if run.name == name)
    task = tasks.task_of(run)
    view = tasks.arena.views[tasks.key_of(run), "test"]
    logits_NxC = np.random.default_rng(5).normal(size=(len(view), OUTPUTS)).astype(np.float32)
    programs: Any = Programs(logits_NxC)
    evaluator, lanes = Evaluator(tasks, OUTPUTS), ("lanes",)
    stand_in: Any = lanes[0]
    score, unanswered = evaluator.score(programs, stand_in, 1, True, run, "test")
    assert score == score_predictions(logits_NxC, view.labels, task.num_classes, task.metric)
    assert unanswered == 0 and programs.calls >= 1
    shown = np.full(logits_NxC.shape, -np.inf, np.float32)
    shown[3:] = logits_NxC[3:]
    programs.logits_NxC = shown
    assert evaluator.score(programs, stand_in, 1, True, run, "test")[1] == 3
