"""Scores the model in a lane on a whole split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.data.encoded import TaskKey
from intertrain_jax.engine.lanes import LanePrograms, Lanes
from intertrain_jax.engine.tasks import GridTasks
from intertrain_jax.planning.plan import Run
from intertrain_jax.train.arena import Chunk, chunked
from intertrain_jax.train.metrics import answered, score_predictions


class Evaluator:
    """Packs every split once, and scores lanes on it.

    Args:
        tasks: of the grid.
        num_outputs: C, outputs of the shared head.
    """

    def __init__(self, tasks: GridTasks, num_outputs: int) -> None:
        self._tasks = tasks
        self._num_outputs = num_outputs
        self._packed: dict[tuple[TaskKey, str], list[Chunk]] = {}

    def score(
        self, programs: LanePrograms, lanes: Lanes, lane: int, best: bool, run: Run, split: str
    ) -> tuple[float, int]:
        """Returns a lane's score on a split, as a fraction, and how many examples got no answer.

        Args:
            programs: of the lanes.
            lanes: the device's state.
            lane: index of the lane.
            best: whether to score its best parameters rather than its current ones.
            run: that is in the lane.
            split: "validation" or "test".
        """
        task = self._tasks.task_of(run)
        logits_NxC = self._logits(programs, lanes, lane, best, self._tasks.key_of(run), split)
        labels_N = self._tasks.arena.views[self._tasks.key_of(run), split].labels
        unanswered = int(np.sum(~answered(logits_NxC, task.num_classes)))
        return score_predictions(logits_NxC, labels_N, task.num_classes, task.metric), unanswered

    def _logits(
        self,
        programs: LanePrograms,
        lanes: Lanes,
        lane: int,
        best: bool,
        task: TaskKey,
        split: str,
    ) -> NDArray[np.float32]:
        """Returns logits [N, C], in the split's order."""
        arena, chunks = self._tasks.arena, self._chunks(task, split)
        # All dispatches go out before the first result is awaited.
        outputs = [
            programs.evaluate(
                lanes, lane, best, chunk.segments, chunk.count, arena.tokens, chunk.shape
            )
            for chunk in chunks
        ]
        logits_NxC = np.zeros((len(arena.views[task, split]), self._num_outputs), np.float32)
        for output, chunk in zip(outputs, chunks, strict=True):
            used = chunk.examples >= 0
            logits_NxC[chunk.examples[used]] = np.asarray(output)[used]
        return logits_NxC

    def _chunks(self, task: TaskKey, split: str) -> list[Chunk]:
        if (task, split) not in self._packed:
            view, shapes = self._tasks.arena.views[task, split], self._tasks.shapes[task].evaluate
            self._packed[task, split] = chunked(view, shapes)
        return self._packed[task, split]
