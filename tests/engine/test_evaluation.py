"""A lane's answers are sent for, counted where they are, and read when they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from intertrain_jax.engine.evaluation import send
from intertrain_jax.train.metrics import score_predictions, tally_of
from tests.engine.test_tasks import grid_tasks

OUTPUTS = 4


class Programs:
    """Gives every example the logits of a table, laid out as the device lays them out."""

    blank_tally = np.zeros((2, 3), np.int32)

    def __init__(self, logits_NxC: Any, classes: int) -> None:
        self.logits_NxC, self.classes, self.calls = logits_NxC, classes, 0

    def evaluate(
        self, lanes: Any, lane: int, best: bool, chunk: Any, tokens: Any, tally: Any
    ) -> Any:
        self.calls += 1
        segments = chunk.segments
        assert (lanes, lane, best) == ("lanes", 1, True)
        assert 0 < chunk.count <= len(segments.labels_RxQ)
        used = np.asarray(segments.lengths_RxQ) > 0
        logits = self.logits_NxC[np.asarray(segments.examples_RxQ)]
        # What slots without an example hold is nobody's logits.
        logits = np.where(used[..., None], logits, np.nan)
        found = tally_of(logits, segments.labels_RxQ, used, self.classes)
        return logits, tally + np.stack([np.zeros(3, np.int32), np.asarray(found)])

    def of_lane(self, outputs: Any, lane: int) -> Any:
        assert lane == 1
        return outputs


@pytest.mark.parametrize("name", ["PT:few:0", "PT:many:0", "PT:graded:0", "other:few:0"])
def test_scores_are_those_of_all_examples_in_their_order(name: str) -> None:
    work, tasks = grid_tasks()
    run = next(run for run in work.plan.runs if run.name == name)
    task = tasks.task_of(run)
    view = tasks.arena.views[tasks.key_of(run), "test"]
    logits_NxC = np.random.default_rng(5).normal(size=(len(view), OUTPUTS)).astype(np.float32)
    programs: Any = Programs(logits_NxC, task.num_classes)
    stand_in: Any = "lanes"
    answers = send(tasks, programs, stand_in, 1, run, best=True)
    # Only a rank correlation needs more than counts.
    assert (answers.outputs is not None) == task.regression
    score, unanswered = answers.read()
    assert score == score_predictions(logits_NxC, view.labels, task.num_classes, task.metric)
    assert unanswered == 0 and programs.calls >= 1
    shown = np.full(logits_NxC.shape, -np.inf, np.float32)
    shown[3:] = logits_NxC[3:]
    programs.logits_NxC = shown
    assert send(tasks, programs, stand_in, 1, run, best=True).read()[1] == 3
