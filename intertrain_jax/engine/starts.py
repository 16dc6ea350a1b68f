"""Where a run starts: at the weights of its base model with a head of its own, or where it was saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.engine.checkpoint import WeightsLostError, load_run
from intertrain_jax.engine.feed import Weights
from intertrain_jax.engine.lane import LaneRun
from intertrain_jax.engine.lane_state import Lanes
from intertrain_jax.engine.lanes import LanePrograms
from intertrain_jax.engine.tasks import GridTasks
from intertrain_jax.models.heads import arranged_head, classes_of
from intertrain_jax.models.labels import class_names
from intertrain_jax.planning.plan import Plan, Run
from intertrain_jax.planning.work import Bases, ref_of
from intertrain_jax.train.hyper import hyper_of
from intertrain_jax.train.metrics import most_right
from intertrain_jax.train.objectives import Classification, TextToText

Tree = Any


class Starts:
    """Gives the initial parameters of runs.

    Args:
        bases: the grid's base models.
        tasks: all tasks of the grid.
        protocol: that all runs share.
        weights: where source models and runs in flight are.

    Attributes:
        objective: what all runs optimise.
        damaged: saved weights that could not be used, so far.
    """

    def __init__(
        self,
        bases: Bases,
        tasks: GridTasks,
        protocol: Protocol,
        weights: Weights,
    ) -> None:
        self.objective = tasks.objective
        self.damaged = 0
        self._bases, self._tasks = bases, tasks
        # Whatever its tokens are, a task has the same classes.
        self._classes = {name: task.num_classes for (_, name), task in tasks.encoded.items()}
        self._labels = {
            name: () if task.regression else task.label_names
            for (_, name), task in tasks.encoded.items()
        }
        self._weights = weights

    def forget_source(self, source: str) -> None:
        """Deletes a source model whose weights are damaged."""
        self._weights.forget_source(source)
        self.damaged += 1

    def enter(
        self, programs: LanePrograms, lanes: Lanes, k: int, run: Run
    ) -> tuple[Lanes, LaneRun]:
        """Puts a run into a free lane, where it was saved or at its beginning.

        Args:
            programs: of the lanes.
            lanes: the device's state; given up.
            k: the lane.
            run: to be trained.

        Returns:
            The lanes, and the host's side of the run.

        Raises:
            IntertrainError: the base model cannot be loaded any more.
            WeightsLostError: the source's model cannot be used.
        """
        tasks = self._tasks
        schedule, train = tasks.schedule_of(run), tasks.train_of(run)
        shapes, config = tasks.shapes_of(run).train, self._bases.look(ref_of(run)).config
        task = tasks.task_of(run)
        hyper = hyper_of(run.protocol, schedule, config, run.seed, task, self.objective)
        saved = self._saved(run, schedule.total_steps)
        if saved is None:
            params, notes = self.start_of(run)
            lanes = programs.start(lanes, k, params, hyper)
            return lanes, LaneRun(run, train, schedule, shapes, notes=notes)
        state, fields = saved
        right = most_right(fields["progress"].best, len(task.validation))
        lanes = programs.restore(lanes, k, state, (fields["step"], right), hyper)
        return lanes, LaneRun(run, train, schedule, shapes, **fields)

    def _saved(self, run: Run, total_steps: int) -> tuple[Tree, dict[str, Any]] | None:
        """Returns what was saved of a run in flight; what is damaged is deleted, to be trained again."""
        try:
            saved = load_run(self._weights, run.id, self.objective.parameter_shapes())
            if saved is not None and saved[1]["step"] >= total_steps:
                raise WeightsLostError(f"it stands at step {saved[1]['step']} of {total_steps}")
        except WeightsLostError:
            self._weights.forget_lane(run.id)
            self.damaged += 1
            return None
        return saved

    def start_of(self, run: Run) -> tuple[Tree, tuple[str, ...]]:
        """Returns the initial parameters of a run as numpy arrays, its head widened for the lanes.

        And what there is to say of the head that it inherits.

        Raises:
            IntertrainError: the base model cannot be loaded any more, or has an output of its own.
            WeightsLostError: the source's model cannot be used.
        """
        objective = self.objective
        names: Sequence[str] | None
        if run.base.source_run is None:
            model = self._bases.load(ref_of(run))
            body, old_head = self._body(model.params), model.head
            names = class_names(model.hf_config, classes_of(old_head))
            if old_head and isinstance(objective, TextToText) and not objective.own_head:
                raise IntertrainError(
                    f"Model '{run.base.label}' must give its output by its words, as the pretrained"
                    " model does, but its file has another output; set protocol.method=probe."
                )
        else:
            assert run.base.source_task is not None
            like = self.objective.saved_shapes(self._classes[run.base.source_task])
            saved = self._weights.load_source(run.base.source_run, like)
            body, old_head = self._body(saved), saved.get("head")
            names = self._labels[run.base.source_task]
        inherit = run.protocol.head == "inherit"
        notes: tuple[str, ...] = ()
        if inherit and isinstance(objective, Classification):
            old_head, notes = arranged_head(old_head, names, self._labels[run.target])
        classes = self._classes[run.target]
        head = self.objective.start_head(classes, run.seed, inherit, body, old_head)
        return {**body, **head}, notes

    def source_params(self, run: Run, lane_params: Tree) -> Tree:
        """Returns what to keep of a finished source run: host arrays, the head of its own width."""
        host = jax.tree.map(np.asarray, lane_params)
        return self.objective.saved_params(host, self._classes[run.target])

    def pretrained_body(self, plan: Plan) -> Tree:
        """Returns θ_PT without a head, for the `l2_to_base` penalty."""
        pretrained = next(run for run in plan.runs if run.kind == "pretrained")
        return self._body(self._bases.load(ref_of(pretrained)).params)

    def _body(self, params: Tree) -> Tree:
        """Returns what a lane trains beside its head: a T5 that classifies has no decoder."""
        names = self.objective.parameter_shapes().keys() - {"head"}
        return {name: params[name] for name in params if name in names}
