"""The tasks of a grid on its devices: their tokens, their block shapes, and how lanes score on them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jax.sharding import Mesh
from numpy.typing import NDArray

from intertrain_jax.data.batches import Schedule, schedule_of
from intertrain_jax.data.encoded import SPLITS, EncodedTask, TaskKey
from intertrain_jax.engine.blocks import TaskShapes, choose_shapes
from intertrain_jax.engine.environment import replicated
from intertrain_jax.engine.lane_state import Lanes
from intertrain_jax.engine.lanes import LanePrograms
from intertrain_jax.engine.queue import Effort
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.work import GridWork
from intertrain_jax.train.arena import Chunk, SplitView, backend_of, build_arena, chunked
from intertrain_jax.train.metrics import answered, score_predictions


class GridTasks:
    """Every task of a grid, in the tokens of every base model that does it.

    Block shapes are chosen from all tasks of the plan, done or not: a resumed grid packs as it did.

    Args:
        work: the grid.
        mesh: devices, which all hold all tokens.

    Raises:
        IntertrainError: a forced row length is shorter than an example.
    """

    def __init__(self, work: GridWork, mesh: Mesh) -> None:
        self._work = work
        self.arena = build_arena(work.tasks, replicated(mesh))
        protocol, views = work.plan.runs[0].protocol, self.arena.views
        self.shapes = choose_shapes(
            {key: views[key, "train"].first(protocol.train_size).lengths for key in work.tasks},
            {
                key: max(int(views[key, split].lengths.max()) for split in SPLITS)
                for key in work.tasks
            },
            protocol.batch_size,
            work.options.row_length,
            work.options.block_rows,
            backend_of(mesh),
        )
        self._efforts: dict[TaskKey, Effort] = {}

    @property
    def encoded(self) -> Mapping[TaskKey, EncodedTask]:
        """All tasks, by key."""
        return self._work.tasks

    def key_of(self, run: Run) -> TaskKey:
        """Returns the key of the task that a run reads."""
        return self._work.key_of(run)

    def task_of(self, run: Run) -> EncodedTask:
        """Returns the task that a run reads."""
        return self._work.tasks[self.key_of(run)]

    def shapes_of(self, run: Run) -> TaskShapes:
        """Returns the block shapes of a run's task."""
        return self.shapes[self.key_of(run)]

    def train_of(self, run: Run) -> SplitView:
        """Returns the training examples that a run uses."""
        return self.arena.views[self.key_of(run), "train"].first(run.protocol.train_size)

    def schedule_of(self, run: Run) -> Schedule:
        """Returns the step counts of a run."""
        return schedule_of(run.protocol, len(self.train_of(run)))

    def effort_of(self, run: Run) -> Effort:
        """Returns what a run will take, computed once for all runs of a task: they share a protocol."""
        key = self.key_of(run)
        if key not in self._efforts:
            examples = self.schedule_of(run).total_steps * run.protocol.batch_size
            tokens = int(examples * self.train_of(run).lengths.mean())
            self._efforts[key] = Effort(self.shapes[key].train[0], tokens)
        return self._efforts[key]


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
