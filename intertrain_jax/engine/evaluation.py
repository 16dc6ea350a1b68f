"""Evaluates lanes: sends all blocks of a split off, and reads the answers when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from intertrain_jax.engine.lane_state import Lanes
from intertrain_jax.engine.lanes import LanePrograms
from intertrain_jax.engine.tasks import GridTasks
from intertrain_jax.planning.plan import Run
from intertrain_jax.train.arena import Chunk, SplitView
from intertrain_jax.train.metrics import answered, score_of_tally, score_predictions

Array = Any  # a JAX array, or a NumPy array that JAX takes for one


@dataclass(frozen=True)
class Answers:
    """What a lane answers on a split, on the device until it is read.

    Attributes:
        tally: counts of the answers [devices, 3], see `tally_of`.
        view: of the split.
        outputs: for a rank correlation, which the host computes: chunks, each with logits [T, R, Q, C].
            None where the tally says all.
    """

    tally: Array
    view: SplitView
    outputs: tuple[tuple[Chunk, Array], ...] | None

    def read(self) -> tuple[float, int]:
        """Waits for the answers; returns the score as a fraction, and how many examples got none."""
        counts = np.asarray(self.tally).sum(axis=0)
        if self.outputs is None:
            return score_of_tally(counts, len(self.view)), int(counts[1])
        first_output_N = np.zeros((len(self.view), 1), np.float32)
        for chunk, logits in self.outputs:
            used = chunk.examples >= 0
            first_output_N[chunk.examples[used], 0] = np.asarray(logits)[used][:, 0]
        unanswered = int(np.sum(~answered(first_output_N, 1)))
        return score_predictions(first_output_N, self.view.labels, 1, "spearman"), unanswered


def send(
    tasks: GridTasks, programs: LanePrograms, lanes: Lanes, lane: int, run: Run, best: bool
) -> Answers:
    """Begins to evaluate a lane, behind whatever was sent before.

    Args:
        tasks: of the grid.
        programs: of the lanes.
        lanes: the device's state.
        lane: index of the lane.
        run: that is in the lane.
        best: its best parameters on the test split, rather than its current ones on validation.
    """
    key, split = tasks.key_of(run), "test" if best else "validation"
    counted = tasks.task_of(run).metric == "accuracy"
    tally, outputs = programs.blank_tally, []
    for chunk in tasks.chunks_of(key, split):
        logits, tally = programs.evaluate(lanes, lane, best, chunk, tasks.arena.tokens, tally)
        if not counted:
            outputs.append((chunk, programs.of_lane(logits, lane)))
    return Answers(tally, tasks.arena.views[key, split], None if counted else tuple(outputs))
