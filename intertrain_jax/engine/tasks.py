"""The tasks of a grid on its devices: their tokens, their block shapes, and what their runs take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import jax
from jax.sharding import Mesh

from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.batches import Schedule, schedule_of, steps_from
from intertrain_jax.data.encoded import SPLITS, EncodedTask, TaskKey
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.blocks import TaskShapes, choose_shapes
from intertrain_jax.engine.environment import replicated
from intertrain_jax.engine.lane_count import shares_blocks
from intertrain_jax.engine.lane_state import Blocks
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import FAMILIES
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.queue import Effort
from intertrain_jax.planning.work import GridWork
from intertrain_jax.train.arena import Chunk, SplitView, backend_of, build_arena, chunked
from intertrain_jax.train.objectives import Classification, Objective, TextToText

# Batches of a task in which its block shapes show themselves.
_FORESEEN = 12


def objective_of(
    config: AnyConfig, tasks: Mapping[Any, EncodedTask], protocol: Protocol
) -> Objective:
    """Returns what the runs of a grid optimise: the family decides, or the protocol if it can both.

    Args:
        config: the model's shape.
        tasks: all tasks of the grid.
        protocol: that all runs share.
    """
    outputs = max(task.num_classes for task in tasks.values())
    family = FAMILIES[config.family]
    if not family.text_to_text:
        return Classification(config, outputs)
    assert protocol.text is not None
    if protocol.text.decision == "classify":
        return Classification(config, outputs)
    length = max(len(answer) for task in tasks.values() for answer in task.answers)
    # A tied model whose output is trained alone gets an output of its own.
    own_head = family.texts.has_own_head(config) or protocol.method != "finetune"
    return TextToText(config, outputs, length, protocol.text.decision, own_head)


def effort_key(task: TaskKey, run: Run) -> tuple[Any, ...]:
    """Returns what decides a run's effort: its task, in its tokens, and how much of that it takes."""
    rules = run.protocol
    return (task, rules.train_size, rules.epochs, rules.max_examples, rules.batch_size)


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
        self._work, self._everywhere = work, replicated(mesh)
        config, plan = work.bases.pretrained.config, work.plan
        self.objective = objective_of(config, work.tasks, plan.runs[0].protocol)
        self.arena = build_arena(work.tasks, self._everywhere)
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
            shares_blocks(work.options, self.objective, mesh),
        )
        self._efforts: dict[tuple[Any, ...], Effort] = {}
        self._chunks: dict[tuple[TaskKey, str], list[Chunk]] = {}

    @property
    def largest_block(self) -> BlockShape:
        """The shape of the largest micro-step."""
        shapes = (shape for task in self.shapes.values() for shape in task.train)
        return max(shapes, key=lambda shape: shape.tokens)

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
        """Returns what a run will take, computed once for all runs of a task and a length."""
        task = self.key_of(run)
        key = effort_key(task, run)
        if key not in self._efforts:
            examples = self.schedule_of(run).total_steps * run.protocol.batch_size
            tokens = int(examples * self.train_of(run).lengths.mean())
            self._efforts[key] = Effort(self.shapes[task].train[0], tokens)
        return self._efforts[key]

    def chunks_of(self, key: TaskKey, split: str) -> list[Chunk]:
        """Returns a split packed for evaluation, on the devices, once for all runs of a task."""
        if (key, split) not in self._chunks:
            chunks = chunked(self.arena.views[key, split], self.shapes[key].evaluate)
            self._chunks[key, split] = [self._placed(chunk) for chunk in chunks]
        return self._chunks[key, split]

    def validation_slots(self, run: Run) -> int:
        """Returns the token slots that a validation computes."""
        chunks = self.chunks_of(self.key_of(run), "validation")
        return sum(chunk.count * chunk.shape.tokens for chunk in chunks)

    def foreseen(self, runs: Iterable[Run], lanes: int) -> list[Blocks | Chunk]:
        """Returns blank work of every shape that these runs will do, in the order in which it will come.

        What a run trains on is taken from its first batches: a rare shape may be missing.

        Args:
            runs: that are to start, the next one first.
            lanes: that are advanced together.
        """
        first: dict[TaskKey, Run] = {}
        for run in runs:
            first.setdefault(self.key_of(run), run)
        work: dict[tuple[BlockShape, str], Blocks | Chunk] = {}
        for key, run in first.items():
            steps = steps_from(
                *(run.protocol, self.schedule_of(run), run.seed),
                *(self.train_of(run).lengths, self.shapes[key].train),
            )
            for step in islice(steps, _FORESEEN):
                for block in step.blocks:
                    whole = len(step.blocks) == 1
                    shape, kind = block.shape, "whole" if whole else "part"
                    if (shape, kind) not in work:
                        work[shape, kind] = Blocks.blank(shape, lanes, whole)
            for shape in self.shapes[key].evaluate:
                if (shape, "evaluate") not in work:
                    work[shape, "evaluate"] = self._placed(Chunk.blank(shape))
        return list(work.values())

    def _placed(self, chunk: Chunk) -> Chunk:
        return replace(chunk, segments=jax.device_put(chunk.segments, self._everywhere))
